//! Secret values, which must not appear in logs, responses or errors; random tokens and their digests.
use std::fmt;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::{
    digest as hash,
    error::Unspecified,
    rand::{SecureRandom, SystemRandom},
};
use subtle::ConstantTimeEq;

/// The length of a [`random_token`]: 256 bits in unpadded base64url.
pub const TOKEN_LENGTH: usize = 43;

/// A value that cannot be printed or serialized, and is compared in constant time.
#[derive(Clone)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Returns the value. This is the only access, so that all uses of secrets can be found by this name.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<T> fmt::Display for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<T: AsRef<[u8]>> PartialEq for Secret<T> {
    fn eq(&self, other: &Self) -> bool {
        constant_time_eq(self.0.as_ref(), other.0.as_ref())
    }
}

impl<T: AsRef<[u8]>> Eq for Secret<T> {}

/// Compares two values. The time depends on their lengths only, not on their contents.
pub fn constant_time_eq(one: impl AsRef<[u8]>, other: impl AsRef<[u8]>) -> bool {
    one.as_ref().ct_eq(other.as_ref()).into()
}

/// Fills a buffer with random bytes from the operating system.
pub fn fill_random(bytes: &mut [u8]) -> Result<(), Unspecified> {
    SystemRandom::new().fill(bytes)
}

/// Returns 256 random bits in base64url, which is valid in headers, cookies and URLs.
///
/// # Panics
/// Panics if the operating system provides no randomness: no secure token can be issued then.
pub fn random_token() -> Secret<String> {
    let mut bytes = [0; 32];
    fill_random(&mut bytes).expect("the operating system provides random bytes");
    Secret(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// Returns whether `text` has the canonical form of a [`random_token`]. Non-zero trailing bits are rejected.
pub fn is_token(text: &str) -> bool {
    let mut bytes = [0; 32];
    BASE64_URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) == Ok(bytes.len())
}

/// Returns the SHA-256 of a random token in base64url, which is stored instead of the token. Not for
/// passwords: they need a slow hash.
pub fn token_digest(text: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(hash::digest(&hash::SHA256, text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redacts_secrets() {
        let secret = Secret::new("hunter2hunter2".to_owned());
        let shown = format!("{secret} {secret:?} {secret:#?} {:?}", Some(&secret));
        assert_eq!(shown, "[redacted] [redacted] [redacted] Some([redacted])");
        assert_eq!(secret.expose(), "hunter2hunter2");
    }

    #[test]
    fn compares_secrets_by_value() {
        assert_eq!(Secret::new("abc"), Secret::new("abc"));
        assert_ne!(Secret::new("abc"), Secret::new("abd"));
        assert_ne!(Secret::new("abc"), Secret::new("abcd"));
        assert_eq!(Secret::new(vec![1, 2]), Secret::new(vec![1, 2]));
        assert!(!constant_time_eq("", "a"));
    }

    #[test]
    fn generates_unique_well_formed_tokens() {
        let (one, other) = (random_token(), random_token());
        assert_ne!(one, other);
        assert!(is_token(one.expose()) && is_token(other.expose()));
    }

    #[test]
    fn rejects_malformed_tokens() {
        let zeros = "A".repeat(TOKEN_LENGTH);
        assert!(is_token(&zeros));
        for wrong in [
            String::new(),
            "A".repeat(42),
            "A".repeat(44),
            format!("{}=", "A".repeat(42)),
            format!("{}+", "A".repeat(42)),
            format!("{}/", "A".repeat(42)),
            format!("{} ", "A".repeat(42)),
            // The last character carries four bits; the other two must be zero.
            format!("{}B", "A".repeat(42)),
            format!("{}é", "A".repeat(41)),
        ] {
            assert!(!is_token(&wrong), "{wrong:?}");
        }
    }

    #[test]
    fn digests_with_sha_256() {
        // The test vector "abc" of FIPS 180-2, in base64url.
        assert_eq!(token_digest("abc"), "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
    }
}
