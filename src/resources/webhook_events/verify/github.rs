//! GitHub: `X-Hub-Signature-256: sha256=HEX`, HMAC-SHA256 over the body. Which delivery of what it is stands in
//! fields beside it, which nobody signs.
use super::{Refusal, Secrets, WRONG, code};
use crate::contract::signed::Fields;

pub struct Delivery {
    /// The same for a delivery that is sent again.
    pub id: String,
    pub event: String,
}

/// Checks the signature against the body.
pub fn verify(secrets: &Secrets, fields: &Fields, body: &[u8]) -> Result<Delivery, Refusal> {
    let field = fields.one("x-hub-signature-256");
    let field = field.ok_or(Refusal("X-Hub-Signature-256 is missing, or stands there twice"))?;
    let code = field.strip_prefix("sha256=").and_then(code);
    let code = code.ok_or(Refusal("X-Hub-Signature-256 is not sha256= and 64 hexadecimal digits"))?;
    if !secrets.made(&[body], &code) {
        return Err(WRONG);
    }
    let plain = |text: &&str, more: &[u8]| {
        (1..=100).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
    };
    let id = fields.one("x-github-delivery").filter(|id| plain(id, b"-"));
    let event = fields.one("x-github-event").filter(|event| plain(event, b"_-."));
    match (id, event) {
        (Some(id), Some(event)) => Ok(Delivery { id: id.to_owned(), event: event.to_owned() }),
        _ => Err(Refusal("X-GitHub-Delivery or X-GitHub-Event is missing, or is no plain word")),
    }
}
