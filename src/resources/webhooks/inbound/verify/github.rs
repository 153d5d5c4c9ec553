//! GitHub signatures: `X-Hub-Signature-256: sha256=HEX`, HMAC-SHA256 over the body. The signature does not
//! cover the headers with the delivery id and the event type.
use super::{NO_MATCH, Secrets, VerifyError, parse_mac};
use crate::http::signed_request::SignedHeaders;

/// The unsigned headers of a delivery.
pub struct Delivery {
    /// The delivery id. A redelivery has the same id.
    pub id: String,
    pub event: String,
}

/// Verifies the signature over the body.
pub fn verify(secrets: &Secrets, headers: &SignedHeaders, body: &[u8]) -> Result<Delivery, VerifyError> {
    let header = headers.get_single("x-hub-signature-256");
    let header = header.ok_or(VerifyError("X-Hub-Signature-256: must be sent exactly once"))?;
    let mac = header.strip_prefix("sha256=").and_then(parse_mac);
    let mac =
        mac.ok_or(VerifyError("X-Hub-Signature-256: must be sha256= and 64 lowercase hexadecimal digits"))?;
    if !secrets.verify(&[body], &mac) {
        return Err(NO_MATCH);
    }
    let is_identifier = |text: &&str, punctuation: &[u8]| {
        (1..=100).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || punctuation.contains(&byte))
    };
    let id = headers.get_single("x-github-delivery").filter(|id| is_identifier(id, b"-"));
    let event = headers.get_single("x-github-event").filter(|event| is_identifier(event, b"_-."));
    match (id, event) {
        (Some(id), Some(event)) => Ok(Delivery { id: id.to_owned(), event: event.to_owned() }),
        _ => Err(VerifyError(
            "X-GitHub-Delivery and X-GitHub-Event: must be identifiers of 1 to 100 characters, each sent once",
        )),
    }
}
