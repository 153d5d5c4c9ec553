//! Request and response bodies of posts.
use macros::MergePatch;
use poem_openapi::{Object, types::Example};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    domain::{
        id::Id,
        pattern,
        slug::Slug,
        text::{Markdown, TagName, Text, Title, WebUrl, text_type},
        timestamp::Timestamp,
    },
    http::{
        auth::{Ownership, Principal},
        cache_control::CacheControl,
        etag::ETag,
        response::Resource,
    },
    resources::{accounts::users::AuthorRef, content::tags::TagRef},
};

text_type! {
    /// The path and query of a preview link.
    pub struct PreviewPath {
        length: 10..=500,
        pattern: pattern::PREVIEW_PATH,
        debug: "[redacted]",
    }

    /// The token of a preview link.
    pub struct PreviewToken {
        length: 10..=200,
        pattern: pattern::TOKEN,
        debug: "[redacted]",
        example: "AZnA3npbfD2OHyo7TF1ufw.kq3mVx0Y2nZr8sT1uWcB4g",
    }
}

/// A post with all fields.
#[derive(Debug, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Post {
    /// The unique, permanent identifier.
    pub id: Id<Post>,
    /// The identifier of the post in URLs; unique. Former slugs redirect to the current one.
    pub slug: Slug<120>,
    /// The title.
    pub title: Title,
    /// The body text, in Markdown.
    pub content: Markdown<1, 200_000>,
    /// A short summary for lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<Text<500>>,
    /// The URL of the cover image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cover_image: Option<WebUrl>,
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
        match viewer.is_some_and(|viewer| viewer.edits(Ownership::Content, self.author.id.0)) {
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
    pub slug: Slug<120>,
    /// The title.
    pub title: Title,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<Text<500>>,
    /// The URL of the cover image; omitted if the post has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cover_image: Option<WebUrl>,
    /// The body text, in Markdown; included only with `fields=content`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Markdown<1, 200_000>>,
}

/// A post to create, or the replacement of a post.
#[derive(Debug, Object, MergePatch)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct PostInput {
    /// The title; leading and trailing white space is removed.
    pub title: Title,
    /// The body text, in Markdown.
    pub content: Markdown<10, 200_000>,
    /// The identifier of the post in URLs; must be unique. If omitted, a new post gets a slug derived from its
    /// title, with a number if that slug already exists, and the slug of an existing post is unchanged.
    #[merge_patch(
        required,
        doc = "The new identifier of the post in URLs; must be unique. The former slug redirects to it."
    )]
    pub slug: Option<Slug<100>>,
    /// A short summary for lists.
    pub excerpt: Option<Text<500>>,
    /// The URL of the cover image.
    pub cover_image: Option<WebUrl>,
    /// The names of all tags; unknown tags are created. Names that differ only in case or accents are the
    /// same tag.
    #[oai(default, validator(max_items = "10"))]
    pub tags: Vec<TagName>,
    /// Whether the post is published immediately.
    #[oai(default)]
    #[merge_patch(doc = "Whether the post is public; `true` publishes it now and clears `publishAt`.")]
    pub published: bool,
    /// The scheduled publication time, for drafts; must be in the future.
    pub publish_at: Option<Timestamp>,
    /// The scheduled time at which the post becomes a draft again; must be in the future and after
    /// `publishAt`.
    pub unpublish_at: Option<Timestamp>,
}

/// A link that grants read access to one post until it expires.
#[derive(Debug, Object, Serialize)]
#[oai(rename_all = "camelCase", example)]
#[serde(rename_all = "camelCase")]
pub struct PreviewLink {
    /// The unique identifier of the link.
    pub id: Id<PreviewLink>,
    /// The path and query of the post with the token, on this server.
    pub url: PreviewPath,
    /// The token in `url`.
    pub token: PreviewToken,
    /// The expiry time of the link.
    pub expires_at: Timestamp,
}

impl Resource for PreviewLink {
    fn etag(&self) -> ETag {
        ETag::from_parts(&[&self.token])
    }
    fn location(&self) -> String {
        self.url.to_string()
    }
    fn cache(&self) -> CacheControl {
        CacheControl::NoStore
    }
}

// Examples: one post, the same in all schemas.

const POST_ID: &str = "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f";

pub(super) fn post_id<T>() -> Id<T> {
    POST_ID.parse().unwrap_or_else(|_| Id::from(Uuid::nil()))
}

pub(super) const CREATED: Timestamp = Timestamp(1_763_715_600_000);
pub(super) const PUBLISHED: Timestamp = Timestamp(1_763_717_400_000);
/// A date in 2100, so that the example passes the check for future dates.
pub(super) const FUTURE: Timestamp = Timestamp(4_102_444_800_000);
pub(super) const TITLE: &str = "A joint that fits";
pub(super) const CONTENT: &str = "A tenon is the part of a joint that is *cut to fit*.";
pub(super) const EXCERPT: &str = "Why every client is cut from the same contract.";
pub(super) const COVER: &str = "https://www.acme.test/joint.webp";

impl Example for Post {
    fn example() -> Self {
        Post {
            id: post_id(),
            slug: "a-joint-that-fits".into(),
            title: TITLE.into(),
            content: CONTENT.into(),
            excerpt: Some(EXCERPT.into()),
            cover_image: Some(COVER.into()),
            author: AuthorRef::example(),
            coauthors: vec![],
            tags: vec![TagRef::example()],
            published: true,
            published_at: Some(PUBLISHED),
            publish_at: None,
            unpublish_at: Some(FUTURE),
            comments_count: 2,
            created_at: CREATED,
            updated_at: PUBLISHED,
            version: 3,
            deleted_at: None,
            previewed: false,
        }
    }
}

impl Example for PostSummary {
    fn example() -> Self {
        let post = Post::example();
        PostSummary {
            id: post.id,
            slug: post.slug,
            title: post.title,
            author: post.author,
            coauthors: post.coauthors,
            tags: post.tags,
            published: post.published,
            published_at: post.published_at,
            publish_at: post.publish_at,
            unpublish_at: post.unpublish_at,
            comments_count: post.comments_count,
            created_at: post.created_at,
            updated_at: post.updated_at,
            deleted_at: None,
            excerpt: post.excerpt,
            cover_image: post.cover_image,
            content: Some(post.content),
        }
    }
}

impl Example for PostInput {
    fn example() -> Self {
        PostInput {
            title: TITLE.into(),
            content: CONTENT.into(),
            slug: Some("a-joint-that-fits".into()),
            excerpt: Some(EXCERPT.into()),
            cover_image: Some(COVER.into()),
            tags: vec!["Joinery".into()],
            published: true,
            publish_at: None,
            unpublish_at: Some(FUTURE),
        }
    }
}

impl Example for PreviewLink {
    fn example() -> Self {
        let token = "AZnA3npbfD2OHyo7TF1ufw.kq3mVx0Y2nZr8sT1uWcB4g";
        PreviewLink {
            id: post_id(),
            url: format!("/api/posts/{POST_ID}?preview={token}").into(),
            token: token.into(),
            expires_at: Timestamp(1_763_974_800_000),
        }
    }
}
