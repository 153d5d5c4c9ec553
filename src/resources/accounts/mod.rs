//! Accounts: users, authors, sessions and API keys.
pub mod active;
pub mod api_keys;
pub mod attempts;
pub mod authors;
pub mod me;
pub mod sessions;
pub mod users;
pub mod verified;
