//! What providers can tell, and what admins can do with it.
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

type Refused = (Invalid, NotFound);

impl WebhookEventsApi {
    async fn received<S: Signer>(
        &self,
        provider: Provider,
        told: Signed<S>,
    ) -> Result<Told<WebhookReceipt>, Fault<Refused>> {
        self.events.receive(provider, &told.fields, told.body).await?;
        Ok(Told::new(WebhookReceipt { received: true }))
    }
}

#[OpenApi(prefix_path = "/api", tag = "Tag::WebhookEvents")]
impl WebhookEventsApi {
    /// Receive an event of Stripe
    ///
    /// The bytes are verified before they are read; a bad signature is refused (400). An event that comes again is
    /// received again and has no second effect. Without a secret there is nothing here (404).
    #[oai(path = "/webhooks/stripe", method = "post", operation_id = "webhookEventsStripe")]
    async fn stripe(&self, told: Signed<Stripe>) -> Result<Told<WebhookReceipt>, Fault<Refused>> {
        self.received(Provider::Stripe, told).await
    }

    /// Receive an event of GitHub
    ///
    /// Under the rules of Stripe's; `X-GitHub-Delivery` names the event and `X-GitHub-Event` its type. The webhook
    /// has to send `application/json`.
    #[oai(path = "/webhooks/github", method = "post", operation_id = "webhookEventsGithub")]
    async fn github(&self, told: Signed<Github>) -> Result<Told<WebhookReceipt>, Fault<Refused>> {
        self.received(Provider::Github, told).await
    }

    /// Receive an event of PayPal
    ///
    /// Under the rules of Stripe's. Certificates are known beforehand: the address that the event names is not asked.
    #[oai(path = "/webhooks/paypal", method = "post", operation_id = "webhookEventsPaypal")]
    async fn paypal(&self, told: Signed<Paypal>) -> Result<Told<WebhookReceipt>, Fault<Refused>> {
        self.received(Provider::Paypal, told).await
    }

    /// List what providers told, newest first
    ///
    /// Without the bodies.
    #[oai(path = "/webhook-events", method = "get", operation_id = "webhookEventsList")]
    async fn list(
        &self,
        _admin: Caller<Admins>,
        query: Query<WebhookEventQuery>,
        known: IfNoneMatch,
    ) -> Result<Listed<WebhookEventSummary>, Fault<Invalid>> {
        let etag = self.events.list_etag(&query.target).await?;
        if let Some(unchanged) = Listed::unchanged(&etag, &known.0, Cache::Private) {
            return Ok(unchanged);
        }
        Ok(Listed::new(self.events.list(&query).await?, &etag, &query.target, Cache::Private))
    }

    /// Read what a provider told
    ///
    /// With the body as it came.
    #[oai(path = "/webhook-events/:id", method = "get", operation_id = "webhookEventsRead")]
    async fn read(
        &self,
        _admin: Caller<Admins>,
        /// The event's id.
        id: Path<Id<WebhookEvent>>,
        known: IfNoneMatch,
    ) -> Result<Found<WebhookEvent>, Fault<NotFound>> {
        Ok(Found::new(self.events.read(id.0).await?, &known.0))
    }

    /// Handle an event once more
    ///
    /// However it ended before; one that still waits for its handler keeps its job. No effect comes twice.
    #[oai(path = "/webhook-events/:id/replay", method = "post", operation_id = "webhookEventsReplay")]
    async fn replay(
        &self,
        _admin: Caller<Admins>,
        /// The event's id.
        id: Path<Id<WebhookEvent>>,
    ) -> Result<Accepted<Job>, Fault<NotFound>> {
        let job = self.events.replay(id.0).await?;
        Ok(Accepted::new(self.jobs.read(Id::from(job)).await?))
    }
}
