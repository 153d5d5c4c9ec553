//! Webhook endpoints: programs outside that are called when something happens, and what became of each call.
mod api;
mod deliver;
mod delivery;
mod example;
mod fan;
mod filter;
mod log;
mod rights;
mod secret;
mod service;
mod types;

pub use api::{WebhookDeliveriesApi, WebhookEndpointsApi};
pub use deliver::{DELIVER, MOST_AT_A_TIME};
pub use delivery::{DeliveryState, WebhookDelivery, WebhookDeliveryQuery};
pub use filter::EventFilter;
pub use log::FORGET;
pub use service::WebhookEndpoints;
pub use types::{
    DisabledReason, EndpointState, IssuedWebhookEndpoint, NewWebhookEndpoint, WebhookEndpoint,
    WebhookEndpointPatch, WebhookEndpointQuery, WebhookFormat,
};
