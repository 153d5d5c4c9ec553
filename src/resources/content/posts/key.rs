//! Addresses of posts in URLs.
use std::{convert::Infallible, fmt, str::FromStr};

use entity::post;
use poem_openapi::registry::MetaSchema;
use sea_orm::{ColumnTrait, sea_query::SimpleExpr};
use uuid::Uuid;

use super::types::Post;
use crate::domain::{id::Id, pattern, scalar::string_scalar};

/// The address of a post in a URL: its id or its slug.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PostKey {
    Id(Id<Post>),
    Slug(String),
}

impl PostKey {
    /// Returns the condition that selects the post. A former slug selects no post.
    pub fn matches(&self) -> SimpleExpr {
        match self {
            PostKey::Id(id) => post::Column::Id.eq(id.0),
            PostKey::Slug(slug) => post::Column::Slug.eq(slug),
        }
    }
}

/// Replaces the third segment of `target`, the path and query of a request to `/api/posts/{post}` or below, by
/// the current slug.
pub fn with_current_slug(target: &str, slug: &str) -> String {
    let rest = target.match_indices(['/', '?']).nth(3).map_or("", |(at, _)| &target[at..]);
    format!("/api/posts/{slug}{rest}")
}

/// Returns whether a slug has the form of an id, so that a URL with it would be ambiguous.
pub(super) fn is_id_form(slug: &str) -> bool {
    slug.len() == 36 && Uuid::try_parse(slug).is_ok()
}

impl FromStr for PostKey {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Infallible> {
        // `Uuid` also parses 32 digits without hyphens, which are a valid slug.
        Ok(match text.parse() {
            Ok(id) if is_id_form(text) => PostKey::Id(id),
            _ => PostKey::Slug(text.to_owned()),
        })
    }
}

impl fmt::Display for PostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PostKey::Id(id) => id.fmt(f),
            PostKey::Slug(slug) => f.write_str(slug),
        }
    }
}

// Upper case is for the hexadecimal digits of ids (RFC 9562, section 4). Slugs are in lower case.
string_scalar!([] PostKey, "post-key", MetaSchema {
    pattern: Some(pattern::ID_OR_SLUG.regex.to_owned()),
    min_length: Some(1),
    max_length: Some(120),
    example: Some("a-joint-that-fits".into()),
    ..MetaSchema::new("string")
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_keeps_the_rest_of_the_path_and_the_query() {
        for (target, location) in [
            ("/api/posts/old", "/api/posts/new"),
            ("/api/posts/%6fld/comments", "/api/posts/new/comments"),
            ("/api/posts/old?preview=a.b/c", "/api/posts/new?preview=a.b/c"),
            ("/api/posts/old/comments?limit=5&page=2", "/api/posts/new/comments?limit=5&page=2"),
        ] {
            assert_eq!(with_current_slug(target, "new"), location);
        }
    }

    #[test]
    fn an_id_takes_precedence_over_a_slug() {
        for (text, is_id) in [
            ("0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f", true),
            ("0199C0DE-7A5B-7C3D-8E1F-2A3B4C5D6E7F", true),
            ("0199c0de7a5b7c3d8e1f2a3b4c5d6e7f", false),
            ("0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7g", false),
            ("0199c0de7-a5b-7c3d-8e1f-2a3b4c5d6e7f", false),
            ("a-joint-that-fits", false),
        ] {
            let Ok(key) = text.parse::<PostKey>();
            assert_eq!(matches!(key, PostKey::Id(_)), is_id, "{text}");
            assert_eq!(key.to_string(), text.to_lowercase());
        }
    }
}
