//! One folder per resource.
pub mod api_keys;
pub mod sessions;
pub mod users;
