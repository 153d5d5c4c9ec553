//! The keys that access tokens are signed with: which one signs, which ones verify, and when they are replaced.
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{DecodingKey, EncodingKey};

use crate::contract::secret::{Secret, digest};

const HOUR: i64 = 3_600_000;
/// How long a key signs before the next one takes over.
pub const SIGNING_PERIOD: i64 = 30 * 24 * HOUR;
/// How long a key is published before it signs, so that whoever keeps the JWK set for a day knows it by then.
pub const PUBLISHED_AHEAD: i64 = 24 * HOUR;
/// How long a key still verifies once the next one signs.
pub const KEPT_AFTER: i64 = 24 * HOUR;

/// A key that cannot sign or verify: not Ed25519 in PKCS #8, or its halves do not belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an Ed25519 key")]
pub struct BadKey;

/// One key as it is stored. Times are Unix milliseconds.
#[derive(Clone, Debug)]
pub struct SigningKey {
    /// The thumbprint of the public half (RFC 7638).
    pub kid: String,
    pub pkcs8: Secret<Vec<u8>>,
    pub public: Vec<u8>,
    pub created_at: i64,
    pub active_at: i64,
    /// Absent until the key that replaces it is published.
    pub expires_at: Option<i64>,
}

impl SigningKey {
    pub fn generate(created_at: i64, active_at: i64) -> Result<Self, BadKey> {
        let pair = Ed25519KeyPair::generate().map_err(|_| BadKey)?;
        let pkcs8 = pair.to_pkcs8v1().map_err(|_| BadKey)?;
        let public = pair.public_key().as_ref().to_vec();
        let kid = thumbprint(&public);
        let pkcs8 = Secret::new(pkcs8.as_ref().to_vec());
        Ok(Self { kid, pkcs8, public, created_at, active_at, expires_at: None })
    }

    fn is_unexpired(&self, now: i64) -> bool {
        self.expires_at.is_none_or(|expires_at| now < expires_at)
    }

    /// What newest means: processes that publish a key at the same moment must agree on which one signs.
    fn age(&self) -> (i64, i64, &str) {
        (self.active_at, self.created_at, &self.kid)
    }
}

fn thumbprint(public: &[u8]) -> String {
    digest(&format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, BASE64_URL_SAFE_NO_PAD.encode(public)))
}

/// One public key of the JWK set (RFC 8037).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwk {
    pub kty: &'static str,
    pub crv: &'static str,
    pub x: String,
    pub kid: String,
    /// `use` on the wire.
    pub usage: &'static str,
    pub alg: &'static str,
}

pub(super) struct ReadyKey {
    pub(super) row: SigningKey,
    pub(super) encoding: EncodingKey,
    pub(super) decoding: DecodingKey,
}

impl TryFrom<SigningKey> for ReadyKey {
    type Error = BadKey;

    fn try_from(row: SigningKey) -> Result<Self, BadKey> {
        let pair = Ed25519KeyPair::from_pkcs8(row.pkcs8.expose()).map_err(|_| BadKey)?;
        if pair.public_key().as_ref() != row.public || row.kid != thumbprint(&row.public) {
            return Err(BadKey);
        }
        let encoding = EncodingKey::from_ed_der(row.pkcs8.expose());
        let decoding = DecodingKey::from_ed_der(&row.public);
        Ok(Self { row, encoding, decoding })
    }
}

/// The keys in memory, as read from the database last.
#[derive(Default)]
pub struct SigningKeys {
    keys: RwLock<Arc<[Arc<ReadyKey>]>>,
}

impl SigningKeys {
    /// Takes over what the database holds. With a bad key among them, the former keys stay.
    pub fn replace(&self, rows: impl IntoIterator<Item = SigningKey>) -> Result<(), BadKey> {
        let mut keys: Vec<_> =
            rows.into_iter().map(|row| ReadyKey::try_from(row).map(Arc::new)).collect::<Result<_, _>>()?;
        keys.sort_by(|one, other| other.row.age().cmp(&one.row.age()));
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys.into();
        Ok(())
    }

    /// The newest active key. Where a clock was set back behind all of them, the earliest must do.
    pub(super) fn signing(&self, now: i64) -> Option<Arc<ReadyKey>> {
        let keys = self.current();
        let usable = || keys.iter().filter(|key| key.row.is_unexpired(now));
        usable().find(|key| key.row.active_at <= now).or_else(|| usable().next_back()).cloned()
    }

    pub(super) fn verifying(&self, kid: &str, now: i64) -> Option<Arc<ReadyKey>> {
        self.current().iter().find(|key| key.row.kid == kid && key.row.is_unexpired(now)).cloned()
    }

    /// Every key that may verify a token now or soon, newest first.
    pub fn jwks(&self, now: i64) -> Vec<Jwk> {
        let keys = self.current();
        let unexpired = keys.iter().filter(|key| key.row.is_unexpired(now));
        unexpired
            .map(|key| Jwk {
                kty: "OKP",
                crv: "Ed25519",
                x: BASE64_URL_SAFE_NO_PAD.encode(&key.row.public),
                kid: key.row.kid.clone(),
                usage: "sig",
                alg: "EdDSA",
            })
            .collect()
    }

    fn current(&self) -> Arc<[Arc<ReadyKey>]> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What has to be done to the stored keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rotation {
    /// Generate a key that becomes active at this time.
    pub publish: Option<i64>,
    /// Set these keys' ends, as their successors are known.
    pub expire: Vec<(String, i64)>,
    /// Delete these keys, as they have ended.
    pub remove: Vec<String>,
}

impl Rotation {
    /// To be asked for at the start and then every hour; a second time in the same state it asks for nothing.
    pub fn plan(keys: &[SigningKey], now: i64) -> Self {
        let (mut kept, ended): (Vec<_>, Vec<_>) = keys.iter().partition(|key| key.is_unexpired(now));
        kept.sort_by_key(|key| key.age());
        let publish = match kept.last() {
            // Nothing is signed yet, so nobody needs to hear of the first key beforehand.
            None => Some(now),
            // Also after a long silence the next key is published ahead; until then the old one goes on.
            Some(newest) if now >= newest.active_at + SIGNING_PERIOD - PUBLISHED_AHEAD => {
                Some(now + PUBLISHED_AHEAD)
            }
            Some(_) => None,
        };
        let successors =
            kept.iter().skip(1).map(|key| key.active_at).chain(publish.filter(|_| !kept.is_empty()));
        let expire = kept
            .iter()
            .zip(successors)
            .filter(|(key, _)| key.expires_at.is_none())
            .map(|(key, replaced_at)| (key.kid.clone(), replaced_at + KEPT_AFTER))
            .collect();
        Self { publish, expire, remove: ended.into_iter().map(|key| key.kid.clone()).collect() }
    }
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
