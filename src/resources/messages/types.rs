//! How a message looks on the wire.
use poem_openapi::Object;
use serde::Serialize;

use crate::{
    contract::{answer::Resource, cache::Cache, etag::ETag, id::Id, page::Paging, time::Timestamp},
    resources::{channels::Channel, users::AuthorRef},
};

/// What somebody said in a channel.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// What the message is known by.
    pub id: Id<Message>,
    /// The channel in which it was said.
    pub channel_id: Id<Channel>,
    /// Who said it.
    pub author: AuthorRef,
    /// What it says, as plain text.
    #[oai(validator(min_length = "1", max_length = "4000"))]
    pub text: String,
    /// What the author's client calls it, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<Id<NewMessage>>,
    /// When it was said.
    pub created_at: Timestamp,
    /// When its author last changed what it says; left out where that never was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) version: i64,
    /// Whether this request is the first that brought it.
    #[oai(skip)]
    #[serde(skip)]
    pub(super) new: bool,
}

impl Resource for Message {
    const FIELDS: &'static [&'static str] = &["Last-Modified"];

    fn etag(&self) -> ETag {
        // A renamed author or a new picture changes the representation without a new version of the row.
        let [id, name, picture, bio] = self.author.parts();
        let version = self.version.to_string();
        ETag::of_parts(&[&self.id.to_string(), &version, &id, &name, &picture, &bio])
    }
    fn location(&self) -> String {
        address(self.id)
    }
    fn modified(&self) -> Option<Timestamp> {
        Some(self.edited_at.unwrap_or(self.created_at))
    }
    fn is_new(&self) -> bool {
        self.new
    }
    fn cache(&self) -> Cache {
        Cache::Private
    }
}

pub fn address(id: Id<Message>) -> String {
    format!("/api/messages/{id}")
}

/// Something to be said.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct NewMessage {
    /// What it says, as plain text; white space around it is dropped.
    #[oai(validator(
        min_length = "1",
        max_length = "4000",
        pattern = "^[^\\u0000]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\ufeff][^\\u0000]*$"
    ))]
    pub text: String,
    /// What the client calls it: a UUID, new for each message. A message that is sent again under it is said once.
    pub client_id: Option<Id<NewMessage>>,
}

/// What of a message shall change.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct MessagePatch {
    /// What it says; white space around it is dropped.
    #[oai(validator(
        min_length = "1",
        max_length = "4000",
        pattern = "^[^\\u0000]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\ufeff][^\\u0000]*$"
    ))]
    pub text: Option<String>,
}

/// Which messages of a channel are listed, newest first.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct MessageQuery {
    #[oai(flatten)]
    pub paging: Paging,
}
