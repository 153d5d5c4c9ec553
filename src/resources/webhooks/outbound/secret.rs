//! Secrets of endpoints, and signatures as in Standard Webhooks.
use base64::{Engine, engine::general_purpose::STANDARD};
use ring::hmac;

use crate::{
    domain::secret::Secret,
    http::problem::{Error, Result},
};

const PREFIX: &str = "whsec_";

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
        assert_eq!(generate().map(|secret| secret.expose().len()).ok(), Some(50));
    }
}
