//! Request and response bodies of sessions.
// Types with a password or a token do not implement `Debug`, so that neither can be logged.
use poem_openapi::{Enum, Object};
use serde::Serialize;

use crate::{
    domain::{id::Id, timestamp::Timestamp},
    http::{cache_control::CacheControl, etag::ETag, pagination::PageParams, response::Resource},
    resources::accounts::users::User,
};

/// The credentials to sign in with.
#[derive(Object)]
#[oai(rename_all = "camelCase", example)]
pub struct Credentials {
    /// The e-mail address of the account. Case-insensitive.
    #[oai(validator(min_length = "1", max_length = "254"))]
    pub email: String,
    /// The password.
    #[oai(validator(min_length = "1", max_length = "128"))]
    pub password: String,
    /// Whether to set a session cookie as well, for browsers.
    #[oai(default)]
    pub cookie: bool,
}

/// The request to refresh an access token.
#[derive(Object)]
#[oai(rename_all = "camelCase", example)]
pub struct Refresh {
    /// The refresh token of the last response. It is valid for one use.
    #[oai(validator(pattern = "^[A-Za-z0-9_.-]+$", min_length = "1", max_length = "200"))]
    pub refresh_token: String,
}

/// The tokens of a session. They are returned only once.
#[derive(Object, Serialize)]
#[oai(rename_all = "camelCase", example)]
#[serde(rename_all = "camelCase")]
pub struct Login {
    /// The access token, a JWT. Send it as `Authorization: Bearer …`.
    #[oai(validator(
        pattern = "^[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+$",
        min_length = "20",
        max_length = "2048"
    ))]
    pub access_token: String,
    /// The type of the access token.
    pub token_type: TokenType,
    /// The lifetime of the access token, in seconds.
    #[oai(validator(minimum(value = "1"), maximum(value = "3600")))]
    pub expires_in: i64,
    /// The refresh token for the next access token. It is valid for one use; reuse revokes the session.
    #[oai(validator(pattern = "^[A-Za-z0-9_.-]+$", min_length = "1", max_length = "200"))]
    pub refresh_token: String,
    /// The account that signed in.
    pub user: User,
}

/// The type of an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
pub enum TokenType {
    /// A bearer token, sent as `Authorization: Bearer …` (RFC 6750).
    Bearer,
}

/// A session: a client that is signed in.
#[derive(Debug, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// The id of the session.
    pub id: Id<Session>,
    /// The `User-Agent` header of the client when it signed in.
    #[oai(validator(min_length = "1", max_length = "300"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The IP address that the client signed in from.
    #[oai(validator(min_length = "1", max_length = "64"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// When the client signed in.
    pub created_at: Timestamp,
    /// When the session was last used, accurate to one minute.
    pub last_used_at: Timestamp,
    /// When the session expires regardless of use. Without use it expires seven days after the last request.
    pub expires_at: Timestamp,
    /// Whether the session is the one that sent this request.
    pub current: bool,
}

/// Page of the list of sessions.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct SessionQuery {
    #[oai(flatten)]
    pub paging: PageParams,
}

/// The public keys that access tokens are signed with (RFC 7517).
#[derive(Debug, Object, Serialize)]
#[oai(example)]
pub struct JwkSet {
    /// The keys, newest first.
    #[oai(validator(max_items = "20"))]
    pub keys: Vec<PublicKey>,
}

/// A public key (RFC 8037).
#[derive(Debug, Clone, Object, Serialize)]
#[oai(example)]
pub struct PublicKey {
    /// The key type.
    #[oai(validator(pattern = "^OKP$", min_length = "3", max_length = "3"))]
    pub kty: String,
    /// The curve.
    #[oai(validator(pattern = "^Ed25519$", min_length = "7", max_length = "7"))]
    pub crv: String,
    /// The public key, in base64url.
    #[oai(validator(pattern = "^[A-Za-z0-9_-]+$", min_length = "43", max_length = "43"))]
    pub x: String,
    /// The key id, as in the header of tokens.
    #[oai(validator(pattern = "^[A-Za-z0-9_-]+$", min_length = "43", max_length = "43"))]
    pub kid: String,
    /// The use of the key: signatures.
    #[oai(rename = "use", validator(pattern = "^sig$", min_length = "3", max_length = "3"))]
    #[serde(rename = "use")]
    pub usage: String,
    /// The signature algorithm.
    #[oai(validator(pattern = "^EdDSA$", min_length = "5", max_length = "5"))]
    pub alg: String,
}

impl Resource for JwkSet {
    fn etag(&self) -> ETag {
        let kids: Vec<&str> = self.keys.iter().map(|key| key.kid.as_str()).collect();
        ETag::from_parts(&kids)
    }
    fn location(&self) -> String {
        "/.well-known/jwks.json".to_owned()
    }
    fn cache(&self) -> CacheControl {
        CacheControl::Shared { s_maxage: 3600, stale_while_revalidate: 3600 }
    }
}
