//! What providers tell: verified, kept once, and handled after the answer.
mod api;
mod example;
mod list;
mod service;
mod trust;
mod types;
mod verify;

pub use api::WebhookEventsApi;
pub use service::WebhookEvents;
pub use trust::{PayPal, Secrets, Trust};
