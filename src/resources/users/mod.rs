//! The people who have an account.
pub mod password;
mod types;
pub use types::{AuthorRef, User};
