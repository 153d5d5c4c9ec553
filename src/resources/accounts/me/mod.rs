//! The account of the caller.
mod api;
mod types;

pub use api::MeApi;
pub use types::Me;
