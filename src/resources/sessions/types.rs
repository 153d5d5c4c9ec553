//! How signing in looks on the wire.
// What holds a password or a token has no `Debug`, so that no log can show it.
use poem_openapi::{Enum, Object};
use serde::Serialize;

use super::super::users::User;
use crate::contract::{answer::Resource, cache::Cache, etag::ETag, id::Id, page::Paging, time::Timestamp};

/// Who signs in.
#[derive(Object)]
#[oai(rename_all = "camelCase", example)]
pub struct Credentials {
    /// The e-mail address of the account. Its case does not matter.
    #[oai(validator(min_length = "1", max_length = "254"))]
    pub email: String,
    /// The password.
    #[oai(validator(min_length = "1", max_length = "128"))]
    pub password: String,
    /// Whether a browser shall also get a session cookie.
    #[oai(default)]
    pub cookie: bool,
}

/// What proves a session that goes on.
#[derive(Object)]
#[oai(rename_all = "camelCase", example)]
pub struct Refresh {
    /// The refresh token that the last answer gave; it is good for one use.
    #[oai(validator(pattern = "^[A-Za-z0-9_.-]+$", min_length = "1", max_length = "200"))]
    pub refresh_token: String,
}

/// A session's tokens. They are shown once.
#[derive(Object, Serialize)]
#[oai(rename_all = "camelCase", example)]
#[serde(rename_all = "camelCase")]
pub struct Login {
    /// What proves the caller from now on: a JWT for `Authorization: Bearer …`.
    #[oai(validator(
        pattern = "^[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+$",
        min_length = "20",
        max_length = "2048"
    ))]
    pub access_token: String,
    /// How the access token is sent.
    pub token_type: TokenType,
    /// How long the access token is good, in seconds.
    #[oai(validator(minimum(value = "1"), maximum(value = "3600")))]
    pub expires_in: i64,
    /// What gets the next access token. It is good for one use: a second one ends the session.
    #[oai(validator(pattern = "^[A-Za-z0-9_.-]+$", min_length = "1", max_length = "200"))]
    pub refresh_token: String,
    /// Who signed in.
    pub user: User,
}

/// How a token is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
pub enum TokenType {
    /// As `Authorization: Bearer …` (RFC 6750).
    Bearer,
}

/// A client that is signed in.
#[derive(Debug, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// What the session is known by.
    pub id: Id<Session>,
    /// What the client called itself when it signed in.
    #[oai(validator(min_length = "1", max_length = "300"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The network address that it signed in from.
    #[oai(validator(min_length = "1", max_length = "64"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// When it signed in.
    pub created_at: Timestamp,
    /// When it was last used, within a minute.
    pub last_used_at: Timestamp,
    /// When it ends, however busy it is; without use it ends seven days after the last one.
    pub expires_at: Timestamp,
    /// Whether it is the session that asks.
    pub current: bool,
}

/// Which sessions are listed: one's own, newest first.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct SessionQuery {
    #[oai(flatten)]
    pub paging: Paging,
}

/// The public keys that access tokens are signed with (RFC 7517).
#[derive(Debug, Object, Serialize)]
#[oai(example)]
pub struct JwkSet {
    /// Newest first.
    #[oai(validator(max_items = "20"))]
    pub keys: Vec<PublicKey>,
}

/// A public key (RFC 8037).
#[derive(Debug, Clone, Object, Serialize)]
#[oai(example)]
pub struct PublicKey {
    /// The kind of key.
    #[oai(validator(pattern = "^OKP$", min_length = "3", max_length = "3"))]
    pub kty: String,
    /// The curve.
    #[oai(validator(pattern = "^Ed25519$", min_length = "7", max_length = "7"))]
    pub crv: String,
    /// The key itself, in base64url.
    #[oai(validator(pattern = "^[A-Za-z0-9_-]+$", min_length = "43", max_length = "43"))]
    pub x: String,
    /// What tokens name the key by.
    #[oai(validator(pattern = "^[A-Za-z0-9_-]+$", min_length = "43", max_length = "43"))]
    pub kid: String,
    /// What the key is for.
    #[oai(rename = "use", validator(pattern = "^sig$", min_length = "3", max_length = "3"))]
    #[serde(rename = "use")]
    pub usage: String,
    /// The algorithm of the signatures.
    #[oai(validator(pattern = "^EdDSA$", min_length = "5", max_length = "5"))]
    pub alg: String,
}

impl Resource for JwkSet {
    fn etag(&self) -> ETag {
        let kids: Vec<&str> = self.keys.iter().map(|key| key.kid.as_str()).collect();
        ETag::of_parts(&kids)
    }
    fn location(&self) -> String {
        "/.well-known/jwks.json".to_owned()
    }
    fn cache(&self) -> Cache {
        Cache::Shared { max_age: 3600, stale: 3600 }
    }
}
