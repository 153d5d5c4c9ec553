//! The account of the caller.
mod api;
mod types;

pub use api::MeApi;
pub use types::Me;

use crate::http::operation::Tag;

pub const TAG: Tag = Tag { name: "Me", description: "Me: the caller's own account." };
