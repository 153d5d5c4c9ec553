//! Tags: what posts are about.
mod service;
mod types;

pub use service::Tags;
pub use types::TagRef;
