//! Operations that receive events from providers, and that list and replay them.
use macros::operations;

use super::{
    provider::WebhookProvider,
    service::WebhookEvents,
    types::{WebhookEvent, WebhookEventQuery, WebhookEventSummary, WebhookReceipt},
};
use crate::{
    config::WebhooksConfig,
    domain::id::Id,
    http::{
        auth::{Admins, Caller},
        cache_control::CacheControl,
        extract::{IfNoneMatch, Path, Query},
        problem::{ApiError, BadRequest, NotFound},
        response::{AcceptedResponse, GetResponse, ListResponse, UncachedResponse},
        signed_request::SignedRequest,
    },
    resources::jobs::{Job, Jobs},
};

pub struct WebhookEventsApi(pub WebhookEvents, pub Jobs);

/// The operation that receives the events of a provider.
pub struct ReceiveApi<P> {
    /// `None` if the provider is not configured.
    provider: Option<P>,
    events: WebhookEvents,
}

/// The result of a receive operation.
pub type ReceiveResult = Result<UncachedResponse<WebhookReceipt>, ApiError<(BadRequest, NotFound)>>;

impl<P: WebhookProvider> ReceiveApi<P> {
    pub fn new(events: &WebhookEvents, config: &WebhooksConfig) -> Self {
        ReceiveApi { provider: P::from_config(config), events: events.clone() }
    }

    pub async fn receive_signed(&self, signed: SignedRequest<P>) -> ReceiveResult {
        self.events.receive(self.provider.as_ref(), &signed.headers, &signed.body).await?;
        Ok(UncachedResponse::new(WebhookReceipt { received: true }))
    }
}

#[operations(prefix_path = "/api", tag = "super::TAG")]
impl WebhookEventsApi {
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
