//! Example values of messages for the OpenAPI document.
use poem_openapi::types::Example;

use super::types::{Message, MessageInput, MessageQuery};
use crate::{
    domain::{id::Id, timestamp::Timestamp},
    http::pagination::PageParams,
    resources::{accounts::users::AuthorRef, chat::channels::example_channel_id},
};

const TEXT: &str = "The glue has set: the clamps can come off.";

fn client_id() -> Option<Id<MessageInput>> {
    "0199c0de-5c5c-7c3d-8e1f-2a3b4c5d6e71".parse().ok()
}

impl Example for Message {
    fn example() -> Self {
        Message {
            id: "0199c0de-5b5b-7c3d-8e1f-2a3b4c5d6e71".parse().unwrap_or_else(|_| Id::generate()),
            channel_id: example_channel_id(),
            author: AuthorRef { bio: None, ..AuthorRef::example() },
            text: TEXT.into(),
            client_id: client_id(),
            created_at: Timestamp(1_763_721_600_000),
            edited_at: Some(Timestamp(1_763_721_660_000)),
            version: 2,
            new: false,
        }
    }
}

impl Example for MessageInput {
    fn example() -> Self {
        MessageInput { text: TEXT.into(), client_id: client_id() }
    }
}

impl Example for MessageQuery {
    fn example() -> Self {
        MessageQuery { paging: PageParams::example() }
    }
}
