//! The trait of webhook providers.
use serde::Deserialize;

use super::{action::Action, types::Provider};
use crate::{
    config::WebhooksConfig,
    http::{
        problem::{Error, Result},
        signed_request::{SignedHeaders, WebhookSigner},
    },
    schema::ErrorCode,
};

/// A provider of webhooks, with its secrets.
///
/// The operation that receives its events is declared beside the implementation, in an `impl ReceiveApi<…>`.
pub trait WebhookProvider: WebhookSigner + Sized {
    /// The provider in stored events and in the API.
    const PROVIDER: Provider;

    /// How long an equal body is treated as a repeated event, in milliseconds. For providers whose signature does not
    /// cover the event id, which a replay could change.
    const SAME_BODY_WINDOW: Option<i64> = None;

    /// Creates the provider from its settings; `None` if they are not set.
    fn from_config(config: &WebhooksConfig) -> Option<Self>;

    /// Verifies the signature over the raw body, and then parses the event. `now` is in milliseconds.
    ///
    /// # Errors
    ///
    /// `InvalidSignature`, and `Invalid` for a signed body that is not an event.
    fn verify(&self, headers: &SignedHeaders, body: &[u8], now: i64) -> Result<VerifiedEvent>;

    /// Returns the action for an event of this type. Parses the body and has no side effects.
    fn action(kind: &str, body: &str) -> Action;
}

/// A webhook with a valid signature.
#[derive(Debug)]
pub struct VerifiedEvent {
    /// The event id of the provider.
    pub id: String,
    /// The id of the delivery, if the provider signs it.
    pub delivery: Option<String>,
    pub kind: String,
    pub body: String,
}

/// The fields that identify an event in its body.
#[derive(Deserialize)]
struct Head {
    id: String,
    #[serde(alias = "event_type", rename = "type")]
    kind: String,
}

impl VerifiedEvent {
    /// Parses the body of an event whose id and type are in headers.
    pub fn from_headers(id: &str, kind: &str, body: &[u8]) -> Result<Self> {
        let body = text(body)?;
        serde_json::from_str::<serde::de::IgnoredAny>(&body).map_err(|_| invalid_body())?;
        Ok(VerifiedEvent { id: id.to_owned(), delivery: None, kind: kind.to_owned(), body })
    }

    /// Parses the body of an event with the fields `id` and `type` or `event_type`.
    pub fn from_body(body: &[u8], delivery: Option<String>) -> Result<Self> {
        let body = text(body)?;
        let Head { id, kind } = serde_json::from_str(&body).map_err(|_| invalid_body())?;
        let plain =
            |text: &str| (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        match plain(&id) && plain(&kind) {
            true => Ok(VerifiedEvent { id, delivery, kind, body }),
            false => Err(invalid_body()),
        }
    }
}

fn text(body: &[u8]) -> Result<String> {
    str::from_utf8(body).map(str::to_owned).map_err(|_| invalid_body())
}

fn invalid_body() -> Error {
    Error::invalid_field("#", ErrorCode::Invalid, "must be a JSON event with an id and a type")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_types_have_1_to_255_printable_characters() {
        let long = |length| "a".repeat(length);
        for (id, kind, is_accepted) in [
            ("evt_1".to_owned(), "a.b".to_owned(), true),
            (long(255), long(255), true),
            (String::new(), long(1), false),
            (long(1), String::new(), false),
            (long(256), long(1), false),
            (long(1), long(256), false),
            ("a b".to_owned(), long(1), false),
            (long(1), "ä".to_owned(), false),
        ] {
            let body = serde_json::json!({ "id": id, "type": kind }).to_string();
            let event = VerifiedEvent::from_body(body.as_bytes(), None);
            assert_eq!(event.is_ok(), is_accepted, "{body}");
        }
    }
}
