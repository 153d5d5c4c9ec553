//! The bytes of pictures, for everybody: as they are kept, or in another size and form.
pub mod api;
mod types;

pub use types::{FileQuery, Fit, Form};
