//! Keys for programs that call without a person.
mod api;
mod example;
pub mod secret;
mod service;
mod types;

pub use api::ApiKeysApi;
pub use service::{ApiKeys, OVERLAP};
pub use types::{ApiKey, ApiKeyQuery, IssuedApiKey, NewApiKey, Scope};
