//! Request and response bodies of posts.
use poem_openapi::Object;
use serde::Serialize;

use crate::{
    domain::{id::Id, timestamp::Timestamp},
    http::{
        auth::Principal, cache_control::CacheControl, etag::ETag, merge_patch::Patch, response::Resource,
    },
    resources::{accounts::users::AuthorRef, content::tags::TagRef},
};

/// A post with all fields.
#[derive(Debug, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Post {
    /// The unique, permanent identifier.
    pub id: Id<Post>,
    /// The identifier of the post in URLs; unique. Former slugs redirect to the current one.
    #[oai(validator(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", min_length = "1", max_length = "120"))]
    pub slug: String,
    /// The title.
    #[oai(validator(min_length = "1", max_length = "200"))]
    pub title: String,
    /// The body text, in Markdown.
    #[oai(validator(min_length = "1", max_length = "200000"))]
    pub content: String,
    /// A short summary for lists.
    #[oai(validator(min_length = "1", max_length = "500"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
    /// The URL of the cover image.
    #[oai(validator(pattern = "^https?://[^\\u0000-\\u0020]+$", min_length = "8", max_length = "2000"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cover_image: Option<String>,
    /// The author.
    pub author: AuthorRef,
    /// The co-authors, in order.
    #[oai(validator(max_items = "10"))]
    pub coauthors: Vec<AuthorRef>,
    /// The tags, in order.
    #[oai(validator(max_items = "10"))]
    pub tags: Vec<TagRef>,
    /// Whether the post is public.
    pub published: bool,
    /// The publication time; omitted for drafts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published_at: Option<Timestamp>,
    /// The scheduled publication time; included only for callers that can edit the post.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish_at: Option<Timestamp>,
    /// The scheduled time at which the post becomes a draft again; included only for callers that can edit
    /// the post.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unpublish_at: Option<Timestamp>,
    /// The number of approved comments.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub comments_count: i64,
    /// The creation time.
    pub created_at: Timestamp,
    /// The time of the last change.
    pub updated_at: Timestamp,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) version: i64,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) deleted_at: Option<Timestamp>,
    /// Whether a preview link granted access. Such a response must not be cached or indexed.
    #[oai(skip)]
    #[serde(skip)]
    pub(super) previewed: bool,
}

impl Post {
    /// Removes the schedule unless the viewer can edit the post.
    pub(super) fn redacted_for(self, viewer: Option<&Principal>) -> Self {
        match viewer.is_some_and(|viewer| viewer.role.is_editor() || viewer.user == self.author.id.0) {
            true => self,
            false => Post { publish_at: None, unpublish_at: None, ..self },
        }
    }
}

impl Resource for Post {
    const HEADERS: &'static [&'static str] = &["Last-Modified", "X-Robots-Tag"];

    fn etag(&self) -> ETag {
        // Names of authors and tags are part of the representation, but their changes do not increment the
        // version.
        let mut parts = vec![self.id.to_string(), self.version.to_string(), self.comments_count.to_string()];
        for author in [&self.author].into_iter().chain(&self.coauthors) {
            parts.extend(author.parts());
        }
        for tag in &self.tags {
            parts.extend([tag.slug.to_string(), tag.name.to_string()]);
        }
        for (name, at) in [("publish", self.publish_at), ("unpublish", self.unpublish_at)] {
            parts.extend(at.map(|at| format!("{name} {at}")));
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        ETag::from_parts(&parts)
    }
    fn location(&self) -> String {
        format!("/api/posts/{}", self.id)
    }
    fn last_modified(&self) -> Option<Timestamp> {
        Some(self.updated_at)
    }
    fn noindex(&self) -> bool {
        self.previewed
    }
    fn cache(&self) -> CacheControl {
        if self.previewed {
            return CacheControl::NoStore;
        }
        if self.published {
            CacheControl::Shared { s_maxage: 300, stale_while_revalidate: 600 }
        } else {
            CacheControl::Private
        }
    }
}

/// A post in a list. The fields `excerpt`, `coverImage` and `content` are included as the query parameter
/// `fields` requests.
#[derive(Debug, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct PostSummary {
    /// The unique, permanent identifier.
    pub id: Id<Post>,
    /// The identifier of the post in URLs.
    #[oai(validator(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", min_length = "1", max_length = "120"))]
    pub slug: String,
    /// The title.
    #[oai(validator(min_length = "1", max_length = "200"))]
    pub title: String,
    /// The author.
    pub author: AuthorRef,
    /// The co-authors, in order.
    #[oai(validator(max_items = "10"))]
    pub coauthors: Vec<AuthorRef>,
    /// The tags, in order.
    #[oai(validator(max_items = "10"))]
    pub tags: Vec<TagRef>,
    /// Whether the post is public.
    pub published: bool,
    /// The publication time; omitted for drafts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published_at: Option<Timestamp>,
    /// The scheduled publication time; included only for callers that can edit the post.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish_at: Option<Timestamp>,
    /// The scheduled time at which the post becomes a draft again; included only for callers that can edit
    /// the post.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unpublish_at: Option<Timestamp>,
    /// The number of approved comments.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub comments_count: i64,
    /// The creation time.
    pub created_at: Timestamp,
    /// The time of the last change.
    pub updated_at: Timestamp,
    /// The deletion time; included only with `deleted=only`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
    /// A short summary for lists; omitted if the post has none.
    #[oai(validator(min_length = "1", max_length = "500"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
    /// The URL of the cover image; omitted if the post has none.
    #[oai(validator(pattern = "^https?://[^\\u0000-\\u0020]+$", min_length = "8", max_length = "2000"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cover_image: Option<String>,
    /// The body text, in Markdown; included only with `fields=content`.
    #[oai(validator(min_length = "1", max_length = "200000"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

/// A new post.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct NewPost {
    /// The title; leading and trailing white space is removed.
    #[oai(validator(
        min_length = "1",
        max_length = "200",
        pattern = "^[^\\u0000]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\ufeff][^\\u0000]*$"
    ))]
    pub title: String,
    /// The body text, in Markdown.
    #[oai(validator(min_length = "10", max_length = "200000"))]
    pub content: String,
    /// The identifier of the post in URLs; must be unique. Default: derived from the title, with a number if
    /// that slug already exists.
    #[oai(validator(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", min_length = "1", max_length = "100"))]
    pub slug: Option<String>,
    /// A short summary for lists.
    #[oai(validator(min_length = "1", max_length = "500"))]
    pub excerpt: Option<String>,
    /// The URL of the cover image.
    #[oai(validator(
        pattern = "^https?://[A-Za-z0-9][^\\u0000-\\u0020\"<>\\\\^`{|}]*$",
        min_length = "8",
        max_length = "2000"
    ))]
    pub cover_image: Option<String>,
    /// The names of the tags; unknown tags are created. Names that differ only in case or accents are the
    /// same tag.
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
    /// Whether the post is published immediately.
    #[oai(default)]
    pub published: bool,
    /// The scheduled publication time, for drafts; must be in the future.
    pub publish_at: Option<Timestamp>,
    /// The scheduled time at which the post becomes a draft again; must be in the future and after
    /// `publishAt`.
    pub unpublish_at: Option<Timestamp>,
}

/// The replacement of a post. Omitted fields get the defaults of a new post, except that the slug is
/// unchanged.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct PostReplacement {
    /// The title; leading and trailing white space is removed.
    #[oai(validator(
        min_length = "1",
        max_length = "200",
        pattern = "^[^\\u0000]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\ufeff][^\\u0000]*$"
    ))]
    pub title: String,
    /// The body text, in Markdown.
    #[oai(validator(min_length = "10", max_length = "200000"))]
    pub content: String,
    /// The new identifier of the post in URLs; must be unique. The former slug redirects to it.
    #[oai(validator(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", min_length = "1", max_length = "100"))]
    pub slug: Option<String>,
    /// A short summary for lists.
    #[oai(validator(min_length = "1", max_length = "500"))]
    pub excerpt: Option<String>,
    /// The URL of the cover image.
    #[oai(validator(
        pattern = "^https?://[A-Za-z0-9][^\\u0000-\\u0020\"<>\\\\^`{|}]*$",
        min_length = "8",
        max_length = "2000"
    ))]
    pub cover_image: Option<String>,
    /// The names of the tags.
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
    /// Whether the post is public.
    #[oai(default)]
    pub published: bool,
    /// The scheduled publication time, for drafts; must be in the future.
    pub publish_at: Option<Timestamp>,
    /// The scheduled time at which the post becomes a draft again; must be in the future and after
    /// `publishAt`.
    pub unpublish_at: Option<Timestamp>,
}

/// A merge patch for a post: omitted fields are unchanged, `null` clears a field.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct PostPatch {
    /// The title; leading and trailing white space is removed.
    #[oai(validator(
        min_length = "1",
        max_length = "200",
        pattern = "^[^\\u0000]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\ufeff][^\\u0000]*$"
    ))]
    pub title: Option<String>,
    /// The body text, in Markdown.
    #[oai(validator(min_length = "10", max_length = "200000"))]
    pub content: Option<String>,
    /// The new identifier of the post in URLs; must be unique. The former slug redirects to it.
    #[oai(validator(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", min_length = "1", max_length = "100"))]
    pub slug: Option<String>,
    /// A short summary for lists; `null` clears it.
    #[oai(validator(min_length = "1", max_length = "500"))]
    pub excerpt: Patch<String>,
    /// The URL of the cover image; `null` clears it.
    #[oai(validator(
        pattern = "^https?://[A-Za-z0-9][^\\u0000-\\u0020\"<>\\\\^`{|}]*$",
        min_length = "8",
        max_length = "2000"
    ))]
    pub cover_image: Patch<String>,
    /// The names of all tags of the post; replaces the current ones.
    #[oai(validator(
        max_items = "10",
        min_length = "1",
        max_length = "50",
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\ufeff][^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*$"
    ))]
    pub tags: Option<Vec<String>>,
    /// Whether the post is public; `true` publishes it now and clears `publishAt`.
    pub published: Option<bool>,
    /// The scheduled publication time, for drafts; must be in the future. `null` clears it.
    pub publish_at: Patch<Timestamp>,
    /// The scheduled time at which the post becomes a draft again; must be in the future and after
    /// `publishAt`. `null` clears it.
    pub unpublish_at: Patch<Timestamp>,
}

/// A link that grants read access to one post until it expires.
#[derive(Debug, Object, Serialize)]
#[oai(rename_all = "camelCase", example)]
#[serde(rename_all = "camelCase")]
pub struct PreviewLink {
    /// The unique identifier of the link.
    pub id: Id<PreviewLink>,
    /// The path and query of the post with the token, on this server.
    #[oai(validator(min_length = "10", max_length = "500", pattern = "^/api/posts/[A-Za-z0-9_?=.-]+$"))]
    pub url: String,
    /// The token in `url`.
    #[oai(validator(min_length = "10", max_length = "200", pattern = "^[A-Za-z0-9_.-]+$"))]
    pub token: String,
    /// The expiry time of the link.
    pub expires_at: Timestamp,
}

impl Resource for PreviewLink {
    fn etag(&self) -> ETag {
        ETag::from_parts(&[&self.token])
    }
    fn location(&self) -> String {
        self.url.clone()
    }
    fn cache(&self) -> CacheControl {
        CacheControl::NoStore
    }
}
