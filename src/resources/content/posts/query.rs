//! Query parameters of the operations on posts.
use poem_openapi::{Enum, Object, types::Example};

use super::types::{CREATED, PreviewToken, post_id};
use crate::{
    domain::{
        id::Id,
        names::names_type,
        pattern,
        text::{SearchTerms, text_type},
        timestamp::Timestamp,
    },
    http::pagination::PageParams,
    resources::{accounts::users::User, content::trash::Deleted},
};

names_type! {
    /// The sort order of posts.
    pub struct PostSort {
        names: ["publishedAt", "createdAt", "updatedAt", "title"],
        signed: true,
        max: 4,
        example: "-publishedAt,title",
    }

    /// The optional fields of posts in lists.
    pub struct PostFields {
        names: ["excerpt", "coverImage", "content"],
        signed: false,
        max: 3,
        example: "excerpt,content",
    }
}

text_type! {
    /// Slugs of tags, separated by commas.
    pub struct TagFilter {
        length: 1..=500,
        pattern: pattern::SLUGS,
        example: "joinery",
    }
}

/// Filters, order and fields of a list of posts.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct PostQuery {
    #[oai(flatten)]
    pub paging: PageParams,
    /// Tag slugs: posts with at least one of the comma-separated slugs. Repeat the parameter to require
    /// several tags.
    #[oai(default, validator(max_items = "10"))]
    pub tag: Vec<TagFilter>,
    /// Posts with this author or co-author.
    pub author: Option<Id<User>>,
    /// State of the posts; drafts are listed only if the caller can read them. Default: `published`, with
    /// `deleted=only` `any`.
    pub status: Option<PostStatus>,
    /// `only` lists deleted posts instead, latest deletion first: authors get their own, editors get all.
    pub deleted: Option<Deleted>,
    /// Search terms, separated by spaces. Title or excerpt must contain all of them; case and accents are
    /// ignored.
    pub q: Option<SearchTerms>,
    /// Posts published at or after this time.
    #[oai(rename = "publishedAt[gte]")]
    pub published_from: Option<Timestamp>,
    /// Posts published before this time.
    #[oai(rename = "publishedAt[lt]")]
    pub published_before: Option<Timestamp>,
    /// Sort order: comma-separated field names, descending with the prefix `-`. Ties are sorted by id.
    pub sort: Option<PostSort>,
    /// Comma-separated optional fields to include. Default: `excerpt,coverImage`.
    pub fields: Option<PostFields>,
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
    pub preview: Option<PreviewToken>,
}

impl Example for PostQuery {
    fn example() -> Self {
        PostQuery {
            paging: PageParams::example(),
            tag: vec!["joinery".into()],
            author: Some(post_id()),
            status: Some(PostStatus::Published),
            deleted: Some(Deleted::Only),
            q: Some("joint".into()),
            published_from: Some(CREATED),
            published_before: Some(Timestamp(1_795_252_800_000)),
            sort: Some("-publishedAt,title".into()),
            fields: Some("excerpt,content".into()),
            expand: Some(PostExpand::Author),
        }
    }
}

impl Example for PreviewQuery {
    fn example() -> Self {
        PreviewQuery { preview: Some("AZnA3npbfD2OHyo7TF1ufw.kq3mVx0Y2nZr8sT1uWcB4g".into()) }
    }
}
