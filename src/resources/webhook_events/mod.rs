//! What providers tell: verified, kept once, and handled after the answer.
mod api;
mod effect;
mod example;
mod list;
mod service;
mod trust;
mod types;
mod verify;

pub use api::WebhookEventsApi;
pub use effect::{Effect, effect};
pub use service::{HANDLE, Handle, Outcome, WebhookEvents};
pub use trust::{PayPal, Secrets, Trust};
pub use types::WebhookEventState;
