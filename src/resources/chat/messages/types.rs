//! Wire types of messages.
use poem_openapi::Object;
use serde::Serialize;

use crate::{
    domain::{id::Id, timestamp::Timestamp},
    http::{cache_control::CacheControl, etag::ETag, pagination::PageParams, response::Resource},
    resources::{accounts::users::AuthorRef, chat::channels::Channel},
};

/// A message in a channel.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// The id of the message.
    pub id: Id<Message>,
    /// The id of its channel.
    pub channel_id: Id<Channel>,
    /// The author of the message.
    pub author: AuthorRef,
    /// The plain text.
    #[oai(validator(min_length = "1", max_length = "4000"))]
    pub text: String,
    /// The id that the author's client assigned, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<Id<NewMessage>>,
    /// The time of creation.
    pub created_at: Timestamp,
    /// The time of the last update of the text. Absent if the message was never updated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) version: i64,
    /// Whether this request created the message.
    #[oai(skip)]
    #[serde(skip)]
    pub(super) new: bool,
}

impl Resource for Message {
    const HEADERS: &'static [&'static str] = &["Last-Modified"];

    fn etag(&self) -> ETag {
        // A new name or avatar of the author changes the representation without a new version of the row.
        let [id, name, avatar, bio] = self.author.parts();
        let version = self.version.to_string();
        ETag::from_parts(&[&self.id.to_string(), &version, &id, &name, &avatar, &bio])
    }
    fn location(&self) -> String {
        address(self.id)
    }
    fn last_modified(&self) -> Option<Timestamp> {
        Some(self.edited_at.unwrap_or(self.created_at))
    }
    fn is_new(&self) -> bool {
        self.new
    }
    fn cache(&self) -> CacheControl {
        CacheControl::Private
    }
}

pub fn address(id: Id<Message>) -> String {
    format!("/api/messages/{id}")
}

/// The body of a create request.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct NewMessage {
    /// The plain text. Leading and trailing white space is removed.
    #[oai(validator(
        min_length = "1",
        max_length = "4000",
        pattern = "^[^\\u0000]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\ufeff][^\\u0000]*$"
    ))]
    pub text: String,
    /// A UUID that the client creates for each message. A repeated request with the same value creates no
    /// second message.
    pub client_id: Option<Id<NewMessage>>,
}

/// A merge patch of a message.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct MessagePatch {
    /// The plain text. Leading and trailing white space is removed.
    #[oai(validator(
        min_length = "1",
        max_length = "4000",
        pattern = "^[^\\u0000]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\ufeff][^\\u0000]*$"
    ))]
    pub text: Option<String>,
}

/// Pagination of the messages of a channel.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct MessageQuery {
    #[oai(flatten)]
    pub paging: PageParams,
}
