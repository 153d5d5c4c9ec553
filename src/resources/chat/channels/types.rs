//! Wire types of channels.
pub use entity::channel::ChannelAudience;
use poem_openapi::Object;
use serde::Serialize;

use crate::{
    domain::{
        event::Audience,
        id::Id,
        text::{Line, Text},
        timestamp::Timestamp,
    },
    http::{cache_control::CacheControl, etag::ETag, pagination::PageParams, response::Resource},
};

/// A chat channel.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Channel {
    /// The id of the channel.
    pub id: Id<Channel>,
    /// The unique name.
    pub name: Line<100>,
    /// The purpose of the channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Text<500>>,
    /// The callers that can read the channel.
    pub audience: ChannelAudience,
    /// The time of creation.
    pub created_at: Timestamp,
    /// The time of the last update of the channel. Messages do not change it.
    pub updated_at: Timestamp,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) version: i64,
}

impl Resource for Channel {
    const HEADERS: &'static [&'static str] = &["Last-Modified"];

    fn etag(&self) -> ETag {
        ETag::for_version(self.id.0, self.version)
    }
    fn location(&self) -> String {
        location_path(self.id)
    }
    fn last_modified(&self) -> Option<Timestamp> {
        Some(self.updated_at)
    }
    fn cache(&self) -> CacheControl {
        // The audience can change at any time, so shared caches must not store the response.
        CacheControl::Private
    }
}

pub fn location_path(id: Id<Channel>) -> String {
    format!("/api/channels/{id}")
}

/// Converts the audience of a channel to the audience of its events.
impl From<ChannelAudience> for Audience {
    fn from(audience: ChannelAudience) -> Self {
        match audience {
            ChannelAudience::Public => Audience::Public,
            ChannelAudience::Accounts => Audience::Authenticated,
            ChannelAudience::Staff => Audience::Staff,
        }
    }
}

/// A channel to create.
#[derive(Debug, Clone, Object, macros::MergePatch)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct ChannelInput {
    /// The unique name, on one line. Leading and trailing spaces are removed.
    pub name: Line<100>,
    /// The purpose of the channel.
    pub description: Option<Text<500>>,
    /// The callers that can read the channel.
    #[merge_patch(doc = "The callers that can read the channel, including its existing messages.")]
    pub audience: ChannelAudience,
}

/// Filters of the list of channels.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct ChannelQuery {
    #[oai(flatten)]
    pub paging: PageParams,
    /// Only channels with this audience.
    pub audience: Option<ChannelAudience>,
}
