//! Posts: articles, by slug, tag and author, draft or published.
mod api;
mod events;
mod example;
mod import;
mod list;
mod preview;
mod service;
mod types;

pub use api::PostsApi;
pub use import::Imported;
pub use list::visible_to;
pub use preview::PreviewKey;
pub use service::Posts;
pub use types::{NewPost, Post, PostPatch, PostQuery, PostReplacement, PostStatus, PostSummary};
