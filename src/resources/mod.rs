//! One folder per resource.
pub mod api_keys;
pub mod comments;
pub mod docs;
pub mod health;
pub mod posts;
pub mod sessions;
pub mod tags;
pub mod users;
