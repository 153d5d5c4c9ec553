//! How posts are asked for.
use poem_openapi::{Enum, Object};

use super::super::{trash::Deleted, users::User};
use crate::contract::{id::Id, page::Paging, time::Timestamp};

/// Which posts are listed, in which order, and what of them.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct PostQuery {
    #[oai(flatten)]
    pub paging: Paging,
    /// Slugs of tags: posts with any of the slugs between commas. Given several times, all must be met.
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
    /// Posts by this author, alone or with others.
    pub author: Option<Id<User>>,
    /// Published posts, or drafts that the caller may see. Left out, it is `published`, and `any` in the trash.
    pub status: Option<PostStatus>,
    /// `only` lists the trash instead: to authors their own, to editors all. What was deleted last comes first.
    pub deleted: Option<Deleted>,
    /// Words that the title or the excerpt contain, whatever their case or accents.
    #[oai(validator(min_length = "1", max_length = "100"))]
    pub q: Option<String>,
    /// Published at this time or later.
    #[oai(rename = "publishedAt[gte]")]
    pub published_from: Option<Timestamp>,
    /// Published before this time.
    #[oai(rename = "publishedAt[lt]")]
    pub published_before: Option<Timestamp>,
    /// The order: names of members between commas, each with `-` for falling. Equal posts follow by id.
    #[oai(validator(
        pattern = "^-?(publishedAt|createdAt|updatedAt|title)(,-?(publishedAt|createdAt|updatedAt|title)){0,3}$",
        min_length = "5",
        max_length = "60"
    ))]
    pub sort: Option<String>,
    /// Which of the optional members come along, between commas; left out: `excerpt,coverImage`.
    #[oai(validator(
        pattern = "^(excerpt|coverImage|content)(,(excerpt|coverImage|content)){0,2}$",
        min_length = "7",
        max_length = "40"
    ))]
    pub fields: Option<String>,
    /// `author` adds what the authors say of themselves.
    pub expand: Option<PostExpand>,
}

/// Which posts by their state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum PostStatus {
    /// Those that everybody may read.
    Published,
    /// Those that only their authors and editors may read.
    Draft,
    /// Both.
    Any,
}

/// What may be told in more detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum PostExpand {
    /// The authors.
    Author,
}

/// How a post is asked for.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct PreviewQuery {
    /// The token of a preview link; with it the post is shown whether or not it is published.
    #[oai(validator(min_length = "10", max_length = "200", pattern = "^[A-Za-z0-9_.-]+$"))]
    pub preview: Option<String>,
}
