//! Operations that receive events from providers, and that list and replay them.
use poem_openapi::OpenApi;

use super::{
    service::WebhookEvents,
    types::{
        Github, Paypal, Provider, Stripe, WebhookEvent, WebhookEventQuery, WebhookEventSummary,
        WebhookReceipt,
    },
};
use crate::{
    api::Tag,
    contract::{
        answer::{Accepted, Found, Listed, Told},
        cache::Cache,
        caller::{Admins, Caller},
        id::Id,
        problem::{Fault, Invalid, NotFound},
        request::{IfNoneMatch, Path, Query},
        signed::{Signed, Signer},
    },
    resources::jobs::{Job, Jobs},
};

pub struct WebhookEventsApi {
    pub events: WebhookEvents,
    pub jobs: Jobs,
}

/// The errors of a receive operation.
type ReceiveErrors = (Invalid, NotFound);

impl WebhookEventsApi {
    async fn receive<S: Signer>(
        &self,
        provider: Provider,
        signed: Signed<S>,
    ) -> Result<Told<WebhookReceipt>, Fault<ReceiveErrors>> {
        self.events.receive(provider, &signed.fields, signed.body).await?;
        Ok(Told::new(WebhookReceipt { received: true }))
    }
}

#[OpenApi(prefix_path = "/api", tag = "Tag::WebhookEvents")]
impl WebhookEventsApi {
    /// Receive an event from Stripe
    ///
    /// The signature is verified over the raw bytes before the body is parsed; an invalid signature is
    /// rejected (400). A repeated event returns 200 and has no further effect. Returns 404 if no Stripe
    /// secret is configured.
    #[oai(path = "/webhooks/stripe", method = "post", operation_id = "webhookEventsReceiveStripe")]
    async fn receive_stripe(
        &self,
        signed: Signed<Stripe>,
    ) -> Result<Told<WebhookReceipt>, Fault<ReceiveErrors>> {
        self.receive(Provider::Stripe, signed).await
    }

    /// Receive an event from GitHub
    ///
    /// Verification and repeated events work as for Stripe. `X-GitHub-Delivery` identifies the event and
    /// `X-GitHub-Event` is its type. The content type of the webhook must be `application/json`.
    #[oai(path = "/webhooks/github", method = "post", operation_id = "webhookEventsReceiveGithub")]
    async fn receive_github(
        &self,
        signed: Signed<Github>,
    ) -> Result<Told<WebhookReceipt>, Fault<ReceiveErrors>> {
        self.receive(Provider::Github, signed).await
    }

    /// Receive an event from PayPal
    ///
    /// Verification and repeated events work as for Stripe. Certificates are configured in advance: the URL
    /// in `PayPal-Cert-Url` is never requested.
    #[oai(path = "/webhooks/paypal", method = "post", operation_id = "webhookEventsReceivePaypal")]
    async fn receive_paypal(
        &self,
        signed: Signed<Paypal>,
    ) -> Result<Told<WebhookReceipt>, Fault<ReceiveErrors>> {
        self.receive(Provider::Paypal, signed).await
    }

    /// List webhook events
    ///
    /// Newest first by default, without the bodies.
    #[oai(path = "/webhook-events", method = "get", operation_id = "webhookEventsList")]
    async fn list(
        &self,
        _admin: Caller<Admins>,
        query: Query<WebhookEventQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<Listed<WebhookEventSummary>, Fault<Invalid>> {
        let etag = self.events.list_etag(&query.target).await?;
        if let Some(unchanged) = Listed::unchanged(&etag, &if_none_match.0, Cache::Private) {
            return Ok(unchanged);
        }
        Ok(Listed::new(self.events.list(&query).await?, &etag, &query.target, Cache::Private))
    }

    /// Get a webhook event
    ///
    /// The response contains the body as received.
    #[oai(path = "/webhook-events/:id", method = "get", operation_id = "webhookEventsGet")]
    async fn get(
        &self,
        _admin: Caller<Admins>,
        /// The id of the event.
        id: Path<Id<WebhookEvent>>,
        if_none_match: IfNoneMatch,
    ) -> Result<Found<WebhookEvent>, Fault<NotFound>> {
        Ok(Found::new(self.events.get(id.0).await?, &if_none_match.0))
    }

    /// Replay a webhook event
    ///
    /// Enqueues the event again, in any state. If its job is still queued, that job is used. An effect that
    /// was already applied is not applied again.
    #[oai(path = "/webhook-events/:id/replay", method = "post", operation_id = "webhookEventsReplay")]
    async fn replay(
        &self,
        _admin: Caller<Admins>,
        /// The id of the event.
        id: Path<Id<WebhookEvent>>,
    ) -> Result<Accepted<Job>, Fault<NotFound>> {
        let job = self.events.replay(id.0).await?;
        Ok(Accepted::new(self.jobs.get(Id::from(job)).await?))
    }
}
