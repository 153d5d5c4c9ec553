//! Values that must never show in a log, an answer or an error, and how they are made and remembered.
use std::fmt;

use aws_lc_rs::{constant_time, digest as hash, rand};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

/// How many characters a [`random_token`] has: 256 bits in unpadded base64url.
pub const TOKEN_LENGTH: usize = 43;

/// A value that can be used but not printed, serialised or compared in a time that tells anything.
#[derive(Clone)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The one way to the value: every use is found by searching for this name.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

impl<T> fmt::Display for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

impl<T: AsRef<[u8]>> PartialEq for Secret<T> {
    fn eq(&self, other: &Self) -> bool {
        same(self.0.as_ref(), other.0.as_ref())
    }
}

impl<T: AsRef<[u8]>> Eq for Secret<T> {}

/// Compares without telling by its time where two values of one length differ.
pub fn same(one: impl AsRef<[u8]>, other: impl AsRef<[u8]>) -> bool {
    constant_time::verify_slices_are_equal(one.as_ref(), other.as_ref()).is_ok()
}

/// 256 random bits, written so that they fit headers, cookies and addresses.
///
/// # Panics
/// When the operating system has no randomness to give: nothing sound can be issued then.
pub fn random_token() -> Secret<String> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).expect("the operating system gives random bytes");
    Secret(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// Whether a text is written as [`random_token`] writes, to the last bit.
pub fn is_token(text: &str) -> bool {
    let mut bytes = [0; 32];
    BASE64_URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) == Ok(bytes.len())
}

/// What is stored in place of a random token: SHA-256 in base64url. Passwords need a slow hash instead.
pub fn digest(text: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(hash::digest(&hash::SHA256, text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print() {
        let secret = Secret::new("hunter2hunter2".to_owned());
        let shown = format!("{secret} {secret:?} {secret:#?} {:?}", Some(&secret));
        assert_eq!(shown, "[hidden] [hidden] [hidden] Some([hidden])");
        assert_eq!(secret.expose(), "hunter2hunter2");
    }

    #[test]
    fn secrets_are_equal_by_value() {
        assert_eq!(Secret::new("abc"), Secret::new("abc"));
        assert_ne!(Secret::new("abc"), Secret::new("abd"));
        assert_ne!(Secret::new("abc"), Secret::new("abcd"));
        assert_eq!(Secret::new(vec![1, 2]), Secret::new(vec![1, 2]));
        assert!(!same("", "a"));
    }

    #[test]
    fn random_tokens_are_fresh_and_well_formed() {
        let (one, other) = (random_token(), random_token());
        assert_ne!(one, other);
        assert!(is_token(one.expose()) && is_token(other.expose()));
    }

    #[test]
    fn what_is_not_written_as_a_token_is_refused() {
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
    fn the_digest_is_sha_256() {
        // The digest of "abc" as FIPS 180-2 gives it, in base64url.
        assert_eq!(digest("abc"), "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
    }
}
