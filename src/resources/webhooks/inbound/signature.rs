//! Signatures with a shared secret: HMAC-SHA256 over the raw bytes.
use ring::hmac;

use crate::{config::WebhookSecrets, domain::secret::Secret};

/// The message for a signature that fits no secret. It reveals nothing that the sender does not know.
pub const NO_MATCH: &str = "no signature matches this body and a configured secret";

/// The secrets that a provider can sign with. Several allow a rotation without downtime.
#[derive(Debug, Clone)]
pub struct Secrets(Vec<Secret<String>>);

impl Secrets {
    pub fn new(config: &WebhookSecrets) -> Self {
        Secrets(config.0.clone())
    }

    /// Returns whether `mac` is the HMAC-SHA256 of the message with one of the secrets. Compares in constant
    /// time.
    pub fn verify(&self, message: &[&[u8]], mac: &[u8; 32]) -> bool {
        let message = message.concat();
        let matches = |secret: &Secret<String>| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
            hmac::verify(&key, &message, mac).is_ok()
        };
        self.0.iter().any(matches)
    }
}

/// Parses an HMAC-SHA256 of 64 lowercase hexadecimal digits; `None` for any other text.
pub fn parse_mac(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut mac = [0; 32];
    for (byte, pair) in mac.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(mac)
}

/// Values and functions for the tests of providers.
#[cfg(test)]
pub mod testing {
    use poem::http::{HeaderMap, HeaderName, HeaderValue};

    use super::*;
    use crate::{
        http::{
            problem::{Error, Result},
            signed_request::SignedHeaders,
        },
        resources::webhooks::inbound::provider::VerifiedEvent,
    };

    /// 2026-11-21T09:00:00Z.
    pub const NOW: i64 = 1_795_251_600_000;
    pub const BODY: &[u8] = br#"{"id":"evt_1","type":"invoice.paid"}"#;

    pub fn secrets() -> Secrets {
        let secret = |text: &str| Secret::new(text.to_owned());
        Secrets::new(&WebhookSecrets(vec![secret("whsec_of_before_today"), secret("whsec_of_today_and_on")]))
    }

    pub fn mac(secret: &str, message: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        hmac::sign(&key, message).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub fn headers(list: &[(&str, &str)]) -> SignedHeaders {
        let line = |(name, value): &(&str, &str)| {
            (
                HeaderName::from_bytes(name.as_bytes()).expect("a name"),
                HeaderValue::from_str(value).expect("a value"),
            )
        };
        list.iter()
            .map(line)
            .fold(HeaderMap::new(), |mut all, (name, value)| {
                all.append(name, value);
                all
            })
            .into()
    }

    /// Returns whether the event was rejected because of its signature.
    pub fn is_rejected(verified: &Result<VerifiedEvent>) -> bool {
        matches!(verified, Err(Error::InvalidSignature(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::testing::*;

    #[test]
    fn secrets_are_not_printed() {
        assert!(!format!("{:?}", secrets()).contains("whsec"));
    }

    /// Test vector of the GitHub documentation, verified with Python's hmac.
    #[test]
    fn hmac_matches_the_test_vector() {
        assert_eq!(
            mac("It's a Secret to Everybody", b"Hello, World!"),
            "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        );
    }
}
