//! Live events: what happens, told to whoever may know of it, while it happens and afterwards.
mod api;
mod frame;
mod places;
mod relay;
mod service;
mod subscription;
mod types;

pub use api::EventsApi;
pub use service::{EventLimits, Events};
pub use types::{Event, EventData, EventQuery};
