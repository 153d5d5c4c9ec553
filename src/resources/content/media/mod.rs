//! Media: uploaded images, stored without metadata and served in any size.
mod api;
mod example;
pub mod inventory;
mod keys;
pub mod orphans;
mod serve;
mod service;
mod sizes;
mod stored_variants;
mod types;
mod upload;
mod variant_uses;
mod variants;

pub use api::MediaApi;
pub use serve::api::MediaFilesApi;
pub use service::{MediaLibrary, clear_uploader};
pub use types::{Media, MediaPatch, MediaQuery};

use crate::http::operation::Tag;

pub const TAG: Tag =
    Tag { name: "Media", description: "Media: uploaded images without metadata, served in any size." };
