//! Incoming webhooks: events of providers are verified, stored once and handled by a job.
mod action;
mod api;
mod example;
mod list;
mod provider;
mod providers;
mod service;
mod signature;
mod stripe_api;
mod types;

pub use action::{Action, StripeObject};
pub use api::WebhookEventsApi;
pub use provider::{VerifiedEvent, WebhookProvider};
pub use providers::{WebhookReceiversApi, action, github::Github, paypal::Paypal, stripe, stripe::Stripe};
pub use service::{HANDLE_EVENT_JOB, HandleEventJob, Outcome, WebhookEvents};
pub use stripe_api::StripeApi;
pub use types::WebhookEventState;

use crate::http::operation::Tag;

pub const TAG: Tag = Tag {
    name: "WebhookEvents",
    description: "Webhook events: verified and deduplicated events of providers.",
};
