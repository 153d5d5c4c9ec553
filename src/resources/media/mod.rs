//! Media: pictures that were uploaded, kept without what does not belong to them, and shown in any size.
mod api;
mod example;
mod files;
pub mod leftovers;
mod receive;
mod service;
mod stored;
mod types;
mod variants;

pub use api::MediaApi;
pub use files::api::FilesApi;
pub use service::{MediaLibrary, forget_uploader};
pub use types::{Media, MediaPatch, MediaQuery};
