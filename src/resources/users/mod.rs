//! The people who have an account.
pub mod password;
