//! Access tokens: signed, good for a quarter of an hour, and taken only exactly as they are issued here (RFC 9068).
use std::{sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::{Timestamp, Uuid};

use super::keys::SigningKeys;
use crate::contract::secret::Secret;

/// How long an access token is good, in seconds.
pub const LIFETIME: i64 = 15 * 60;

/// How far the clocks of two of our machines may be apart, in seconds.
const LEEWAY: i64 = 30;
const TYPE: &str = "at+jwt";
const ALGORITHM: &str = "EdDSA";
/// Several times what is ever issued: longer ones are not worth decoding.
const MAX_LENGTH: usize = 2048;

/// Who holds a token and what for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub user: Uuid,
    pub session: Uuid,
    pub role: String,
}

/// A grant that was proven by a token. Times are Unix milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    pub grant: Grant,
    pub token: Uuid,
    pub issued_at: i64,
    pub expires_at: i64,
}

/// Why a token was not taken: for the log, as the caller learns only that it was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("not a token")]
    Malformed,
    #[error("the header is not that of an access token")]
    Header,
    #[error("signed with an unknown key")]
    UnknownKey,
    #[error("the signature is wrong")]
    Signature,
    #[error("the claims are not those of an access token")]
    Claims,
    #[error("issued by or for someone else")]
    Audience,
    #[error("issued in the future or for too long")]
    Times,
    #[error("expired")]
    Expired,
}

/// There is no key to sign with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no key to sign with")]
pub struct Unsigned;

// Whatever a header may carry besides (crit, jku, jwk, x5u), we never send: refused before anything looks at it.
#[derive(Deserialize)]
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
    validation: Validation,
    keys: Arc<SigningKeys>,
}

impl AccessTokens {
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>, keys: Arc<SigningKeys>) -> Self {
        Self { issuer: issuer.into(), audience: audience.into(), validation: signature_only(), keys }
    }

    pub fn issue(&self, grant: &Grant, now: i64) -> Result<Secret<String>, Unsigned> {
        let key = self.keys.signing(now).ok_or(Unsigned)?;
        let iat = seconds(now);
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: grant.user,
            sid: grant.session,
            role: grant.role.clone(),
            iat,
            exp: iat.saturating_add(LIFETIME),
            jti: token_id(now),
        };
        let header = Header {
            typ: Some(TYPE.into()),
            kid: Some(key.row.kid.clone()),
            ..Header::new(Algorithm::EdDSA)
        };
        jsonwebtoken::encode(&header, &claims, &key.encoding).map(Secret::new).map_err(|_| Unsigned)
    }

    pub fn verify(&self, token: &str, now: i64) -> Result<Access, Refused> {
        let header = header(token)?;
        let key = self.keys.verifying(&header.kid, now).ok_or(Refused::UnknownKey)?;
        let decoded = jsonwebtoken::decode::<Claims>(token, &key.decoding, &self.validation);
        let claims = decoded.map_err(|error| match error.kind() {
            jsonwebtoken::errors::ErrorKind::InvalidSignature => Refused::Signature,
            _ => Refused::Claims,
        })?;
        self.check(claims.claims, seconds(now))
    }

    fn check(&self, claims: Claims, now: i64) -> Result<Access, Refused> {
        if claims.iss != self.issuer || claims.aud != self.audience {
            return Err(Refused::Audience);
        }
        let ends_in_time = claims.iat.checked_add(LIFETIME).is_some_and(|latest| claims.exp <= latest);
        if claims.iat > now.saturating_add(LEEWAY) || !ends_in_time {
            return Err(Refused::Times);
        }
        if claims.exp.saturating_add(LEEWAY) <= now {
            return Err(Refused::Expired);
        }
        Ok(Access {
            grant: Grant { user: claims.sub, session: claims.sid, role: claims.role },
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

fn header(token: &str) -> Result<AccessHeader, Refused> {
    if token.len() > MAX_LENGTH || token.split('.').count() != 3 {
        return Err(Refused::Malformed);
    }
    let encoded = token.split('.').next().ok_or(Refused::Malformed)?;
    let json = BASE64_URL_SAFE_NO_PAD.decode(encoded).map_err(|_| Refused::Malformed)?;
    let header: AccessHeader = serde_json::from_slice(&json).map_err(|_| Refused::Header)?;
    if header.typ == TYPE && header.alg == ALGORITHM { Ok(header) } else { Err(Refused::Header) }
}

/// The library reads the machine's clock and takes lists and fractions; claims are checked here instead.
fn signature_only() -> Validation {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
