//! Channels: where people talk, and who may listen.
mod api;
mod example;
mod service;
mod types;

pub use api::ChannelsApi;
pub use example::workshop;
pub use service::{Channels, FORGET};
pub(in crate::resources) use service::{held, readable, visible_to};
pub use types::{Channel, ChannelAudience};
