//! Secrets of endpoints, and signatures as in Standard Webhooks.
use std::ops::RangeInclusive;

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::hmac;

use crate::{
    domain::secret::Secret,
    http::problem::{Error, Result},
    schema::ErrorCode,
};

const PREFIX: &str = "whsec_";

/// The bytes of a secret that an admin has chosen (Standard Webhooks, section "Signature scheme").
const OWN_LENGTH: RangeInclusive<usize> = 24..=64;

/// Creates a secret of 256 random bits.
pub fn generate() -> Result<Secret<String>> {
    let mut bytes = [0; 32];
    crate::domain::secret::fill_random(&mut bytes)
        .map_err(|_| Error::Internal("the random number generator failed".into()))?;
    Ok(Secret::new(format!("{PREFIX}{}", STANDARD.encode(bytes))))
}

/// Returns the value of the `webhook-signature` header: one signature for each secret. Returns `None` if a
/// secret is invalid.
pub fn signatures(secrets: &[Secret<String>], id: &str, timestamp: i64, body: &str) -> Option<String> {
    let signed = format!("{id}.{timestamp}.{body}");
    let all: Option<Vec<String>> = secrets.iter().map(|secret| signature(secret, &signed)).collect();
    all.map(|all| all.join(" "))
}

/// Checks a secret that an admin has chosen.
///
/// # Errors
///
/// `Invalid` if it is not `whsec_` and 24 to 64 bytes in base64.
pub fn check_own(secret: &str) -> Result<Secret<String>> {
    match key(secret).is_some_and(|key| OWN_LENGTH.contains(&key.len())) {
        true => Ok(Secret::new(secret.to_owned())),
        false => Err(Error::invalid_field(
            "#/secret",
            ErrorCode::Invalid,
            "must be `whsec_` and 24 to 64 bytes in base64, with padding",
        )),
    }
}

/// Returns whether a stored secret can sign.
pub fn is_valid(secret: &str) -> bool {
    key(secret).is_some()
}

fn key(secret: &str) -> Option<Vec<u8>> {
    STANDARD.decode(secret.strip_prefix(PREFIX)?).ok()
}

fn signature(secret: &Secret<String>, signed: &str) -> Option<String> {
    let key = key(secret.expose())?;
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes());
    Some(format!("v1,{}", STANDARD.encode(tag)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_match_the_test_vector_of_standard_webhooks() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let signed = signatures(std::slice::from_ref(&secret), id, 1_614_265_330, "{\"test\": 2432232314}");
        assert_eq!(signed.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
        let both = signatures(&[secret.clone(), secret], id, 1, "").expect("two");
        assert_eq!(both.split(' ').count(), 2);
        assert!(signatures(&[Secret::new("other".into())], id, 1, "").is_none());
        for (bytes, is_valid) in [(0, false), (23, false), (24, true), (25, true), (64, true), (65, false)] {
            let text = format!("{PREFIX}{}", STANDARD.encode(vec![7; bytes]));
            assert_eq!(check_own(&text).is_ok(), is_valid, "{bytes}");
        }
        for text in [
            "C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
            "whsec_C2FVsBQIhrscChlQIMV-b5sSYspob7oD",
            "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBw",
        ] {
            assert!(check_own(text).is_err(), "{text}");
        }
        assert_eq!(generate().map(|secret| secret.expose().len()).ok(), Some(50));
    }
}
