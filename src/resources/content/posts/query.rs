//! Query parameters of the operations on posts.
use poem_openapi::{Enum, Object};

use crate::{
    domain::{id::Id, timestamp::Timestamp},
    http::pagination::PageParams,
    resources::{accounts::users::User, content::trash::Deleted},
};

/// Filters, order and fields of a list of posts.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct PostQuery {
    #[oai(flatten)]
    pub paging: PageParams,
    /// Tag slugs: posts with at least one of the comma-separated slugs. Repeat the parameter to require
    /// several tags.
    #[oai(
        default,
        validator(
            max_items = "10",
            pattern = "^[A-Za-z0-9]+(-[A-Za-z0-9]+)*(,[A-Za-z0-9]+(-[A-Za-z0-9]+)*)*$",
            min_length = "1",
            max_length = "500"
        )
    )]
    pub tag: Vec<String>,
    /// Posts with this author or co-author.
    pub author: Option<Id<User>>,
    /// State of the posts; drafts are listed only if the caller can read them. Default: `published`, with
    /// `deleted=only` `any`.
    pub status: Option<PostStatus>,
    /// `only` lists deleted posts instead, latest deletion first: authors get their own, editors get all.
    pub deleted: Option<Deleted>,
    /// Search terms, separated by spaces. Title or excerpt must contain all of them; case and accents are
    /// ignored.
    #[oai(validator(min_length = "1", max_length = "100"))]
    pub q: Option<String>,
    /// Posts published at or after this time.
    #[oai(rename = "publishedAt[gte]")]
    pub published_from: Option<Timestamp>,
    /// Posts published before this time.
    #[oai(rename = "publishedAt[lt]")]
    pub published_before: Option<Timestamp>,
    /// Sort order: comma-separated field names, descending with the prefix `-`. Ties are sorted by id.
    #[oai(validator(
        pattern = "^-?(publishedAt|createdAt|updatedAt|title)(,-?(publishedAt|createdAt|updatedAt|title)){0,3}$",
        min_length = "5",
        max_length = "60"
    ))]
    pub sort: Option<String>,
    /// Comma-separated optional fields to include. Default: `excerpt,coverImage`.
    #[oai(validator(
        pattern = "^(excerpt|coverImage|content)(,(excerpt|coverImage|content)){0,2}$",
        min_length = "7",
        max_length = "40"
    ))]
    pub fields: Option<String>,
    /// `author` includes the biographies of the authors.
    pub expand: Option<PostExpand>,
}

/// Filter for the state of posts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum PostStatus {
    /// Published posts.
    Published,
    /// Drafts, which only their authors and editors can read.
    Draft,
    /// Published posts and drafts.
    Any,
}

/// Relations that can be expanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum PostExpand {
    /// The author and the co-authors.
    Author,
}

/// Query parameters for getting a post.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct PreviewQuery {
    /// The token of a preview link. It grants access to the post, draft or published.
    #[oai(validator(min_length = "10", max_length = "200", pattern = "^[A-Za-z0-9_.-]+$"))]
    pub preview: Option<String>,
}
