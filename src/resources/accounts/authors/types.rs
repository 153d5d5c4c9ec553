//! The response body of authors.
use poem_openapi::{Object, types::Example};
use serde::Serialize;

use crate::{
    domain::{
        id::Id,
        text::{PersonName, SearchTerms, Text, WebUrl},
    },
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
    pub name: PersonName,
    /// A short biography.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bio: Option<Text<1000>>,
    /// The URL of the user's website.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<WebUrl>,
    /// The URL of the avatar image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<WebUrl>,
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
    pub q: Option<SearchTerms>,
}

impl Example for AuthorQuery {
    fn example() -> Self {
        let paging = PageParams::example();
        AuthorQuery { paging, q: Some("turner".into()) }
    }
}
