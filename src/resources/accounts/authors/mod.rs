//! Authors: the public profiles of users who write posts.
mod api;
mod service;
mod types;

pub use api::AuthorsApi;
pub use service::Authors;
pub use types::{Author, AuthorQuery};

use crate::http::operation::Tag;

pub const TAG: Tag =
    Tag { name: "Authors", description: "Authors: public profiles of users who write posts." };

/// The collections whose changes can change an author or a list of authors.
const COLLECTIONS: &[&str] = &["users", "posts"];
