//! How a post looks on the wire.
use poem_openapi::Object;
use serde::Serialize;

use super::super::{tags::TagRef, users::AuthorRef};
use crate::contract::{
    answer::Resource, cache::Cache, caller::Principal, etag::ETag, id::Id, patch::Given, time::Timestamp,
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
    /// When everybody is going to be able to read it; shown to whoever may change it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish_at: Option<Timestamp>,
    /// When it is going to be a draft again; shown to whoever may change it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unpublish_at: Option<Timestamp>,
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

impl Post {
    /// The post as this viewer may see it: what is to come is a matter of whoever may change it.
    pub(super) fn seen_by(self, viewer: Option<&Principal>) -> Self {
        match viewer.is_some_and(|viewer| viewer.role.edits() || viewer.user == self.author.id.0) {
            true => self,
            false => Post { publish_at: None, unpublish_at: None, ..self },
        }
    }
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
        for (name, at) in [("publish", self.publish_at), ("unpublish", self.unpublish_at)] {
            parts.extend(at.map(|at| format!("{name} {at}")));
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
    /// When everybody is going to be able to read it; shown to whoever may change it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish_at: Option<Timestamp>,
    /// When it is going to be a draft again; shown to whoever may change it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unpublish_at: Option<Timestamp>,
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
        pattern = "^[^\\u0000]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\ufeff][^\\u0000]*$"
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
            pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\ufeff][^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*$"
        )
    )]
    pub tags: Vec<String>,
    /// Whether everybody may read it at once.
    #[oai(default)]
    pub published: bool,
    /// When everybody may read it, in the future.
    pub publish_at: Option<Timestamp>,
    /// When it is a draft again, after that.
    pub unpublish_at: Option<Timestamp>,
}

/// A post as it shall be from now on; what is left out is as in a new post, but the slug stays.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct PostReplacement {
    /// The heading; white space around it is dropped.
    #[oai(validator(
        min_length = "1",
        max_length = "200",
        pattern = "^[^\\u0000]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\ufeff][^\\u0000]*$"
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
            pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\ufeff][^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*$"
        )
    )]
    pub tags: Vec<String>,
    /// Whether everybody may read it.
    #[oai(default)]
    pub published: bool,
    /// When everybody may read it, in the future.
    pub publish_at: Option<Timestamp>,
    /// When it is a draft again, after that.
    pub unpublish_at: Option<Timestamp>,
}

/// What of a post shall change: members left out stay, `null` clears.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct PostPatch {
    /// The heading; white space around it is dropped.
    #[oai(validator(
        min_length = "1",
        max_length = "200",
        pattern = "^[^\\u0000]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\ufeff][^\\u0000]*$"
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
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\ufeff][^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*$"
    ))]
    pub tags: Option<Vec<String>>,
    /// Whether everybody may read it; `true` is now, whatever was to be later.
    pub published: Option<bool>,
    /// When everybody may read it, in the future; `null` takes that back.
    pub publish_at: Given<Timestamp>,
    /// When it is a draft again, after that; `null` takes that back.
    pub unpublish_at: Given<Timestamp>,
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
