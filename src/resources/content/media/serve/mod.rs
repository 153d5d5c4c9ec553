//! Public delivery of image bytes, as stored or as a variant.
pub mod api;
mod types;

pub use types::{FileQuery, Fit, OutputFormat};
