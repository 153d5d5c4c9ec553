//! The people who have an account.
mod import;
pub mod password;
mod types;
pub use import::author_named;
pub use types::{AuthorRef, User};
