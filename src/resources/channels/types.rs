//! How a channel looks on the wire.
use poem_openapi::{Enum, Object};
use serde::Serialize;

use crate::contract::{
    answer::Resource, cache::Cache, etag::ETag, event::Audience, id::Id, page::Paging, patch::Given,
    time::Timestamp,
};

/// A place where people talk.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Channel {
    /// What the channel is known by for good.
    pub id: Id<Channel>,
    /// What people call it; unique.
    #[oai(validator(min_length = "1", max_length = "100"))]
    pub name: String,
    /// What it is for.
    #[oai(validator(min_length = "1", max_length = "500"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Who can read it.
    pub audience: ChannelAudience,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed; what is said in it is no change.
    pub updated_at: Timestamp,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) version: i64,
}

impl Resource for Channel {
    const FIELDS: &'static [&'static str] = &["Last-Modified"];

    fn etag(&self) -> ETag {
        ETag::of(self.id.0, self.version)
    }
    fn location(&self) -> String {
        address(self.id)
    }
    fn modified(&self) -> Option<Timestamp> {
        Some(self.updated_at)
    }
    fn cache(&self) -> Cache {
        // From one moment to the next it may be there for others only: no cache in between keeps it.
        Cache::Private
    }
}

pub fn address(id: Id<Channel>) -> String {
    format!("/api/channels/{id}")
}

/// Who can read a channel. Nobody writes without being signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum ChannelAudience {
    /// Everybody; whoever has an account writes.
    Public,
    /// Everybody who has an account.
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

    /// As it was kept; what nobody knows is for the fewest.
    pub fn parse(text: &str) -> Self {
        match text {
            "public" => ChannelAudience::Public,
            "accounts" => ChannelAudience::Accounts,
            _ => ChannelAudience::Staff,
        }
    }

    /// Who may know of what happens in it.
    pub fn told(self) -> Audience {
        match self {
            ChannelAudience::Public => Audience::Public,
            ChannelAudience::Accounts => Audience::Accounts,
            ChannelAudience::Staff => Audience::Staff,
        }
    }

    /// Of two the one that more belong to.
    pub fn wider(self, other: Self) -> Self {
        let rank = |audience| match audience {
            ChannelAudience::Public => 2,
            ChannelAudience::Accounts => 1,
            ChannelAudience::Staff => 0,
        };
        if rank(self) < rank(other) { other } else { self }
    }
}

/// A channel to be made.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct NewChannel {
    /// What people call it, on one line; spaces around it are dropped. Unique.
    #[oai(validator(
        min_length = "1",
        max_length = "100",
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\ufeff][^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*$"
    ))]
    pub name: String,
    /// What it is for.
    #[oai(validator(min_length = "1", max_length = "500"))]
    pub description: Option<String>,
    /// Who can read it.
    pub audience: ChannelAudience,
}

/// What of a channel shall change: members left out stay, `null` clears.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct ChannelPatch {
    /// What people call it, on one line; spaces around it are dropped. Unique.
    #[oai(validator(
        min_length = "1",
        max_length = "100",
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\ufeff][^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*$"
    ))]
    pub name: Option<String>,
    /// What it is for; `null` clears it.
    #[oai(validator(min_length = "1", max_length = "500"))]
    pub description: Given<String>,
    /// Who can read it from now on, what was said before included.
    pub audience: Option<ChannelAudience>,
}

/// Which channels are listed, by name.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct ChannelQuery {
    #[oai(flatten)]
    pub paging: Paging,
    /// Channels that these can read.
    pub audience: Option<ChannelAudience>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [ChannelAudience; 3] =
        [ChannelAudience::Public, ChannelAudience::Accounts, ChannelAudience::Staff];

    #[test]
    fn an_audience_is_kept_as_its_word_and_an_unknown_one_is_for_the_fewest() {
        for audience in ALL {
            assert_eq!(ChannelAudience::parse(audience.as_str()), audience);
        }
        assert_eq!(ChannelAudience::parse("everybody"), ChannelAudience::Staff);
    }

    #[test]
    fn of_two_audiences_the_larger_one_is_wider() {
        for (i, larger) in ALL.into_iter().enumerate() {
            for smaller in ALL.into_iter().skip(i) {
                assert_eq!((larger.wider(smaller), smaller.wider(larger)), (larger, larger));
            }
        }
    }
}
