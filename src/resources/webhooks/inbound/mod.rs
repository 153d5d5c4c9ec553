//! Incoming webhooks: events of providers are verified, stored once and handled by a job.
mod action;
mod api;
mod example;
mod list;
mod provider_config;
mod service;
mod types;
mod verify;

pub use action::{Action, action};
pub use api::WebhookEventsApi;
pub use service::{HANDLE_EVENT_JOB, HandleEventJob, Outcome, WebhookEvents};
pub use types::WebhookEventState;

use crate::http::operation::Tag;

pub const TAG: Tag = Tag {
    name: "WebhookEvents",
    description: "Webhook events: verified and deduplicated events from Stripe, GitHub and PayPal.",
};
