//! Signing keys of access tokens: selection of the signing key, verification keys, and the rotation schedule.
use std::sync::Arc;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use parking_lot::RwLock;
use quick_cache::sync::Cache;
use ring::{
    digest::{Context, SHA256},
    rand::SystemRandom,
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};

use crate::domain::secret::{Secret, token_digest};

const HOUR: i64 = 3_600_000;
/// How long a key signs before the next key replaces it, in milliseconds.
pub const SIGNING_PERIOD: i64 = 30 * 24 * HOUR;
/// How long a key is published before it signs, in milliseconds. Services may cache the JWK set for this
/// long.
pub const PUBLISH_AHEAD: i64 = 24 * HOUR;
/// How long a key verifies tokens after the next key has started to sign, in milliseconds.
pub const VERIFY_AFTER: i64 = 24 * HOUR;

/// A key that is not Ed25519 in PKCS #8, or whose public key or thumbprint does not match its private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an Ed25519 key")]
pub struct InvalidKey;

/// A signing key as stored. Times are Unix milliseconds.
#[derive(Clone, Debug)]
pub struct SigningKey {
    /// The thumbprint of the public key (RFC 7638).
    pub kid: String,
    pub pkcs8: Secret<Vec<u8>>,
    pub public: Vec<u8>,
    pub created_at: i64,
    pub active_at: i64,
    /// Absent until the next key is published.
    pub expires_at: Option<i64>,
}

impl SigningKey {
    pub fn generate(created_at: i64, active_at: i64) -> Result<Self, InvalidKey> {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| InvalidKey)?;
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).map_err(|_| InvalidKey)?;
        let public = pair.public_key().as_ref().to_vec();
        let kid = thumbprint(&public);
        let pkcs8 = Secret::new(pkcs8.as_ref().to_vec());
        Ok(Self { kid, pkcs8, public, created_at, active_at, expires_at: None })
    }

    fn is_unexpired(&self, now: i64) -> bool {
        self.expires_at.is_none_or(|expires_at| now < expires_at)
    }

    /// The key for sorting by age. It is total, so that processes that publish a key at the same time agree
    /// on the key that signs.
    fn sort_key(&self) -> (i64, i64, &str) {
        (self.active_at, self.created_at, &self.kid)
    }
}

fn thumbprint(public: &[u8]) -> String {
    token_digest(&format!(
        r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#,
        BASE64_URL_SAFE_NO_PAD.encode(public)
    ))
}

/// A public key in the JWK set (RFC 8037).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwk {
    pub x: String,
    pub kid: String,
}

/// Bytes of an Ed25519 signature (RFC 8032, section 5.1.6).
const SIGNATURE_LENGTH: usize = 64;
/// Signatures per key that are not verified again. Each has about 100 bytes.
const VERIFIED_SIGNATURES: usize = 4096;

/// A signing key with its parsed key pair.
pub(super) struct LoadedKey {
    pub(super) row: SigningKey,
    pair: Ed25519KeyPair,
    /// The SHA-256 hashes of messages with their valid signatures. A verification takes a sixth of the time of a
    /// small write, and each write verifies the token of its caller.
    verified: Cache<[u8; 32], ()>,
}

impl LoadedKey {
    /// Returns the Ed25519 signature of a message.
    pub(super) fn sign(&self, message: &[u8]) -> impl AsRef<[u8]> {
        self.pair.sign(message)
    }

    /// Returns whether this key signed the message.
    pub(super) fn is_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        // Signatures have a fixed length, so the concatenation is unambiguous.
        if signature.len() != SIGNATURE_LENGTH {
            return false;
        }
        let mut context = Context::new(&SHA256);
        context.update(message);
        context.update(signature);
        let mut hash = [0; 32];
        hash.copy_from_slice(context.finish().as_ref());
        if self.verified.get(&hash).is_some() {
            return true;
        }
        let is_valid = UnparsedPublicKey::new(&ED25519, &self.row.public).verify(message, signature).is_ok();
        if is_valid {
            self.verified.insert(hash, ());
        }
        is_valid
    }
}

impl TryFrom<SigningKey> for LoadedKey {
    type Error = InvalidKey;

    fn try_from(row: SigningKey) -> Result<Self, InvalidKey> {
        let pair = Ed25519KeyPair::from_pkcs8(row.pkcs8.expose()).map_err(|_| InvalidKey)?;
        if pair.public_key().as_ref() != row.public || row.kid != thumbprint(&row.public) {
            return Err(InvalidKey);
        }
        Ok(Self { row, pair, verified: Cache::new(VERIFIED_SIGNATURES) })
    }
}

/// The signing keys in memory, as last loaded from the database.
#[derive(Default)]
pub struct SigningKeys {
    keys: RwLock<Arc<[Arc<LoadedKey>]>>,
}

impl SigningKeys {
    /// Replaces all keys. On an invalid key, returns an error and retains the previous keys.
    pub fn replace(&self, rows: impl IntoIterator<Item = SigningKey>) -> Result<(), InvalidKey> {
        let mut keys: Vec<_> =
            rows.into_iter().map(|row| LoadedKey::try_from(row).map(Arc::new)).collect::<Result<_, _>>()?;
        keys.sort_by(|one, other| other.row.sort_key().cmp(&one.row.sort_key()));
        *self.keys.write() = keys.into();
        Ok(())
    }

    /// Returns the newest active key. If no key is active yet because the clock was set back, returns the
    /// oldest one.
    pub(super) fn signing(&self, now: i64) -> Option<Arc<LoadedKey>> {
        let keys = self.current();
        let usable = || keys.iter().filter(|key| key.row.is_unexpired(now));
        usable().find(|key| key.row.active_at <= now).or_else(|| usable().next_back()).cloned()
    }

    /// Returns the unexpired key with this id.
    pub(super) fn verifying(&self, kid: &str, now: i64) -> Option<Arc<LoadedKey>> {
        self.current().iter().find(|key| key.row.kid == kid && key.row.is_unexpired(now)).cloned()
    }

    /// Returns all unexpired keys, newest first.
    pub fn jwks(&self, now: i64) -> Vec<Jwk> {
        let keys = self.current();
        let unexpired = keys.iter().filter(|key| key.row.is_unexpired(now));
        unexpired
            .map(|key| Jwk { x: BASE64_URL_SAFE_NO_PAD.encode(&key.row.public), kid: key.row.kid.clone() })
            .collect()
    }

    fn current(&self) -> Arc<[Arc<LoadedKey>]> {
        self.keys.read().clone()
    }
}

/// The changes to the stored keys that the rotation schedule requires.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyRotation {
    /// Generate a key that becomes active at this time.
    pub publish: Option<i64>,
    /// Set the expiry of these keys, because their successors are known.
    pub expire: Vec<(String, i64)>,
    /// Delete these keys, because they have expired.
    pub remove: Vec<String>,
}

impl KeyRotation {
    /// Computes the changes. Idempotent: once they are applied, a second call returns no changes.
    pub fn plan(keys: &[SigningKey], now: i64) -> Self {
        let (mut unexpired, expired): (Vec<_>, Vec<_>) = keys.iter().partition(|key| key.is_unexpired(now));
        unexpired.sort_by_key(|key| key.sort_key());
        let publish = match unexpired.last() {
            // No token is signed yet, so the first key needs no time ahead of its use.
            None => Some(now),
            // Even if the service was down for long, the next key is published ahead, and the old key signs
            // until then.
            Some(newest) if now >= newest.active_at + SIGNING_PERIOD - PUBLISH_AHEAD => {
                Some(now + PUBLISH_AHEAD)
            }
            Some(_) => None,
        };
        let successors = unexpired
            .iter()
            .skip(1)
            .map(|key| key.active_at)
            .chain(publish.filter(|_| !unexpired.is_empty()));
        let expire = unexpired
            .iter()
            .zip(successors)
            .filter(|(key, _)| key.expires_at.is_none())
            .map(|(key, replaced_at)| (key.kid.clone(), replaced_at + VERIFY_AFTER))
            .collect();
        Self { publish, expire, remove: expired.into_iter().map(|key| key.kid.clone()).collect() }
    }
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
