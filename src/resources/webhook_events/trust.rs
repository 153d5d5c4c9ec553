//! Who is believed, and what a believed webhook is called.
use serde::Deserialize;

use super::{
    types::Provider,
    verify::{Refusal, github, stripe},
};
use crate::contract::{
    check::ErrorCode,
    problem::{Error, Result},
    signed::Fields,
};

pub use super::verify::{Secrets, paypal::Trust as PayPal};

/// By what each provider proves itself; from one without, nothing is taken.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    pub stripe: Option<Secrets>,
    pub github: Option<Secrets>,
    pub paypal: Option<PayPal>,
}

/// What was told, as far as it is known before anybody handles it.
#[derive(Debug)]
pub struct Named {
    /// What the provider calls it.
    pub id: String,
    /// The number of its delivery, where that is signed too.
    pub delivery: Option<String>,
    pub kind: String,
    pub body: String,
}

/// The members that both providers name events by.
#[derive(Deserialize)]
struct Head {
    id: String,
    #[serde(alias = "event_type", rename = "type")]
    kind: String,
}

impl Trust {
    /// What a webhook tells, if it comes from whom it names.
    pub fn verified(&self, provider: Provider, fields: &Fields, body: &[u8], now: i64) -> Result<Named> {
        let refused = |Refusal(why)| Error::InvalidSignature(why);
        let unknown = Error::NotFound("webhook: no secret of this provider is set");
        match provider {
            Provider::Stripe => {
                let secrets = self.stripe.as_ref().ok_or(unknown)?;
                let field = fields.one("stripe-signature");
                stripe::verify(secrets, field, body, now).map_err(refused)?;
                headed(body, None)
            }
            Provider::Github => {
                let secrets = self.github.as_ref().ok_or(unknown)?;
                let github::Delivery { id, event } =
                    github::verify(secrets, fields, body).map_err(refused)?;
                let body = text(body)?;
                serde_json::from_str::<serde::de::IgnoredAny>(&body).map_err(|_| unreadable())?;
                Ok(Named { id, delivery: None, kind: event, body })
            }
            Provider::Paypal => {
                let trust = self.paypal.as_ref().ok_or(unknown)?;
                let id = trust.verify(fields, body, now).map_err(refused)?;
                headed(body, Some(id))
            }
        }
    }
}

fn headed(body: &[u8], delivery: Option<String>) -> Result<Named> {
    let body = text(body)?;
    let Head { id, kind } = serde_json::from_str(&body).map_err(|_| unreadable())?;
    let plain = |text: &str| (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    match plain(&id) && plain(&kind) {
        true => Ok(Named { id, delivery, kind, body }),
        false => Err(unreadable()),
    }
}

fn text(body: &[u8]) -> Result<String> {
    str::from_utf8(body).map(str::to_owned).map_err(|_| unreadable())
}

fn unreadable() -> Error {
    Error::at("#", ErrorCode::Invalid, "is signed, and no event with an id and a type")
}
