//! Request and response bodies of comments.
pub use entity::comment::CommentStatus;
use poem_openapi::{Enum, Object, types::Example};
use serde::Serialize;

use crate::{
    domain::{
        id::Id,
        pattern,
        slug::Slug,
        text::{Title, text_type, trim},
        timestamp::Timestamp,
    },
    http::{cache_control::CacheControl, etag::ETag, pagination::PageParams, response::Resource},
    resources::{accounts::users::AuthorRef, content::posts::Post},
};

/// The maximum depth of a reply; the schema of `Comment` contains it too.
pub const MAX_DEPTH: i32 = 5;

text_type! {
    /// The content of a comment, as plain text.
    pub struct CommentText {
        length: 1..=5000,
        pattern: pattern::NOT_BLANK,
        format: "text",
        normalize: trim,
        example: "Does this work for a drawer as well?",
    }
}

/// A comment on a post.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Comment {
    /// The unique identifier.
    pub id: Id<Comment>,
    /// The id of the post.
    pub post_id: Id<Post>,
    /// The id of the parent comment; omitted unless the comment is a reply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<Id<Comment>>,
    /// The depth in the thread: 0 for a comment on the post, 1 for a reply to it, up to 5.
    #[oai(validator(minimum(value = "0"), maximum(value = "5")))]
    pub depth: i32,
    /// The author.
    pub author: AuthorRef,
    /// The content, as plain text.
    pub content: CommentText,
    /// The moderation status.
    pub status: CommentStatus,
    /// The post; included only with `expand=post`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post: Option<PostRef>,
    /// The creation time.
    pub created_at: Timestamp,
    /// The time of the last change.
    pub updated_at: Timestamp,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) version: i64,
}

impl Resource for Comment {
    const HEADERS: &'static [&'static str] = &["Last-Modified"];

    fn etag(&self) -> ETag {
        // The author's name and avatar are part of the representation, but their changes do not increment the
        // version.
        let [id, name, avatar, bio] = self.author.parts();
        let version = self.version.to_string();
        ETag::from_parts(&[&self.id.to_string(), &version, &id, &name, &avatar, &bio])
    }
    fn location(&self) -> String {
        format!("/api/comments/{}", self.id)
    }
    fn last_modified(&self) -> Option<Timestamp> {
        Some(self.updated_at)
    }
    fn cache(&self) -> CacheControl {
        match self.status {
            CommentStatus::Approved => CacheControl::PUBLIC,
            _ => CacheControl::Private,
        }
    }
}

/// A reference to a post.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", example)]
#[serde(rename_all = "camelCase")]
pub struct PostRef {
    /// The id of the post.
    pub id: Id<Post>,
    /// The identifier of the post in URLs.
    pub slug: Slug<120>,
    /// The title of the post.
    pub title: Title,
}

/// A new comment.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct CommentInput {
    /// The content, as plain text; leading and trailing white space is removed.
    pub content: CommentText,
    /// The id of the parent comment, on the same post, for a reply.
    pub parent_id: Option<Id<Comment>>,
}

/// A merge patch for a comment: omitted fields are unchanged. Authors can change `content` for 15 minutes;
/// only editors can change `status`.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct CommentPatch {
    /// The content, as plain text; leading and trailing white space is removed.
    pub content: Option<CommentText>,
    /// The new moderation status; only for editors.
    pub status: Option<CommentStatus>,
}

/// Filters of the comments of one post.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct PostCommentQuery {
    #[oai(flatten)]
    pub paging: PageParams,
    /// Direct replies to this comment only.
    pub parent: Option<Id<Comment>>,
}

/// Filters and order of the comments of all posts.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct CommentQuery {
    #[oai(flatten)]
    pub paging: PageParams,
    /// Comments with this moderation status.
    pub status: Option<CommentStatus>,
    /// Comments on this post.
    pub post: Option<Id<Post>>,
    /// Comments by this author.
    pub author: Option<Id<crate::resources::accounts::users::User>>,
    /// Sort order. Ties are sorted by id.
    #[oai(default)]
    pub sort: CommentSort,
    /// `post` includes a reference to the post of each comment.
    pub expand: Option<CommentExpand>,
}

/// Sort orders of comments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Enum)]
pub enum CommentSort {
    /// By creation time, ascending.
    #[default]
    #[oai(rename = "createdAt")]
    CreatedAt,
    /// By creation time, descending.
    #[oai(rename = "-createdAt")]
    CreatedAtDescending,
}

/// Relations that can be expanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum CommentExpand {
    /// The post of the comment.
    Post,
}

const COMMENT_ID: &str = "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f";
const PARENT_ID: &str = "0199c0de-3332-7c3d-8e1f-2a3b4c5d6e7f";
const POST_ID: &str = "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f";
const TEXT: &str = "Does this work for a drawer as well?";

fn id<T>(text: &str) -> Id<T> {
    text.parse().unwrap_or_else(|_| Id::generate())
}

impl Example for Comment {
    fn example() -> Self {
        Comment {
            id: id(COMMENT_ID),
            post_id: id(POST_ID),
            parent_id: Some(id(PARENT_ID)),
            depth: 1,
            author: AuthorRef {
                id: id("0199c0de-4444-7c3d-8e1f-2a3b4c5d6e7f"),
                name: "Ben Wood".into(),
                avatar_url: None,
                bio: None,
            },
            content: TEXT.into(),
            status: CommentStatus::Approved,
            post: Some(PostRef::example()),
            created_at: Timestamp(1_763_721_000_000),
            updated_at: Timestamp(1_763_721_000_000),
            version: 1,
        }
    }
}

impl Example for PostRef {
    fn example() -> Self {
        PostRef { id: id(POST_ID), slug: "a-joint-that-fits".into(), title: "A joint that fits".into() }
    }
}

impl Example for CommentInput {
    fn example() -> Self {
        CommentInput { content: TEXT.into(), parent_id: None }
    }
}

impl Example for CommentPatch {
    fn example() -> Self {
        CommentPatch {
            content: Some("Does this work for drawers as well?".into()),
            status: Some(CommentStatus::Approved),
        }
    }
}

impl Example for PostCommentQuery {
    fn example() -> Self {
        PostCommentQuery { paging: PageParams::example(), parent: Some(id(PARENT_ID)) }
    }
}

impl Example for CommentQuery {
    fn example() -> Self {
        CommentQuery {
            paging: PageParams::example(),
            status: Some(CommentStatus::Pending),
            post: Some(id(POST_ID)),
            author: Some(id("0199c0de-4444-7c3d-8e1f-2a3b4c5d6e7f")),
            sort: CommentSort::CreatedAtDescending,
            expand: Some(CommentExpand::Post),
        }
    }
}
