//! Tags of posts.
mod api;
mod service;
mod types;

pub use api::TagsApi;
pub use service::Tags;
pub use types::TagRef;
