//! The API of Stripe, which returns the objects of thin events.
use std::time::Duration;

use serde_json::Value;

use super::action::StripeObject;
use crate::{
    config::WebhooksConfig,
    domain::secret::Secret,
    infra::{
        http_client::{HttpClient, Timeouts},
        queue::JobError,
    },
};

/// Limits of a request. An object has some kilobytes.
const TIMEOUTS: Timeouts = Timeouts { total: Duration::from_secs(10), max_body_bytes: 1 << 20 };

/// Requests objects with the API key of the settings.
#[derive(Clone)]
pub struct StripeApi {
    pub http_client: HttpClient,
    key: Option<Secret<String>>,
    url: String,
}

impl StripeApi {
    pub fn new(http_client: HttpClient, config: &WebhooksConfig) -> Self {
        StripeApi {
            http_client: HttpClient { timeouts: TIMEOUTS, ..http_client },
            key: config.webhooks_stripe_api_key.as_ref().map(|key| key.0.clone()),
            url: config.webhooks_stripe_api_url.0.trim_end_matches('/').to_owned(),
        }
    }

    /// Returns the current state of an object; `None` without an API key, and then sends no request.
    ///
    /// # Errors
    ///
    /// Permanent for a response that a retry does not change: 4xx other than 429.
    pub async fn fetch(&self, object: &StripeObject) -> Result<Option<Value>, JobError> {
        let Some(key) = &self.key else { return Ok(None) };
        let authorization = Secret::new(format!("Bearer {}", key.expose()));
        let mut headers =
            vec![("authorization", authorization.expose().as_str()), ("accept", "application/json")];
        headers.extend(object.context.as_deref().map(|context| ("stripe-context", context)));
        let url = format!("{}{}", self.url, object.path);
        let response = self.http_client.request(&url, &headers, None).await.map_err(JobError::new)?;
        match response.status {
            200..=299 => {
                let parsed = serde_json::from_slice(&response.body);
                parsed.map(Some).map_err(|_| JobError::new("the API of Stripe responded with invalid JSON"))
            }
            status @ (401 | 403) => Err(JobError::permanent(format!(
                "the API of Stripe responded with {status}: check webhooks_stripe_api_key, then replay the event"
            ))),
            status @ 400..=499 if status != 429 => {
                Err(JobError::permanent(format!("the API of Stripe responded with {status}")))
            }
            status => Err(JobError::new(format!("the API of Stripe responded with {status}"))),
        }
    }
}
