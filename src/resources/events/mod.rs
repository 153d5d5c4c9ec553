//! Live events as a resumable stream of server-sent events.
mod api;
mod frame;
mod live;
mod relay;
mod service;
mod stream_limits;
mod subscription;
mod types;

pub use api::EventsApi;
pub use service::Events;
pub use types::{Event, EventData, EventQuery};

use crate::http::operation::Tag;

pub const TAG: Tag =
    Tag { name: "Events", description: "Events: a live stream of changes (server-sent events)." };
