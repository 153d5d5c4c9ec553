//! Wire types of messages.
use poem_openapi::Object;
use serde::Serialize;

use crate::{
    domain::{
        id::Id,
        pattern,
        text::{text_type, trim},
        timestamp::Timestamp,
    },
    http::{cache_control::CacheControl, etag::ETag, pagination::PageParams, response::Resource},
    resources::{accounts::users::AuthorRef, chat::channels::Channel},
};

text_type! {
    /// The text of a message.
    pub struct MessageText {
        length: 1..=4000,
        pattern: pattern::NOT_BLANK,
        format: "text",
        normalize: trim,
        example: "The glue has set: the clamps can come off.",
    }
}

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
    pub text: MessageText,
    /// The id that the author's client assigned, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<Id<MessageInput>>,
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
        location_path(self.id)
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

pub fn location_path(id: Id<Message>) -> String {
    format!("/api/messages/{id}")
}

/// A message to create.
#[derive(Debug, Clone, Object, macros::MergePatch)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct MessageInput {
    /// The plain text. Leading and trailing white space is removed.
    pub text: MessageText,
    /// A UUID that the client creates for each message. A repeated request with the same value creates no
    /// second message.
    #[merge_patch(skip)]
    pub client_id: Option<Id<MessageInput>>,
}

/// Pagination of the messages of a channel.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct MessageQuery {
    #[oai(flatten)]
    pub paging: PageParams,
}
