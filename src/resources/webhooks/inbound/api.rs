//! Operations that receive events from providers, and that list and replay them.
use macros::operations;

use super::{
    service::WebhookEvents,
    types::{
        Github, Paypal, Provider, Stripe, WebhookEvent, WebhookEventQuery, WebhookEventSummary,
        WebhookReceipt,
    },
};
use crate::{
    domain::id::Id,
    http::{
        auth::{Admins, Caller},
        cache_control::CacheControl,
        extract::{IfNoneMatch, Path, Query},
        problem::{ApiError, BadRequest, NotFound},
        response::{AcceptedResponse, GetResponse, ListResponse, UncachedResponse},
        signed_request::{SignedRequest, WebhookSigner},
    },
    resources::jobs::{Job, Jobs},
};

pub struct WebhookEventsApi(pub WebhookEvents, pub Jobs);

/// The errors of a receive operation.
type ReceiveErrors = (BadRequest, NotFound);

impl WebhookEventsApi {
    async fn receive<S: WebhookSigner>(
        &self,
        provider: Provider,
        signed: SignedRequest<S>,
    ) -> Result<UncachedResponse<WebhookReceipt>, ApiError<ReceiveErrors>> {
        self.0.receive(provider, &signed.headers, signed.body).await?;
        Ok(UncachedResponse::new(WebhookReceipt { received: true }))
    }
}

#[operations(prefix_path = "/api", tag = "super::TAG")]
impl WebhookEventsApi {
    /// Receive an event from Stripe
    ///
    /// The signature is verified over the raw bytes before the body is parsed; an invalid signature is
    /// rejected (400). A repeated event returns 200 and has no further effect. Returns 404 if no Stripe
    /// secret is configured.
    #[oai(path = "/webhooks/stripe", method = "post", operation_id = "webhookEventsReceiveStripe")]
    async fn receive_stripe(
        &self,
        signed: SignedRequest<Stripe>,
    ) -> Result<UncachedResponse<WebhookReceipt>, ApiError<ReceiveErrors>> {
        self.receive(Provider::Stripe, signed).await
    }

    /// Receive an event from GitHub
    ///
    /// Verification and repeated events work as for Stripe. `X-GitHub-Delivery` identifies the event and
    /// `X-GitHub-Event` is its type. The content type of the webhook must be `application/json`.
    #[oai(path = "/webhooks/github", method = "post", operation_id = "webhookEventsReceiveGithub")]
    async fn receive_github(
        &self,
        signed: SignedRequest<Github>,
    ) -> Result<UncachedResponse<WebhookReceipt>, ApiError<ReceiveErrors>> {
        self.receive(Provider::Github, signed).await
    }

    /// Receive an event from PayPal
    ///
    /// Verification and repeated events work as for Stripe. Certificates are configured in advance: the URL
    /// in `PayPal-Cert-Url` is never requested.
    #[oai(path = "/webhooks/paypal", method = "post", operation_id = "webhookEventsReceivePaypal")]
    async fn receive_paypal(
        &self,
        signed: SignedRequest<Paypal>,
    ) -> Result<UncachedResponse<WebhookReceipt>, ApiError<ReceiveErrors>> {
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
    ) -> Result<ListResponse<WebhookEventSummary>, ApiError<BadRequest>> {
        let etag = self.0.list_etag(&query.target).await?;
        if let Some(unchanged) = ListResponse::not_modified(&etag, &if_none_match.0, CacheControl::Private) {
            return Ok(unchanged);
        }
        Ok(ListResponse::new(self.0.list(&query).await?, &etag, &query.target, CacheControl::Private))
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
    ) -> Result<GetResponse<WebhookEvent>, ApiError<NotFound>> {
        Ok(GetResponse::new(self.0.get(id.0).await?, &if_none_match.0))
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
    ) -> Result<AcceptedResponse<Job>, ApiError<NotFound>> {
        let job = self.0.replay(id.0).await?;
        Ok(AcceptedResponse::new(self.1.get(Id::from(job)).await?))
    }
}
