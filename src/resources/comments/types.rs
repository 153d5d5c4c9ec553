//! How a comment looks on the wire.
use poem_openapi::{Enum, Object, types::Example};
use serde::Serialize;

use crate::{
    contract::{answer::Resource, cache::Cache, etag::ETag, id::Id, page::Paging, time::Timestamp},
    resources::{posts::Post, users::AuthorRef},
};

/// How deep replies may stand in each other.
pub const DEEPEST: i32 = 5;

/// A comment.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Comment {
    /// What the comment is known by.
    pub id: Id<Comment>,
    /// The post that it is about.
    pub post_id: Id<Post>,
    /// The comment that it answers, if it is a reply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<Id<Comment>>,
    /// 0 for a comment on the post, 1 for a reply to it, and so on.
    #[oai(validator(minimum(value = "0"), maximum(value = "5")))]
    pub depth: i32,
    /// Who wrote it.
    pub author: AuthorRef,
    /// What it says, as plain text.
    #[oai(validator(min_length = "1", max_length = "5000"))]
    pub content: String,
    /// Who can see it.
    pub status: CommentStatus,
    /// The post, with `expand=post`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post: Option<PostRef>,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) version: i64,
}

impl Resource for Comment {
    const FIELDS: &'static [&'static str] = &["Last-Modified"];

    fn etag(&self) -> ETag {
        // A renamed author or a new picture changes the representation without a new version of the row.
        let [id, name, picture, bio] = self.author.parts();
        let version = self.version.to_string();
        ETag::of_parts(&[&self.id.to_string(), &version, &id, &name, &picture, &bio])
    }
    fn location(&self) -> String {
        format!("/api/comments/{}", self.id)
    }
    fn modified(&self) -> Option<Timestamp> {
        Some(self.updated_at)
    }
    fn cache(&self) -> Cache {
        match self.status {
            CommentStatus::Approved => Cache::PUBLIC,
            _ => Cache::Private,
        }
    }
}

/// A post, by name.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", example)]
#[serde(rename_all = "camelCase")]
pub struct PostRef {
    /// The post's id.
    pub id: Id<Post>,
    /// The post's name in addresses.
    #[oai(validator(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", min_length = "1", max_length = "120"))]
    pub slug: String,
    /// The post's heading.
    #[oai(validator(min_length = "1", max_length = "200"))]
    pub title: String,
}

/// Who can see a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum CommentStatus {
    /// Its author and the editors, until somebody has looked at it.
    Pending,
    /// Everybody who can see the post.
    Approved,
    /// Its author and the editors.
    Rejected,
}

impl CommentStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            CommentStatus::Pending => "pending",
            CommentStatus::Approved => "approved",
            CommentStatus::Rejected => "rejected",
        }
    }

    pub fn parse(text: &str) -> Self {
        match text {
            "approved" => CommentStatus::Approved,
            "rejected" => CommentStatus::Rejected,
            _ => CommentStatus::Pending,
        }
    }
}

/// A comment to be written.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct NewComment {
    /// What it says, as plain text; white space around it is dropped.
    #[oai(validator(
        min_length = "1",
        max_length = "5000",
        pattern = "^[^\\u0000]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\ufeff][^\\u0000]*$"
    ))]
    pub content: String,
    /// The comment of the same post that it answers.
    pub parent_id: Option<Id<Comment>>,
}

/// What of a comment shall change. Its author may change what it says for 15 minutes; editors decide who can
/// see it.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct CommentPatch {
    /// What it says; white space around it is dropped.
    #[oai(validator(
        min_length = "1",
        max_length = "5000",
        pattern = "^[^\\u0000]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\ufeff][^\\u0000]*$"
    ))]
    pub content: Option<String>,
    /// Who can see it.
    pub status: Option<CommentStatus>,
}

/// Which comments of a post are listed.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct ThreadQuery {
    #[oai(flatten)]
    pub paging: Paging,
    /// Only the replies to this comment.
    pub parent: Option<Id<Comment>>,
}

/// Which comments of all posts are listed.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct QueueQuery {
    #[oai(flatten)]
    pub paging: Paging,
    /// Comments in this state.
    pub status: Option<CommentStatus>,
    /// Comments on this post.
    pub post: Option<Id<Post>>,
    /// Comments by this author.
    pub author: Option<Id<crate::resources::users::User>>,
    /// The order. Comments of one moment follow by id.
    #[oai(default)]
    pub sort: CommentSort,
    /// `post` adds which post each is about.
    pub expand: Option<CommentExpand>,
}

/// Orders of comments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Enum)]
pub enum CommentSort {
    /// Oldest first.
    #[default]
    #[oai(rename = "createdAt")]
    CreatedAt,
    /// Newest first.
    #[oai(rename = "-createdAt")]
    CreatedAtFalling,
}

/// What may be told in more detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum CommentExpand {
    /// The post.
    Post,
}

const COMMENT: &str = "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f";
const PARENT: &str = "0199c0de-3332-7c3d-8e1f-2a3b4c5d6e7f";
const POST: &str = "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f";
const TEXT: &str = "Does this work for a drawer as well?";

fn id<T>(text: &str) -> Id<T> {
    text.parse().unwrap_or_else(|_| Id::fresh())
}

impl Example for Comment {
    fn example() -> Self {
        Comment {
            id: id(COMMENT),
            post_id: id(POST),
            parent_id: Some(id(PARENT)),
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
        PostRef { id: id(POST), slug: "a-joint-that-fits".into(), title: "A joint that fits".into() }
    }
}

impl Example for NewComment {
    fn example() -> Self {
        NewComment { content: TEXT.into(), parent_id: None }
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

impl Example for ThreadQuery {
    fn example() -> Self {
        ThreadQuery { paging: Paging::example(), parent: Some(id(PARENT)) }
    }
}

impl Example for QueueQuery {
    fn example() -> Self {
        QueueQuery {
            paging: Paging::example(),
            status: Some(CommentStatus::Pending),
            post: Some(id(POST)),
            author: Some(id("0199c0de-4444-7c3d-8e1f-2a3b4c5d6e7f")),
            sort: CommentSort::CreatedAtFalling,
            expand: Some(CommentExpand::Post),
        }
    }
}
