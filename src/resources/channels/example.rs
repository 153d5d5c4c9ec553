//! The channel of the workshop, told the same way throughout the document.
use poem_openapi::types::Example;

use super::types::{Channel, ChannelAudience, ChannelPatch, ChannelQuery, NewChannel};
use crate::contract::{id::Id, page::Paging, patch::Given, time::Timestamp};

const NAME: &str = "Workshop";
const WORDS: &str = "What is on the bench today.";
const MADE: Timestamp = Timestamp(1_763_721_000_000);

pub fn workshop() -> Id<Channel> {
    "0199c0de-5a5a-7c3d-8e1f-2a3b4c5d6e71".parse().unwrap_or_else(|_| Id::fresh())
}

impl Example for Channel {
    fn example() -> Self {
        Channel {
            id: workshop(),
            name: NAME.into(),
            description: Some(WORDS.into()),
            audience: ChannelAudience::Public,
            created_at: MADE,
            updated_at: MADE,
            version: 1,
        }
    }
}

impl Example for NewChannel {
    fn example() -> Self {
        NewChannel { name: NAME.into(), description: Some(WORDS.into()), audience: ChannelAudience::Public }
    }
}

impl Example for ChannelPatch {
    fn example() -> Self {
        ChannelPatch {
            name: Some("The workshop".into()),
            description: Given::Null,
            audience: Some(ChannelAudience::Accounts),
        }
    }
}

impl Example for ChannelQuery {
    fn example() -> Self {
        ChannelQuery { paging: Paging::example(), audience: Some(ChannelAudience::Public) }
    }
}
