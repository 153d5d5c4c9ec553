//! Signature verification of incoming webhooks, over the raw bytes and before the body is parsed.
pub mod github;
pub mod paypal;
pub mod stripe;

use ring::hmac;

use crate::{config::WebhookSecrets, domain::secret::Secret};

/// The reason why verification failed. It reveals nothing that the sender does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyError(pub &'static str);

const NO_MATCH: VerifyError = VerifyError("no signature matches this body and a configured secret");

/// The secrets that a provider can sign with. Several allow a rotation without downtime.
#[derive(Debug, Clone)]
pub struct Secrets(Vec<Secret<String>>);

impl Secrets {
    pub fn new(config: &WebhookSecrets) -> Self {
        Secrets(config.0.clone())
    }

    /// Returns whether `mac` is the HMAC-SHA256 of the message with one of the secrets. Compares in constant
    /// time.
    fn verify(&self, message: &[&[u8]], mac: &[u8; 32]) -> bool {
        let message = message.concat();
        let matches = |secret: &Secret<String>| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
            hmac::verify(&key, &message, mac).is_ok()
        };
        self.0.iter().any(matches)
    }
}

/// Parses 64 lowercase hexadecimal digits, which Stripe and GitHub send; `None` for any other text.
fn parse_mac(text: &str) -> Option<[u8; 32]> {
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

#[cfg(test)]
mod tests;
