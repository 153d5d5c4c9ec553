//! Chat channels and their read access.
mod api;
mod example;
mod service;
mod types;

pub use api::ChannelsApi;
pub use example::example_channel_id;
pub use service::{Channels, PURGE_MESSAGES_JOB, PurgeJob};
pub(in crate::resources) use service::{load_for_update, readable_by, visible_to};
pub use types::{Channel, ChannelAudience};

use crate::http::operation::Tag;

pub const TAG: Tag =
    Tag { name: "Channels", description: "Channels: chat for the public, for accounts or for staff." };
