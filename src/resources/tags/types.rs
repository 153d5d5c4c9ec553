//! How a tag looks on the wire.
use poem_openapi::{Enum, Object, types::Example};
use serde::Serialize;

use crate::contract::{
    answer::Resource, cache::Cache, etag::ETag, page::Paging, patch::Given, time::Timestamp,
};

/// A tag, by name.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", example)]
#[serde(rename_all = "camelCase")]
pub struct TagRef {
    /// What the tag is known by in filters.
    #[oai(validator(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", min_length = "1", max_length = "100"))]
    pub slug: String,
    /// What people read.
    #[oai(validator(min_length = "1", max_length = "50"))]
    pub name: String,
}

/// A tag as a whole.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename = "Tag", rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct TagView {
    /// What the tag is known by in filters and addresses.
    #[oai(validator(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", min_length = "1", max_length = "100"))]
    pub slug: String,
    /// What people read.
    #[oai(validator(min_length = "1", max_length = "50"))]
    pub name: String,
    /// What the tag is for, if somebody wrote it down.
    #[oai(validator(min_length = "1", max_length = "500"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How many published posts have it.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub posts_count: i64,
    /// When the tag itself was last changed.
    pub updated_at: Timestamp,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) version: i64,
}

impl Resource for TagView {
    fn etag(&self) -> ETag {
        ETag::of_parts(&[&self.slug, &self.version.to_string(), &self.posts_count.to_string()])
    }
    fn location(&self) -> String {
        format!("/api/tags/{}", self.slug)
    }
    fn cache(&self) -> Cache {
        Cache::PUBLIC
    }
}

/// A tag as it shall be from now on.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct TagReplacement {
    /// What people read; white space around it is dropped.
    #[oai(validator(
        min_length = "1",
        max_length = "50",
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\ufeff][^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*$"
    ))]
    pub name: String,
    /// What the tag is for.
    #[oai(validator(min_length = "1", max_length = "500"))]
    pub description: Option<String>,
}

/// What of a tag shall change: members left out stay, `null` clears.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct TagPatch {
    /// What people read; white space around it is dropped.
    #[oai(validator(
        min_length = "1",
        max_length = "50",
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\ufeff][^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*$"
    ))]
    pub name: Option<String>,
    /// A new name in filters and addresses.
    #[oai(validator(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", min_length = "1", max_length = "100"))]
    pub slug: Option<String>,
    /// What the tag is for; `null` clears it.
    #[oai(validator(min_length = "1", max_length = "500"))]
    pub description: Given<String>,
}

/// Which tags are listed, and in which order.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct TagQuery {
    #[oai(flatten)]
    pub paging: Paging,
    /// Text that the slug contains.
    #[oai(validator(pattern = "^[a-z0-9-]+$", min_length = "1", max_length = "100"))]
    pub q: Option<String>,
    /// The order. Equal tags follow by slug.
    #[oai(default)]
    pub sort: TagSort,
}

/// Orders of tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Enum)]
pub enum TagSort {
    /// By slug, rising.
    #[default]
    #[oai(rename = "slug")]
    Slug,
    /// By slug, falling.
    #[oai(rename = "-slug")]
    SlugFalling,
    /// By the number of published posts, most first.
    #[oai(rename = "-postsCount")]
    PostsFalling,
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

impl Example for TagReplacement {
    fn example() -> Self {
        TagReplacement { name: "Joinery".into(), description: Some("Wood that holds without nails.".into()) }
    }
}

impl Example for TagPatch {
    fn example() -> Self {
        TagPatch {
            name: Some("Fine joinery".into()),
            slug: Some("fine-joinery".into()),
            description: Given::Value("Wood that holds without nails.".into()),
        }
    }
}

impl Example for TagQuery {
    fn example() -> Self {
        TagQuery { paging: Paging::example(), q: Some("join".into()), sort: TagSort::PostsFalling }
    }
}
