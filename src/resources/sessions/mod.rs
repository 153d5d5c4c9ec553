//! Signing in and out, and what proves it from one request to the next.
mod api;
mod authenticate;
mod example;
mod keeper;
pub mod keys;
mod list;
pub mod rotation;
mod service;
pub mod token;
mod types;

pub use api::{KeysApi, SessionsApi};
pub use service::{Sessions, SignedIn};
pub use types::{Credentials, JwkSet, Login, Refresh, Session, SessionQuery};
