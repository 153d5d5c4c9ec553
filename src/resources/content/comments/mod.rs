//! Comments on posts: threaded, with moderation.
mod api;
mod audience;
mod list;
mod service;
mod thread;
mod types;

pub use api::CommentsApi;
pub use audience::PostsOfEvents;
pub use service::Comments;
pub use types::CommentInput;

use crate::http::operation::Tag;

pub const TAG: Tag =
    Tag { name: "Comments", description: "Comments: threaded replies to posts, with moderation." };

/// The collections whose changes can change a comment or a list of comments.
const COLLECTIONS: &[&str] = &["comments", "posts", "users"];
