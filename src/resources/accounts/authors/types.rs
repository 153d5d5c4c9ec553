//! The response body of authors.
use poem_openapi::{Object, types::Example};
use serde::Serialize;

use crate::{
    domain::id::Id,
    http::{cache_control::CacheControl, etag::ETag, pagination::PageParams, response::Resource},
    resources::accounts::users::{AuthorRef, User},
};

/// The public profile of a user.
#[derive(Debug, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Author {
    /// The user's id.
    pub id: Id<User>,
    /// The display name.
    #[oai(validator(min_length = "1", max_length = "100"))]
    pub name: String,
    /// A short biography.
    #[oai(validator(min_length = "1", max_length = "1000"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bio: Option<String>,
    /// The URL of the user's website.
    #[oai(validator(pattern = "^https?://[^\\u0000-\\u0020]+$", min_length = "8", max_length = "2000"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The URL of the avatar image.
    #[oai(validator(pattern = "^https?://[^\\u0000-\\u0020]+$", min_length = "8", max_length = "2000"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    /// The number of published posts, as author or co-author.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub posts_count: i64,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) version: i64,
}

impl Resource for Author {
    fn etag(&self) -> ETag {
        let (id, version, posts) =
            (self.id.to_string(), self.version.to_string(), self.posts_count.to_string());
        ETag::from_parts(&["author", &id, &version, &posts])
    }
    fn location(&self) -> String {
        format!("/api/authors/{}", self.id)
    }
    fn cache(&self) -> CacheControl {
        CacheControl::Shared { s_maxage: 300, stale_while_revalidate: 600 }
    }
}

impl Example for Author {
    fn example() -> Self {
        let AuthorRef { id, name, avatar_url, bio } = AuthorRef::example();
        let url = User::example().url;
        Author { id, name, bio, url, avatar_url, posts_count: 12, version: 2 }
    }
}

/// Filters of the list of authors.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct AuthorQuery {
    #[oai(flatten)]
    pub paging: PageParams,
    /// Return only authors whose name contains each of these terms. ASCII letters are case-insensitive.
    #[oai(validator(min_length = "1", max_length = "100"))]
    pub q: Option<String>,
}

impl Example for AuthorQuery {
    fn example() -> Self {
        let paging = PageParams::example();
        AuthorQuery { paging, q: Some("turner".into()) }
    }
}
