//! Access tokens (RFC 9068): signed JWTs, valid for 15 minutes. Only tokens exactly as issued here are
//! accepted.
use std::{sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::{Timestamp, Uuid};

use super::keys::SigningKeys;
use crate::domain::secret::Secret;

/// The lifetime of an access token, in seconds.
pub const LIFETIME: i64 = 15 * 60;

/// The accepted clock difference between two servers, in seconds.
const LEEWAY: i64 = 30;
const TYPE: &str = "at+jwt";
const ALGORITHM: &str = "EdDSA";
/// The maximum length of a token, several times that of an issued one. Longer tokens are rejected without
/// decoding.
const MAX_LENGTH: usize = 2048;

/// The user, session and role that a token is issued for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub user: Uuid,
    pub session: Uuid,
    /// A secret of the session. The database contains only its hash, so a signing key and a copy of the database are not
    /// enough to issue a token.
    pub session_secret: Secret<String>,
    pub role: String,
}

/// The contents of a verified token. Times are Unix milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedToken {
    pub grant: Grant,
    pub token: Uuid,
    pub issued_at: i64,
    pub expires_at: i64,
}

/// The reason why a token is rejected. It is logged and not sent to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("not a token")]
    Malformed,
    #[error("not the header of an access token")]
    Header,
    #[error("unknown signing key")]
    UnknownKey,
    #[error("invalid signature")]
    Signature,
    #[error("not the claims of an access token")]
    Claims,
    #[error("wrong issuer or audience")]
    Audience,
    #[error("issued in the future, or lifetime too long")]
    Times,
    #[error("expired")]
    Expired,
}

/// No signing key is loaded, or signing failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no signing key is available")]
pub struct NoSigningKey;

// Other header parameters (`crit`, `jku`, `jwk`, `x5u` …) are never issued, so they are rejected before they
// can have an effect (RFC 8725, section 3.10).
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccessHeader {
    typ: String,
    alg: String,
    kid: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    iss: String,
    aud: String,
    sub: Uuid,
    sid: Uuid,
    session_secret: String,
    role: String,
    iat: i64,
    exp: i64,
    jti: Uuid,
}

/// Issues and verifies the access tokens of one issuer for one audience.
#[derive(Clone)]
pub struct AccessTokens {
    issuer: String,
    audience: String,
    keys: Arc<SigningKeys>,
}

impl AccessTokens {
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>, keys: Arc<SigningKeys>) -> Self {
        Self { issuer: issuer.into(), audience: audience.into(), keys }
    }

    /// Issues a token with the current signing key.
    pub fn issue(&self, grant: &Grant, now: i64) -> Result<Secret<String>, NoSigningKey> {
        let key = self.keys.signing(now).ok_or(NoSigningKey)?;
        let iat = seconds(now);
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: grant.user,
            sid: grant.session,
            session_secret: grant.session_secret.expose().clone(),
            role: grant.role.clone(),
            iat,
            exp: iat.saturating_add(LIFETIME),
            jti: token_id(now),
        };
        let header = AccessHeader { typ: TYPE.into(), alg: ALGORITHM.into(), kid: key.row.kid.clone() };
        let message = format!("{}.{}", encode(&header)?, encode(&claims)?);
        let signature = BASE64_URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()));
        Ok(Secret::new(format!("{message}.{signature}")))
    }

    /// Verifies the header, the signature and all claims of a token.
    pub fn verify(&self, token: &str, now: i64) -> Result<VerifiedToken, TokenError> {
        let header = header(token)?;
        let key = self.keys.verifying(&header.kid, now).ok_or(TokenError::UnknownKey)?;
        let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenError::Signature)?;
        if !key.is_signed(message.as_bytes(), &signature) {
            return Err(TokenError::Signature);
        }
        let (_, claims) = message.split_once('.').ok_or(TokenError::Malformed)?;
        let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).map_err(|_| TokenError::Claims)?;
        self.check(parse_object(&claims).ok_or(TokenError::Claims)?, seconds(now))
    }

    fn check(&self, claims: Claims, now: i64) -> Result<VerifiedToken, TokenError> {
        if claims.iss != self.issuer || claims.aud != self.audience {
            return Err(TokenError::Audience);
        }
        let lifetime_ok = claims.iat.checked_add(LIFETIME).is_some_and(|latest| claims.exp <= latest);
        if claims.iat > now.saturating_add(LEEWAY) || !lifetime_ok {
            return Err(TokenError::Times);
        }
        if claims.exp.saturating_add(LEEWAY) <= now {
            return Err(TokenError::Expired);
        }
        Ok(VerifiedToken {
            grant: Grant {
                user: claims.sub,
                session: claims.sid,
                session_secret: Secret::new(claims.session_secret),
                role: claims.role,
            },
            token: claims.jti,
            issued_at: claims.iat.saturating_mul(1000),
            expires_at: claims.exp.saturating_mul(1000),
        })
    }
}

fn seconds(milliseconds: i64) -> i64 {
    milliseconds.div_euclid(1000)
}

fn token_id(now: i64) -> Uuid {
    let since_epoch = Duration::from_millis(now.try_into().unwrap_or_default());
    Uuid::new_v7(Timestamp::from_unix_time(since_epoch.as_secs(), since_epoch.subsec_nanos(), 0, 0))
}

fn header(token: &str) -> Result<AccessHeader, TokenError> {
    if token.len() > MAX_LENGTH || token.split('.').count() != 3 {
        return Err(TokenError::Malformed);
    }
    let encoded = token.split('.').next().ok_or(TokenError::Malformed)?;
    let json = BASE64_URL_SAFE_NO_PAD.decode(encoded).map_err(|_| TokenError::Malformed)?;
    let header: AccessHeader = parse_object(&json).ok_or(TokenError::Header)?;
    if header.typ == TYPE && header.alg == ALGORITHM { Ok(header) } else { Err(TokenError::Header) }
}

fn encode(part: &impl Serialize) -> Result<String, NoSigningKey> {
    serde_json::to_vec(part).map(|json| BASE64_URL_SAFE_NO_PAD.encode(json)).map_err(|_| NoSigningKey)
}

/// Parses a JSON object. A derived `Deserialize` alone accepts a list of the values too.
fn parse_object<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    json.starts_with(b"{").then(|| serde_json::from_slice(json).ok()).flatten()
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
