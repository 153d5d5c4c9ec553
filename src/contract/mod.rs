//! The words every resource speaks.
pub mod secret;
