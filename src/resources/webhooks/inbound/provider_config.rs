//! Provider configuration: secrets of each provider, and verification of incoming webhooks.
use serde::Deserialize;

use super::{
    types::Provider,
    verify::{VerifyError, github, stripe},
};
use crate::{
    config::WebhooksConfig,
    http::{
        problem::{Error, Result},
        signed_request::SignedHeaders,
    },
    schema::ErrorCode,
};

use super::verify::{Secrets, paypal::Verifier as PayPal};

/// The secrets of each provider. Webhooks of a provider without secrets are rejected.
#[derive(Debug, Clone, Default)]
pub struct ProviderConfig {
    stripe: Option<Secrets>,
    github: Option<Secrets>,
    paypal: Option<PayPal>,
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

/// The fields that identify an event of Stripe or PayPal.
#[derive(Deserialize)]
struct Head {
    id: String,
    #[serde(alias = "event_type", rename = "type")]
    kind: String,
}

impl ProviderConfig {
    pub fn new(config: &WebhooksConfig) -> Self {
        let paypal = config.webhooks_paypal_id.as_ref().zip(config.webhooks_paypal_certificates.as_ref());
        ProviderConfig {
            stripe: config.webhooks_stripe_secrets.as_ref().map(Secrets::new),
            github: config.webhooks_github_secrets.as_ref().map(Secrets::new),
            paypal: paypal.map(|(id, certificates)| PayPal::new(id, certificates)),
        }
    }

    /// Verifies the signature and returns the event.
    pub fn verify(
        &self,
        provider: Provider,
        headers: &SignedHeaders,
        body: &[u8],
        now: i64,
    ) -> Result<VerifiedEvent> {
        let invalid_signature = |VerifyError(why)| Error::InvalidSignature(why);
        let not_configured = Error::NotFound("webhook configuration of this provider");
        match provider {
            Provider::Stripe => {
                let secrets = self.stripe.as_ref().ok_or(not_configured)?;
                let header = headers.get_single("stripe-signature");
                stripe::verify(secrets, header, body, now).map_err(invalid_signature)?;
                parse_identified(body, None)
            }
            Provider::Github => {
                let secrets = self.github.as_ref().ok_or(not_configured)?;
                let github::Delivery { id, event } =
                    github::verify(secrets, headers, body).map_err(invalid_signature)?;
                let body = text(body)?;
                serde_json::from_str::<serde::de::IgnoredAny>(&body).map_err(|_| invalid_body())?;
                Ok(VerifiedEvent { id, delivery: None, kind: event, body })
            }
            Provider::Paypal => {
                let verifier = self.paypal.as_ref().ok_or(not_configured)?;
                let id = verifier.verify(headers, body, now).map_err(invalid_signature)?;
                parse_identified(body, Some(id))
            }
        }
    }
}

fn parse_identified(body: &[u8], delivery: Option<String>) -> Result<VerifiedEvent> {
    let body = text(body)?;
    let Head { id, kind } = serde_json::from_str(&body).map_err(|_| invalid_body())?;
    let plain = |text: &str| (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    match plain(&id) && plain(&kind) {
        true => Ok(VerifiedEvent { id, delivery, kind, body }),
        false => Err(invalid_body()),
    }
}

fn text(body: &[u8]) -> Result<String> {
    str::from_utf8(body).map(str::to_owned).map_err(|_| invalid_body())
}

fn invalid_body() -> Error {
    Error::invalid_field("#", ErrorCode::Invalid, "must be a JSON event with an id and a type")
}
