//! Wire types of channels.
use poem_openapi::{Enum, Object};
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
        address(self.id)
    }
    fn last_modified(&self) -> Option<Timestamp> {
        Some(self.updated_at)
    }
    fn cache(&self) -> CacheControl {
        // The audience can change at any time, so shared caches must not store the response.
        CacheControl::Private
    }
}

pub fn address(id: Id<Channel>) -> String {
    format!("/api/channels/{id}")
}

/// The callers that can read a channel. Writing always requires authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum ChannelAudience {
    /// All callers, including anonymous ones.
    Public,
    /// All authenticated callers.
    Accounts,
    /// Editors, accountants and admins.
    Staff,
}

impl ChannelAudience {
    pub fn as_str(self) -> &'static str {
        match self {
            ChannelAudience::Public => "public",
            ChannelAudience::Accounts => "accounts",
            ChannelAudience::Staff => "staff",
        }
    }

    /// Parses a stored value. An unknown value maps to the most restricted audience.
    pub fn parse(text: &str) -> Self {
        match text {
            "public" => ChannelAudience::Public,
            "accounts" => ChannelAudience::Accounts,
            _ => ChannelAudience::Staff,
        }
    }

    /// Returns the audience of the events of such a channel.
    pub fn event_audience(self) -> Audience {
        match self {
            ChannelAudience::Public => Audience::Public,
            ChannelAudience::Accounts => Audience::Authenticated,
            ChannelAudience::Staff => Audience::Staff,
        }
    }

    /// Returns the wider of two audiences.
    pub fn wider(self, other: Self) -> Self {
        let rank = |audience| match audience {
            ChannelAudience::Public => 2,
            ChannelAudience::Accounts => 1,
            ChannelAudience::Staff => 0,
        };
        if rank(self) < rank(other) { other } else { self }
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
    #[merge_patch(doc = "The callers that can read the channel from now on, with its existing messages.")]
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

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [ChannelAudience; 3] =
        [ChannelAudience::Public, ChannelAudience::Accounts, ChannelAudience::Staff];

    #[test]
    fn parse_inverts_as_str_and_restricts_unknown_values() {
        for audience in ALL {
            assert_eq!(ChannelAudience::parse(audience.as_str()), audience);
        }
        assert_eq!(ChannelAudience::parse("everybody"), ChannelAudience::Staff);
    }

    #[test]
    fn wider_returns_the_larger_audience() {
        for (i, larger) in ALL.into_iter().enumerate() {
            for smaller in ALL.into_iter().skip(i) {
                assert_eq!((larger.wider(smaller), smaller.wider(larger)), (larger, larger));
            }
        }
    }
}
