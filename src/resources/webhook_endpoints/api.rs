//! What clients can do with webhook endpoints and their deliveries.
use poem_openapi::OpenApi;

use super::{
    delivery::{WebhookDelivery, WebhookDeliveryQuery},
    service::WebhookEndpoints,
    types::{
        IssuedWebhookEndpoint, NewWebhookEndpoint, WebhookEndpoint, WebhookEndpointPatch,
        WebhookEndpointQuery,
    },
};
use crate::{
    api::Tag,
    contract::{
        answer::{Accepted, Changed, Created, Found, Gone, Listed, Told},
        attempt::Outcome,
        cache::Cache,
        caller::{Admins, Caller},
        id::Id,
        problem::{Conflict, Fault, Forbidden, Invalid, NotFound, Stale, Unconditional},
        request::{Body, IfMatch, IfNoneMatch, Patch, Path, Query},
    },
};

pub struct WebhookEndpointsApi(pub WebhookEndpoints);

#[OpenApi(prefix_path = "/api/webhook-endpoints", tag = "Tag::WebhookEndpoints")]
impl WebhookEndpointsApi {
    /// List webhook endpoints, newest first
    ///
    /// Their secrets are not among what is told.
    #[oai(path = "/", method = "get", operation_id = "webhookEndpointsList")]
    async fn list(
        &self,
        _admin: Caller<Admins>,
        query: Query<WebhookEndpointQuery>,
        known: IfNoneMatch,
    ) -> Result<Listed<WebhookEndpoint>, Fault<Invalid>> {
        Ok(Listed::fresh(self.0.list(&query).await?, &known.0, &query.target, Cache::Private))
    }

    /// Make a webhook endpoint
    ///
    /// It is told of what happens from now on. A key makes endpoints for what it may read itself, and needs the scopes
    /// of all topics that are wanted (403). There may be 100 (409). The member `secret` is shown this once. As it is a secret, the answer
    /// is not kept for a repeated request.
    #[oai(path = "/", method = "post", operation_id = "webhookEndpointsCreate")]
    async fn create(
        &self,
        admin: Caller<Admins>,
        new: Body<NewWebhookEndpoint>,
    ) -> Result<Created<IssuedWebhookEndpoint>, Fault<(Invalid, Forbidden, Conflict)>> {
        Ok(Created::new(Outcome::Fresh(self.0.create(&admin, new.0).await?)))
    }

    /// Read a webhook endpoint
    ///
    /// Without its secret.
    #[oai(path = "/:id", method = "get", operation_id = "webhookEndpointsRead")]
    async fn read(
        &self,
        _admin: Caller<Admins>,
        /// The endpoint's id.
        id: Path<Id<WebhookEndpoint>>,
        known: IfNoneMatch,
    ) -> Result<Found<WebhookEndpoint>, Fault<NotFound>> {
        Ok(Found::new(self.0.read(id.0).await?, &known.0))
    }

    /// Change a webhook endpoint
    ///
    /// A merge patch (RFC 7396). One that is enabled again is told of what happens from then on. A key needs the scopes
    /// of all topics that the endpoint wants, before and afterwards, and for another `url` of all that waits for it (403).
    #[oai(path = "/:id", method = "patch", operation_id = "webhookEndpointsPatch")]
    async fn patch(
        &self,
        admin: Caller<Admins>,
        /// The endpoint's id.
        id: Path<Id<WebhookEndpoint>>,
        when: IfMatch,
        patch: Patch<WebhookEndpointPatch>,
    ) -> Result<Changed<WebhookEndpoint>, Fault<(Invalid, NotFound, Forbidden, Stale, Unconditional)>> {
        Ok(Changed::new(self.0.patch(&admin, id.0, patch.0, when.0).await?))
    }

    /// Delete a webhook endpoint
    ///
    /// It is called no more. Its deliveries are nowhere from now on, and forgotten a moment later. A key needs the scopes of
    /// all topics that the endpoint wants (403).
    #[oai(path = "/:id", method = "delete", operation_id = "webhookEndpointsRemove")]
    async fn remove(
        &self,
        admin: Caller<Admins>,
        /// The endpoint's id.
        id: Path<Id<WebhookEndpoint>>,
        when: IfMatch,
    ) -> Result<Gone, Fault<(NotFound, Forbidden, Stale, Unconditional)>> {
        self.0.remove(&admin, id.0, when.0).await?;
        Ok(Gone::new())
    }

    /// Give a webhook endpoint a new secret
    ///
    /// The old one signs too for another 24 hours, so that the receiver can follow. A key needs the scopes of all topics
    /// that the endpoint wants (403).
    #[oai(path = "/:id/rotate-secret", method = "post", operation_id = "webhookEndpointsRotateSecret")]
    async fn rotate(
        &self,
        admin: Caller<Admins>,
        /// The endpoint's id.
        id: Path<Id<WebhookEndpoint>>,
    ) -> Result<Told<IssuedWebhookEndpoint>, Fault<(NotFound, Forbidden)>> {
        Ok(Told::new(self.0.rotate(&admin, id.0).await?))
    }

    /// Send a webhook endpoint a test
    ///
    /// An event of the type `webhook.test`, whatever the endpoint wants to know of.
    #[oai(path = "/:id/test", method = "post", operation_id = "webhookEndpointsTest")]
    async fn test(
        &self,
        _admin: Caller<Admins>,
        /// The endpoint's id.
        id: Path<Id<WebhookEndpoint>>,
    ) -> Result<Accepted<WebhookDelivery>, Fault<(NotFound, Conflict)>> {
        Ok(Accepted::new(self.0.test(id.0).await?))
    }

    /// List what was delivered to an endpoint, newest first
    ///
    /// What has ended is kept for 30 days. A key is told of the topics that it has the scopes for, and of tests.
    #[oai(path = "/:id/deliveries", method = "get", operation_id = "webhookEndpointsListDeliveries")]
    async fn deliveries(
        &self,
        admin: Caller<Admins>,
        /// The endpoint's id.
        id: Path<Id<WebhookEndpoint>>,
        query: Query<WebhookDeliveryQuery>,
        known: IfNoneMatch,
    ) -> Result<Listed<WebhookDelivery>, Fault<(Invalid, NotFound)>> {
        let page = self.0.deliveries(&admin, id.0, &query).await?;
        Ok(Listed::fresh(page, &known.0, &query.target, Cache::Private))
    }
}

pub struct WebhookDeliveriesApi(pub WebhookEndpoints);

#[OpenApi(prefix_path = "/api/webhook-deliveries", tag = "Tag::WebhookDeliveries")]
impl WebhookDeliveriesApi {
    /// Read a delivery
    ///
    /// How far it is, and what the endpoint answered last. A key needs the scope of what it tells of (403).
    #[oai(path = "/:id", method = "get", operation_id = "webhookDeliveriesRead")]
    async fn read(
        &self,
        admin: Caller<Admins>,
        /// The delivery's id.
        id: Path<Id<WebhookDelivery>>,
        known: IfNoneMatch,
    ) -> Result<Found<WebhookDelivery>, Fault<(NotFound, Forbidden)>> {
        Ok(Found::new(self.0.delivery(&admin, id.0).await?, &known.0))
    }

    /// Deliver once more
    ///
    /// What was delivered or has failed, with the same `webhook-id` and body. A key needs the scope of what it tells of
    /// (403).
    #[oai(path = "/:id/replay", method = "post", operation_id = "webhookDeliveriesReplay")]
    async fn replay(
        &self,
        admin: Caller<Admins>,
        /// The delivery's id.
        id: Path<Id<WebhookDelivery>>,
    ) -> Result<Accepted<WebhookDelivery>, Fault<(NotFound, Conflict, Forbidden)>> {
        Ok(Accepted::new(self.0.replay(&admin, id.0).await?))
    }
}
