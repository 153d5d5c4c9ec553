//! Messages of chat channels, with live events for each change.
mod api;
mod example;
mod service;
mod types;

pub use api::MessagesApi;
pub use service::Messages;
pub use types::{Message, MessageInput};

use crate::http::operation::Tag;

pub const TAG: Tag =
    Tag { name: "Messages", description: "Messages: chat messages in channels, delivered live." };
