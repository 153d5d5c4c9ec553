//! Authors: what everybody may know of those who write.
mod api;
mod service;
mod types;

pub use api::AuthorsApi;
pub use service::Authors;
pub use types::{Author, AuthorQuery};
