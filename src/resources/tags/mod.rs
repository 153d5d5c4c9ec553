//! Tags: what posts are about.
mod api;
mod service;
mod types;

pub use api::TagsApi;
pub use service::Tags;
pub use types::TagRef;
