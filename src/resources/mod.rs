//! One folder per resource.
pub mod api_keys;
pub mod posts;
pub mod sessions;
pub mod tags;
pub mod users;
