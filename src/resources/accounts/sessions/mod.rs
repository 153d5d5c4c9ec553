//! Sessions: sign-in, sign-out, access tokens, refresh tokens and their signing keys.
mod api;
mod authenticate;
mod example;
mod key_store;
pub mod keys;
mod list;
pub mod refresh_token;
mod service;
pub mod token;
mod types;

pub use api::{JwksApi, SessionsApi};
pub use key_store::reseal_signing_keys;
pub use service::{ACCOUNT_LIMIT, ADDRESS_LIMIT, LoginResult, Sessions};
pub use types::{Credentials, JwkSet, Login, Refresh, Session, SessionQuery};

use crate::http::operation::Tag;

pub const TAG: Tag =
    Tag { name: "Sessions", description: "Sessions: login, logout and the active sessions of an account." };
