//! Operations on webhook endpoints and their deliveries.
use macros::operations;

use super::{
    service::WebhookEndpoints,
    types::{
        IssuedWebhookEndpoint, WebhookDelivery, WebhookDeliveryQuery, WebhookEndpoint, WebhookEndpointInput,
        WebhookEndpointPatch, WebhookEndpointQuery,
    },
};
use crate::{
    domain::id::Id,
    http::{
        auth::{Admins, Caller},
        cache_control::CacheControl,
        extract::{IfMatch, IfNoneMatch, JsonBody, MergePatch, Path, Query},
        idempotency::Outcome,
        problem::{
            ApiError, BadRequest, Conflict, Forbidden, NotFound, PreconditionFailed, PreconditionRequired,
        },
        response::{
            AcceptedResponse, CreateResponse, GetResponse, ListResponse, NoContent, UncachedResponse,
            UpdateResponse,
        },
    },
};

pub struct WebhookEndpointsApi(pub WebhookEndpoints);

#[operations(prefix_path = "/api/webhook-endpoints", tag = "super::TAG")]
impl WebhookEndpointsApi {
    /// List webhook endpoints
    ///
    /// Newest first. The response does not contain the secrets.
    #[oai(path = "/", method = "get", operation_id = "webhookEndpointsList")]
    async fn list(
        &self,
        _admin: Caller<Admins>,
        query: Query<WebhookEndpointQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<ListResponse<WebhookEndpoint>, ApiError<BadRequest>> {
        Ok(ListResponse::with_content_etag(
            self.0.list(&query).await?,
            &if_none_match.0,
            &query.target,
            CacheControl::Private,
        ))
    }

    /// Create a webhook endpoint
    ///
    /// The endpoint receives the events that occur from now on. An API key needs the scopes of all topics in
    /// `events` (403). At most 100 endpoints can exist (409). The field `secret` is returned only in this
    /// response, and the values of `headers` never. Because it is a secret, the response is not stored: the operation does not accept an
    /// `Idempotency-Key`.
    #[oai(path = "/", method = "post", operation_id = "webhookEndpointsCreate")]
    async fn create(
        &self,
        admin: Caller<Admins>,
        new: JsonBody<WebhookEndpointInput>,
    ) -> Result<CreateResponse<IssuedWebhookEndpoint>, ApiError<(BadRequest, Forbidden, Conflict)>> {
        Ok(CreateResponse::new(Outcome::New(self.0.create(&admin, new.0).await?)))
    }

    /// Get a webhook endpoint
    ///
    /// The response does not contain the secret.
    #[oai(path = "/:id", method = "get", operation_id = "webhookEndpointsGet")]
    async fn get(
        &self,
        _admin: Caller<Admins>,
        /// The id of the endpoint.
        id: Path<Id<WebhookEndpoint>>,
        if_none_match: IfNoneMatch,
    ) -> Result<GetResponse<WebhookEndpoint>, ApiError<NotFound>> {
        Ok(GetResponse::new(self.0.get(id.0).await?, &if_none_match.0))
    }

    /// Update a webhook endpoint
    ///
    /// The body is a merge patch (RFC 7396). `headers` replaces all header fields of the endpoint. An endpoint that is enabled again receives the events that occur
    /// from then on. An API key needs the scopes of all topics in the old and in the new `events`, and for a
    /// new `url` also the scopes of all pending deliveries (403).
    #[oai(path = "/:id", method = "patch", operation_id = "webhookEndpointsUpdate")]
    async fn update(
        &self,
        admin: Caller<Admins>,
        /// The id of the endpoint.
        id: Path<Id<WebhookEndpoint>>,
        if_match: IfMatch,
        patch: MergePatch<WebhookEndpointPatch>,
    ) -> Result<
        UpdateResponse<WebhookEndpoint>,
        ApiError<(BadRequest, NotFound, Forbidden, PreconditionFailed, PreconditionRequired)>,
    > {
        Ok(UpdateResponse::new(self.0.update(&admin, id.0, patch.0, if_match.0).await?))
    }

    /// Delete a webhook endpoint
    ///
    /// Sends no further deliveries. The deliveries of the endpoint are inaccessible from now on; a background
    /// job deletes the rows. An API key needs the scopes of all topics in `events` (403).
    #[oai(path = "/:id", method = "delete", operation_id = "webhookEndpointsDelete")]
    async fn delete(
        &self,
        admin: Caller<Admins>,
        /// The id of the endpoint.
        id: Path<Id<WebhookEndpoint>>,
        if_match: IfMatch,
    ) -> Result<NoContent, ApiError<(NotFound, Forbidden, PreconditionFailed, PreconditionRequired)>> {
        self.0.delete(&admin, id.0, if_match.0).await?;
        Ok(NoContent::new())
    }

    /// Rotate the secret of a webhook endpoint
    ///
    /// For another 24 hours deliveries are also signed with the old secret, so that the receiver can switch.
    /// An API key needs the scopes of all topics in `events` (403).
    #[oai(path = "/:id/rotate-secret", method = "post", operation_id = "webhookEndpointsRotateSecret")]
    async fn rotate_secret(
        &self,
        admin: Caller<Admins>,
        /// The id of the endpoint.
        id: Path<Id<WebhookEndpoint>>,
    ) -> Result<UncachedResponse<IssuedWebhookEndpoint>, ApiError<(NotFound, Forbidden)>> {
        Ok(UncachedResponse::new(self.0.rotate_secret(&admin, id.0).await?))
    }

    /// Send a test event to a webhook endpoint
    ///
    /// Enqueues an event of the type `webhook.test`, independent of the filter in `events`.
    #[oai(path = "/:id/test", method = "post", operation_id = "webhookEndpointsTest")]
    async fn test(
        &self,
        _admin: Caller<Admins>,
        /// The id of the endpoint.
        id: Path<Id<WebhookEndpoint>>,
    ) -> Result<AcceptedResponse<WebhookDelivery>, ApiError<(NotFound, Conflict)>> {
        Ok(AcceptedResponse::new(self.0.send_test(id.0).await?))
    }

    /// List the deliveries of a webhook endpoint
    ///
    /// Newest first. Ended deliveries are stored for 30 days. With an API key, the list contains tests and
    /// the deliveries of the topics that the key has scopes for.
    #[oai(path = "/:id/deliveries", method = "get", operation_id = "webhookEndpointsListDeliveries")]
    async fn list_deliveries(
        &self,
        admin: Caller<Admins>,
        /// The id of the endpoint.
        id: Path<Id<WebhookEndpoint>>,
        query: Query<WebhookDeliveryQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<ListResponse<WebhookDelivery>, ApiError<(BadRequest, NotFound)>> {
        let page = self.0.list_deliveries(&admin, id.0, &query).await?;
        Ok(ListResponse::with_content_etag(page, &if_none_match.0, &query.target, CacheControl::Private))
    }
}

pub struct WebhookDeliveriesApi(pub WebhookEndpoints);

#[operations(prefix_path = "/api/webhook-deliveries", tag = "super::DELIVERIES_TAG")]
impl WebhookDeliveriesApi {
    /// Get a delivery
    ///
    /// Returns the state of the delivery and the last response of the endpoint. An API key needs the scope of
    /// the topic of the event (403).
    #[oai(path = "/:id", method = "get", operation_id = "webhookDeliveriesGet")]
    async fn get(
        &self,
        admin: Caller<Admins>,
        /// The id of the delivery.
        id: Path<Id<WebhookDelivery>>,
        if_none_match: IfNoneMatch,
    ) -> Result<GetResponse<WebhookDelivery>, ApiError<(NotFound, Forbidden)>> {
        Ok(GetResponse::new(self.0.get_delivery(&admin, id.0).await?, &if_none_match.0))
    }

    /// Replay a delivery
    ///
    /// Sends a delivered or failed delivery again, with the same `webhook-id` and body. An API key needs the
    /// scope of the topic of the event (403).
    #[oai(path = "/:id/replay", method = "post", operation_id = "webhookDeliveriesReplay")]
    async fn replay(
        &self,
        admin: Caller<Admins>,
        /// The id of the delivery.
        id: Path<Id<WebhookDelivery>>,
    ) -> Result<AcceptedResponse<WebhookDelivery>, ApiError<(NotFound, Conflict, Forbidden)>> {
        Ok(AcceptedResponse::new(self.0.replay(&admin, id.0).await?))
    }
}
