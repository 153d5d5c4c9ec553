//! Request and response bodies of sessions.
use poem_openapi::{Enum, Object};
use serde::Serialize;

use crate::{
    domain::{
        id::Id,
        pattern,
        text::{Text, text_type},
        timestamp::Timestamp,
    },
    http::{cache_control::CacheControl, etag::ETag, pagination::PageParams, response::Resource},
    resources::accounts::users::{Password, User},
};

text_type! {
    /// An access token, a JWT.
    pub struct AccessToken {
        length: 20..=2048,
        pattern: pattern::JWT,
        debug: "[redacted]",
    }

    /// The text of a refresh token.
    pub struct RefreshTokenText {
        length: 1..=200,
        pattern: pattern::TOKEN,
        debug: "[redacted]",
    }

    /// 256 bits in base64url.
    pub struct Base64Digest {
        length: 43..=43,
        pattern: pattern::BASE64URL,
    }
}

/// The credentials to sign in with.
#[derive(Object)]
#[oai(rename_all = "camelCase", example)]
pub struct Credentials {
    /// The e-mail address of the account. Case-insensitive.
    pub email: Text<254>,
    /// The password.
    pub password: Password,
    /// Whether to set a session cookie as well, for browsers.
    #[oai(default)]
    pub cookie: bool,
}

/// The request to refresh an access token.
#[derive(Object)]
#[oai(rename_all = "camelCase", example)]
pub struct Refresh {
    /// The refresh token of the last response. It is valid for one use.
    pub refresh_token: RefreshTokenText,
}

/// The tokens of a session. They are returned only once.
#[derive(Object, Serialize)]
#[oai(rename_all = "camelCase", example)]
#[serde(rename_all = "camelCase")]
pub struct Login {
    /// The access token, a JWT. Send it as `Authorization: Bearer …`.
    pub access_token: AccessToken,
    /// The type of the access token.
    pub token_type: TokenType,
    /// The lifetime of the access token, in seconds.
    #[oai(validator(minimum(value = "1"), maximum(value = "3600")))]
    pub expires_in: i64,
    /// The refresh token for the next access token. It is valid for one use; reuse revokes the session.
    pub refresh_token: RefreshTokenText,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<Text<300>>,
    /// The IP address that the client signed in from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Text<64>>,
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

/// The type of a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
pub enum JwkKeyType {
    /// An octet key pair.
    #[oai(rename = "OKP")]
    #[serde(rename = "OKP")]
    OctetKeyPair,
}

/// The curve of a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
pub enum JwkCurve {
    /// Ed25519 (RFC 8032).
    #[oai(rename = "Ed25519")]
    #[serde(rename = "Ed25519")]
    Ed25519,
}

/// The use of a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
pub enum JwkUse {
    /// The verification of signatures.
    #[oai(rename = "sig")]
    #[serde(rename = "sig")]
    Signature,
}

/// The signature algorithm of a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
pub enum JwkAlgorithm {
    /// EdDSA (RFC 8037).
    #[oai(rename = "EdDSA")]
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// A public key (RFC 8037).
#[derive(Debug, Clone, Object, Serialize)]
#[oai(example)]
pub struct PublicKey {
    /// The key type.
    pub kty: JwkKeyType,
    /// The curve.
    pub crv: JwkCurve,
    /// The public key, in base64url.
    pub x: Base64Digest,
    /// The key id, as in the header of tokens.
    pub kid: Base64Digest,
    /// The use of the key: signatures.
    #[oai(rename = "use")]
    #[serde(rename = "use")]
    pub usage: JwkUse,
    /// The signature algorithm.
    pub alg: JwkAlgorithm,
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
