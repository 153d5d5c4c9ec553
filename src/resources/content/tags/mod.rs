//! Tags of posts.
mod api;
mod service;
mod types;

pub use api::TagsApi;
pub use service::{StoredTag, Tags};
pub use types::TagRef;

use crate::http::operation::Tag;

pub const TAG: Tag = Tag { name: "Tags", description: "Tags: the topics of posts." };

/// The collections whose changes can change a tag or a list of tags.
const COLLECTIONS: &[&str] = &["tags", "posts"];
