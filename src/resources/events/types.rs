//! Wire types of events. An event names a resource without its content, so access is checked when the client
//! reads the resource.
use poem_openapi::{Object, types::Example};
use serde::Serialize;

use crate::domain::{
    event::{EventType, Topic},
    id::Id,
    text::{AbsolutePath, Text},
    timestamp::Timestamp,
};

/// An event: a change of a resource.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// The id of the event. Webhooks send it as `webhook-id`.
    pub id: Id<Event>,
    /// The position in the event log. The stream sends it as the `id` of the event. Positions are not
    /// contiguous, because events that the caller cannot read are omitted.
    #[oai(validator(minimum(value = "1"), maximum(value = "999999999999999")))]
    pub position: i64,
    /// The event type.
    #[oai(rename = "type")]
    #[serde(rename = "type")]
    pub kind: EventType,
    /// The topic of the event type.
    pub topic: Topic,
    /// The time of the change.
    pub occurred_at: Timestamp,
    /// The changed resource.
    pub data: EventData,
}

/// The resource that an event refers to.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct EventData {
    /// The id of the resource.
    pub id: Text<2000>,
    /// The URL of the resource: an absolute path on this server.
    pub href: AbsolutePath<16000>,
    /// The version of the resource after the change. Absent for resources without versions.
    #[oai(validator(minimum(value = "1")))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
}

impl Event {
    /// Converts a row of the log. Returns `None` for an unknown event type, which a newer version of the
    /// server may have written.
    pub fn from_row(row: &entity::event::Model) -> Option<Self> {
        let kind = EventType::ALL.iter().copied().find(|kind| kind.as_str() == row.kind)?;
        Some(Event {
            id: row.id.into(),
            position: row.position,
            kind,
            topic: kind.topic(),
            occurred_at: Timestamp(row.occurred_at),
            data: EventData {
                id: row.subject.as_str().into(),
                href: row.href.as_str().into(),
                version: Some(row.version).filter(|version| *version > 0),
            },
        })
    }
}

/// Filter and resume position of the stream.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct EventQuery {
    /// Only events of these topics; repeat the parameter for several. Default: all topics.
    #[oai(default, validator(max_items = "13"))]
    pub topics: Vec<Topic>,
    /// The `id` of the last received event. The stream starts with the next event. Intended for clients that
    /// cannot send the `Last-Event-ID` header, which takes precedence.
    #[oai(validator(minimum(value = "0"), maximum(value = "999999999999999")))]
    pub after: Option<i64>,
}

impl Example for Event {
    fn example() -> Self {
        Event {
            id: "0199c0de-8888-7c3d-8e1f-2a3b4c5d6e7f".parse().unwrap_or_else(|_| Id::generate()),
            position: 4711,
            kind: EventType::PostPublished,
            topic: Topic::Posts,
            occurred_at: Timestamp(1_763_721_000_000),
            data: EventData::example(),
        }
    }
}

impl Example for EventData {
    fn example() -> Self {
        let id = "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f";
        EventData { id: id.into(), href: format!("/api/posts/{id}").into(), version: Some(3) }
    }
}

impl Example for EventQuery {
    fn example() -> Self {
        EventQuery { topics: vec![Topic::Posts, Topic::Comments], after: Some(4711) }
    }
}
