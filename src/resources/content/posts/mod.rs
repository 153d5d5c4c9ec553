//! Posts: articles with slugs, tags and authors, as drafts or published.
mod api;
mod comment_count;
mod content;
mod events;
mod import;
mod key;
mod list;
mod preview;
mod query;
mod revisions;
mod revisions_api;
mod schedule;
mod service;
mod slugs;
mod state;
mod trash;
mod types;

pub use api::PostsApi;
pub use comment_count::add_to_comment_count;
pub use import::ImportedPost;
pub use key::{PostKey, with_current_slug};
pub use list::visible_to;
pub use preview::{PreviewKey, delete_previews_by};
pub use query::{PostQuery, PostStatus};
pub use revisions_api::PostRevisionsApi;
pub use schedule::{PUBLISH_JOB, PublishJob};
pub use service::{Lookup, Posts};
pub use state::{PostState, post_states};
pub use types::{Post, PostInput, PostPatch, PostSummary};

use crate::http::operation::Tag;

pub const TAG: Tag = Tag {
    name: "Posts",
    description: "Posts: articles with slugs, tags and authors, as drafts or published.",
};

/// The collections whose changes can change a post or a list of posts.
const COLLECTIONS: &[&str] = &["posts", "tags", "users"];
