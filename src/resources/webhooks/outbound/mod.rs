//! Outgoing webhooks: endpoints and their deliveries. Delivery is at least once: a crash repeats an attempt.
mod api;
mod deliveries;
mod delivery_metrics;
mod dispatch;
mod example;
mod filter;
mod own_headers;
mod scopes;
mod sealed_secrets;
mod secret;
mod sender;
mod service;
mod types;

pub use api::{WebhookDeliveriesApi, WebhookEndpointsApi};
pub use deliveries::PURGE_DELIVERIES_JOB;
pub use delivery_metrics::DeliveryMetrics;
pub use filter::EventFilter;
pub use sealed_secrets::{inspect_webhook_secrets, reseal_webhook_secrets};
pub use secret::signatures;
pub use sender::{DELIVER_JOB, MAX_CONCURRENT_REQUESTS};
pub use service::WebhookEndpoints;
pub use types::{
    DeliveryState, DisabledReason, EndpointState, IssuedWebhookEndpoint, WebhookDelivery,
    WebhookDeliveryQuery, WebhookEndpoint, WebhookEndpointInput, WebhookEndpointPatch, WebhookEndpointQuery,
    WebhookFormat,
};

use crate::http::operation::Tag;

pub const TAG: Tag =
    Tag { name: "WebhookEndpoints", description: "Webhook endpoints: URLs that receive events." };
pub const DELIVERIES_TAG: Tag = Tag {
    name: "WebhookDeliveries",
    description: "Webhook deliveries: the log of sent events, with redelivery.",
};
