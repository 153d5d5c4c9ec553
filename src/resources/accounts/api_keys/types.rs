//! Request and response bodies of API keys. Only the response to a creation or a rotation contains the
//! secret.
use poem_openapi::{Enum, Object};
use serde::Serialize;

use crate::{
    domain::{
        id::Id,
        pattern,
        scope::Scope,
        text::{Line, text_type},
        timestamp::Timestamp,
    },
    http::{cache_control::CacheControl, etag::ETag, pagination::PageParams, response::Resource},
    resources::accounts::users::User,
};

text_type! {
    /// An API key with its secret.
    pub struct ApiKeySecret {
        length: 82..=82,
        pattern: pattern::API_KEY,
        debug: "[redacted]",
    }
}

/// An API key, without its secret.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// The id of the key. It is part of the key itself.
    pub id: Id<ApiKey>,
    /// A name for the key, chosen by its owner.
    pub name: Line<100>,
    /// The scopes of the key.
    #[oai(validator(max_items = "50"))]
    pub scopes: Vec<Scope>,
    /// The owner of the key. The key has the permissions of its owner, limited to its scopes.
    pub owner: Id<User>,
    /// When the key expires; absent if it does not expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When the key was last used, accurate to one minute; absent if it was never used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
    /// When the previous secret expires after a rotation; absent if only the current secret is valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_secret_until: Option<Timestamp>,
    /// When the key was created.
    pub created_at: Timestamp,
    /// When the key was last changed.
    pub updated_at: Timestamp,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) version: i64,
}

impl Resource for ApiKey {
    const HEADERS: &'static [&'static str] = &["Last-Modified"];

    fn etag(&self) -> ETag {
        let time = |time: Option<Timestamp>| time.map_or_else(String::new, |time| time.to_string());
        let parts = [
            self.id.to_string(),
            self.version.to_string(),
            time(self.last_used_at),
            // The response contains `previousSecretUntil` only until that time, so the entity tag must depend on
            // it.
            time(self.previous_secret_until),
        ];
        ETag::from_parts(&parts.each_ref().map(String::as_str))
    }
    fn location(&self) -> String {
        format!("/api/api-keys/{}", self.id)
    }
    fn last_modified(&self) -> Option<Timestamp> {
        Some(self.updated_at)
    }
    fn cache(&self) -> CacheControl {
        CacheControl::Private
    }
}

/// An API key with its secret, which is returned only once.
#[derive(Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct IssuedApiKey {
    #[oai(flatten)]
    #[serde(flatten)]
    pub api_key: ApiKey,
    /// The key itself. Send it as `Authorization: Bearer …`.
    pub key: ApiKeySecret,
}

impl Resource for IssuedApiKey {
    fn etag(&self) -> ETag {
        self.api_key.etag()
    }
    fn location(&self) -> String {
        self.api_key.location()
    }
    fn cache(&self) -> CacheControl {
        CacheControl::NoStore
    }
}

/// The request to create an API key.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct ApiKeyInput {
    /// A name for the key. Surrounding white space is removed.
    pub name: Line<100>,
    /// The scopes of the key. A scope that the role of the owner cannot use takes effect when the owner gets a role that
    /// can.
    #[oai(validator(min_items = "1", max_items = "50"))]
    pub scopes: Vec<Scope>,
    /// When the key expires: at most one year after its creation, which is the default. Admins may set a later time.
    pub expires_at: Option<Timestamp>,
    /// `never` creates a key that does not expire. Only for admins, and not together with `expiresAt`.
    pub expires: Option<Expiry>,
}

/// An expiry that is not a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum Expiry {
    /// The key does not expire.
    Never,
}

/// Filters of the list of API keys.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct ApiKeyQuery {
    #[oai(flatten)]
    pub paging: PageParams,
    /// Return only keys of this user.
    pub owner: Option<Id<User>>,
}
