//! API keys: credentials for programs, limited to scopes.
mod addresses;
mod api;
mod example;
pub mod secret;
mod service;
mod types;

pub use api::ApiKeysApi;
pub use service::{ApiKeys, ROTATION_OVERLAP};
pub use types::{ApiKey, ApiKeyInput, ApiKeyQuery, Expiry, IssuedApiKey};

use crate::http::operation::Tag;

pub const TAG: Tag = Tag { name: "ApiKeys", description: "API keys: scoped credentials for programs." };
