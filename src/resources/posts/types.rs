//! How a post looks on the wire.
use poem_openapi::{Enum, Object};
use serde::Serialize;

use super::super::{
    tags::TagRef,
    trash::Deleted,
    users::{AuthorRef, User},
};
use crate::contract::{
    answer::Resource, cache::Cache, etag::ETag, id::Id, page::Paging, patch::Given, time::Timestamp,
};

/// A post as a whole.
#[derive(Debug, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Post {
    /// What the post is known by for good.
    pub id: Id<Post>,
    /// The name of the post in addresses; unique. Former ones lead to the present one.
    #[oai(validator(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", min_length = "1", max_length = "120"))]
    pub slug: String,
    /// The heading.
    #[oai(validator(min_length = "1", max_length = "200"))]
    pub title: String,
    /// The text, in Markdown.
    #[oai(validator(min_length = "1", max_length = "200000"))]
    pub content: String,
    /// A short text for lists.
    #[oai(validator(min_length = "1", max_length = "500"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
    /// The address of a picture.
    #[oai(validator(pattern = "^https?://[^\\u0000-\\u0020]+$", min_length = "8", max_length = "2000"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cover_image: Option<String>,
    /// Who wrote it.
    pub author: AuthorRef,
    /// Who wrote it together with the author.
    #[oai(validator(max_items = "10"))]
    pub coauthors: Vec<AuthorRef>,
    /// What it is about.
    #[oai(validator(max_items = "10"))]
    pub tags: Vec<TagRef>,
    /// Whether everybody may read it.
    pub published: bool,
    /// When it was published; left out in drafts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published_at: Option<Timestamp>,
    /// How many approved comments it has.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub comments_count: i64,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) version: i64,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) deleted_at: Option<Timestamp>,
    /// Shown by a preview link: nobody may keep a copy.
    #[oai(skip)]
    #[serde(skip)]
    pub(super) previewed: bool,
}

impl Resource for Post {
    const FIELDS: &'static [&'static str] = &["Last-Modified", "X-Robots-Tag"];

    fn etag(&self) -> ETag {
        // A renamed author or tag changes the representation without a new version of the row.
        let mut parts = vec![self.id.to_string(), self.version.to_string(), self.comments_count.to_string()];
        for author in [&self.author].into_iter().chain(&self.coauthors) {
            parts.extend(author.parts());
        }
        for tag in &self.tags {
            parts.extend([tag.slug.clone(), tag.name.clone()]);
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        ETag::of_parts(&parts)
    }
    fn location(&self) -> String {
        format!("/api/posts/{}", self.id)
    }
    fn modified(&self) -> Option<Timestamp> {
        Some(self.updated_at)
    }
    fn hidden(&self) -> bool {
        self.previewed
    }
    fn cache(&self) -> Cache {
        if self.previewed {
            return Cache::None;
        }
        if self.published { Cache::Shared { max_age: 300, stale: 600 } } else { Cache::Private }
    }
}

/// A post as an entry of a list. The members from `id` to `updatedAt` are always there; `fields` says
/// which of the others come with them.
#[derive(Debug, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct PostSummary {
    /// What the post is known by for good.
    pub id: Id<Post>,
    /// The name of the post in addresses.
    #[oai(validator(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", min_length = "1", max_length = "120"))]
    pub slug: String,
    /// The heading.
    #[oai(validator(min_length = "1", max_length = "200"))]
    pub title: String,
    /// Who wrote it.
    pub author: AuthorRef,
    /// Who wrote it together with the author.
    #[oai(validator(max_items = "10"))]
    pub coauthors: Vec<AuthorRef>,
    /// What it is about.
    #[oai(validator(max_items = "10"))]
    pub tags: Vec<TagRef>,
    /// Whether everybody may read it.
    pub published: bool,
    /// When it was published; left out in drafts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published_at: Option<Timestamp>,
    /// How many approved comments it has.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub comments_count: i64,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it was put into the trash; only there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
    /// A short text for lists, if the post has one.
    #[oai(validator(min_length = "1", max_length = "500"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
    /// The address of a picture, if the post has one.
    #[oai(validator(pattern = "^https?://[^\\u0000-\\u0020]+$", min_length = "8", max_length = "2000"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cover_image: Option<String>,
    /// The text, in Markdown; only with `fields=content`.
    #[oai(validator(min_length = "1", max_length = "200000"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

/// A post to be written.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct NewPost {
    /// The heading; white space around it is dropped.
    #[oai(validator(
        min_length = "1",
        max_length = "200",
        pattern = "^[^\\u0000]*[^\\u0000-\\u0020][^\\u0000]*$"
    ))]
    pub title: String,
    /// The text, in Markdown.
    #[oai(validator(min_length = "10", max_length = "200000"))]
    pub content: String,
    /// The name of the post in addresses. Left out, it is made from the title; a taken one gets a number.
    #[oai(validator(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", min_length = "1", max_length = "100"))]
    pub slug: Option<String>,
    /// A short text for lists.
    #[oai(validator(min_length = "1", max_length = "500"))]
    pub excerpt: Option<String>,
    /// The address of a picture.
    #[oai(validator(
        pattern = "^https?://[A-Za-z0-9][^\\u0000-\\u0020\"<>\\\\^`{|}]*$",
        min_length = "8",
        max_length = "2000"
    ))]
    pub cover_image: Option<String>,
    /// The names of its tags. Names that differ only in case or accents are one tag.
    #[oai(
        default,
        validator(
            max_items = "10",
            min_length = "1",
            max_length = "50",
            pattern = "^[^\\u0000]*[^\\u0000-\\u0020][^\\u0000]*$"
        )
    )]
    pub tags: Vec<String>,
    /// Whether everybody may read it at once.
    #[oai(default)]
    pub published: bool,
}

/// A post as it shall be from now on; what is left out is as in a new post, but the slug stays.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct PostReplacement {
    /// The heading; white space around it is dropped.
    #[oai(validator(
        min_length = "1",
        max_length = "200",
        pattern = "^[^\\u0000]*[^\\u0000-\\u0020][^\\u0000]*$"
    ))]
    pub title: String,
    /// The text, in Markdown.
    #[oai(validator(min_length = "10", max_length = "200000"))]
    pub content: String,
    /// A new name of the post in addresses; the old one keeps leading to it.
    #[oai(validator(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", min_length = "1", max_length = "100"))]
    pub slug: Option<String>,
    /// A short text for lists.
    #[oai(validator(min_length = "1", max_length = "500"))]
    pub excerpt: Option<String>,
    /// The address of a picture.
    #[oai(validator(
        pattern = "^https?://[A-Za-z0-9][^\\u0000-\\u0020\"<>\\\\^`{|}]*$",
        min_length = "8",
        max_length = "2000"
    ))]
    pub cover_image: Option<String>,
    /// The names of its tags.
    #[oai(
        default,
        validator(
            max_items = "10",
            min_length = "1",
            max_length = "50",
            pattern = "^[^\\u0000]*[^\\u0000-\\u0020][^\\u0000]*$"
        )
    )]
    pub tags: Vec<String>,
    /// Whether everybody may read it.
    #[oai(default)]
    pub published: bool,
}

/// What of a post shall change: members left out stay, `null` clears.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct PostPatch {
    /// The heading; white space around it is dropped.
    #[oai(validator(
        min_length = "1",
        max_length = "200",
        pattern = "^[^\\u0000]*[^\\u0000-\\u0020][^\\u0000]*$"
    ))]
    pub title: Option<String>,
    /// The text, in Markdown.
    #[oai(validator(min_length = "10", max_length = "200000"))]
    pub content: Option<String>,
    /// A new name of the post in addresses; the old one keeps leading to it.
    #[oai(validator(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", min_length = "1", max_length = "100"))]
    pub slug: Option<String>,
    /// A short text for lists; `null` clears it.
    #[oai(validator(min_length = "1", max_length = "500"))]
    pub excerpt: Given<String>,
    /// The address of a picture; `null` clears it.
    #[oai(validator(
        pattern = "^https?://[A-Za-z0-9][^\\u0000-\\u0020\"<>\\\\^`{|}]*$",
        min_length = "8",
        max_length = "2000"
    ))]
    pub cover_image: Given<String>,
    /// The names of its tags, all of them.
    #[oai(validator(
        max_items = "10",
        min_length = "1",
        max_length = "50",
        pattern = "^[^\\u0000]*[^\\u0000-\\u0020][^\\u0000]*$"
    ))]
    pub tags: Option<Vec<String>>,
    /// Whether everybody may read it.
    pub published: Option<bool>,
}

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

/// A link that shows a draft to whoever has it, until it expires.
#[derive(Debug, Object, Serialize)]
#[oai(rename_all = "camelCase", example)]
#[serde(rename_all = "camelCase")]
pub struct PreviewLink {
    /// What the link is known by.
    pub id: Id<PreviewLink>,
    /// An address on this service that answers with the draft.
    #[oai(validator(min_length = "10", max_length = "500", pattern = "^/api/posts/[A-Za-z0-9_?=.-]+$"))]
    pub url: String,
    /// The token in that address.
    #[oai(validator(min_length = "10", max_length = "200", pattern = "^[A-Za-z0-9_.-]+$"))]
    pub token: String,
    /// When the link ends.
    pub expires_at: Timestamp,
}

impl Resource for PreviewLink {
    fn etag(&self) -> ETag {
        ETag::of_parts(&[&self.token])
    }
    fn location(&self) -> String {
        self.url.clone()
    }
    fn cache(&self) -> Cache {
        Cache::None
    }
}

/// How a post is asked for.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct PreviewQuery {
    /// The token of a preview link; with it the post is shown whether or not it is published.
    #[oai(validator(min_length = "10", max_length = "200", pattern = "^[A-Za-z0-9_.-]+$"))]
    pub preview: Option<String>,
}
