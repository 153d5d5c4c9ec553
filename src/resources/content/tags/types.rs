//! Request and response bodies of tags.
use poem_openapi::{Enum, Object, types::Example};
use serde::Serialize;

use crate::{
    domain::{
        slug::{Slug, SlugPart},
        text::{TagName, Text},
        timestamp::Timestamp,
    },
    http::{
        cache_control::CacheControl, etag::ETag, merge_patch::Patch, pagination::PageParams,
        response::Resource,
    },
};

/// A reference to a tag.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", example)]
#[serde(rename_all = "camelCase")]
pub struct TagRef {
    /// The identifier of the tag in filters and URLs.
    pub slug: Slug<100>,
    /// The display name.
    pub name: TagName,
}

/// A tag with the number of its posts.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename = "Tag", rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct TagView {
    /// The identifier of the tag in filters and URLs; unique.
    pub slug: Slug<100>,
    /// The display name.
    pub name: TagName,
    /// The description; omitted if the tag has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Text<500>>,
    /// The number of published posts with the tag.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub posts_count: i64,
    /// The time of the last change of the tag; changes of its posts do not count.
    pub updated_at: Timestamp,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) version: i64,
}

impl Resource for TagView {
    fn etag(&self) -> ETag {
        ETag::from_parts(&[&self.slug, &self.version.to_string(), &self.posts_count.to_string()])
    }
    fn location(&self) -> String {
        format!("/api/tags/{}", self.slug)
    }
    fn cache(&self) -> CacheControl {
        CacheControl::PUBLIC
    }
}

/// A tag without its slug, which is in the URL.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct TagInput {
    /// The display name; leading and trailing white space is removed.
    pub name: TagName,
    /// The description. If omitted, the tag has none.
    pub description: Option<Text<500>>,
}

/// A merge patch for a tag: omitted fields are unchanged, `null` clears a field.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct TagPatch {
    /// The display name; leading and trailing white space is removed.
    pub name: Option<TagName>,
    /// The new identifier in filters and URLs; must be unique.
    pub slug: Option<Slug<100>>,
    /// The description; `null` clears it.
    pub description: Patch<Text<500>>,
}

/// Filter and order of a list of tags.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct TagQuery {
    #[oai(flatten)]
    pub paging: PageParams,
    /// Substring of the slug.
    pub q: Option<SlugPart>,
    /// Sort order. Ties are sorted by slug.
    #[oai(default)]
    pub sort: TagSort,
}

/// Sort orders of tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Enum)]
pub enum TagSort {
    /// By slug, ascending.
    #[default]
    #[oai(rename = "slug")]
    Slug,
    /// By slug, descending.
    #[oai(rename = "-slug")]
    SlugDescending,
    /// By the number of published posts, descending.
    #[oai(rename = "-postsCount")]
    PostsDescending,
}

impl Example for TagRef {
    fn example() -> Self {
        TagRef { slug: "joinery".into(), name: "Joinery".into() }
    }
}

impl Example for TagView {
    fn example() -> Self {
        TagView {
            slug: "joinery".into(),
            name: "Joinery".into(),
            description: Some("Wood that holds without nails.".into()),
            posts_count: 1,
            updated_at: Timestamp(1_763_717_400_000),
            version: 1,
        }
    }
}

impl Example for TagInput {
    fn example() -> Self {
        TagInput { name: "Joinery".into(), description: Some("Wood that holds without nails.".into()) }
    }
}

impl Example for TagPatch {
    fn example() -> Self {
        TagPatch {
            name: Some("Fine joinery".into()),
            slug: Some("fine-joinery".into()),
            description: Patch::Value("Wood that holds without nails.".into()),
        }
    }
}

impl Example for TagQuery {
    fn example() -> Self {
        TagQuery { paging: PageParams::example(), q: Some("join".into()), sort: TagSort::PostsDescending }
    }
}
