//! The example channel of the OpenAPI document: the same values in every example.
use poem_openapi::types::Example;

use super::types::{Channel, ChannelAudience, ChannelInput, ChannelQuery};
use crate::{
    domain::{id::Id, timestamp::Timestamp},
    http::pagination::PageParams,
};

const NAME: &str = "Workshop";
const DESCRIPTION: &str = "Daily work in the workshop.";
const CREATED_AT: Timestamp = Timestamp(1_763_721_000_000);

pub fn example_channel_id() -> Id<Channel> {
    "0199c0de-5a5a-7c3d-8e1f-2a3b4c5d6e71".parse().unwrap_or_else(|_| Id::generate())
}

impl Example for Channel {
    fn example() -> Self {
        Channel {
            id: example_channel_id(),
            name: NAME.into(),
            description: Some(DESCRIPTION.into()),
            audience: ChannelAudience::Public,
            created_at: CREATED_AT,
            updated_at: CREATED_AT,
            version: 1,
        }
    }
}

impl Example for ChannelInput {
    fn example() -> Self {
        ChannelInput {
            name: NAME.into(),
            description: Some(DESCRIPTION.into()),
            audience: ChannelAudience::Public,
        }
    }
}

impl Example for ChannelQuery {
    fn example() -> Self {
        ChannelQuery { paging: PageParams::example(), audience: Some(ChannelAudience::Public) }
    }
}
