//! Incoming webhooks: events of providers are verified, stored once and handled by a job.
mod action;
mod api;
mod example;
mod list;
mod provider_config;
mod service;
mod types;
mod verify;

pub use action::{Effect, effect};
pub use api::WebhookEventsApi;
pub use provider_config::{PayPal, Secrets, Trust};
pub use service::{HANDLE, Handle, Outcome, WebhookEvents};
pub use types::WebhookEventState;
