//! The caller's own account.
mod api;
mod types;

pub use api::MeApi;
pub use types::Me;
