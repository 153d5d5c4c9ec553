//! Signing in and out, and what proves it from one request to the next.

pub mod keys;
pub mod rotation;
pub mod token;
