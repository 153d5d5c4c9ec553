//! How an event looks on the wire: thin, so that what may be read is decided when it is read.
use poem_openapi::{Object, types::Example};
use serde::Serialize;

use crate::contract::{
    event::{EventType, Topic},
    id::Id,
    time::Timestamp,
};

/// Something that happened.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// What the event is known by; webhooks send it as `webhook-id`.
    pub id: Id<Event>,
    /// Its place in the log, which is the `id` of the stream's event. Events that the caller may not know of leave
    /// gaps.
    #[oai(validator(minimum(value = "1"), maximum(value = "999999999999999")))]
    pub position: i64,
    /// What happened.
    #[oai(rename = "type")]
    #[serde(rename = "type")]
    pub kind: EventType,
    /// What it is about.
    pub topic: Topic,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// To which resource.
    pub data: EventData,
}

/// The resource that an event is about.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct EventData {
    /// What the resource is known by.
    #[oai(validator(min_length = "1", max_length = "2000"))]
    pub id: String,
    /// Where it is read: an absolute path on this service.
    #[oai(validator(pattern = "^/[\\u0021-\\u007e]*$", max_length = "16000"))]
    pub href: String,
    /// Counts its changes; left out where nothing counts them.
    #[oai(validator(minimum(value = "1")))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
}

impl Event {
    /// As the log has it; nothing for what only a newer program knows.
    pub fn of(row: &entity::event::Model) -> Option<Self> {
        let kind = EventType::ALL.iter().copied().find(|kind| kind.as_str() == row.kind)?;
        Some(Event {
            id: row.id.into(),
            position: row.position,
            kind,
            topic: kind.topic(),
            occurred_at: Timestamp(row.occurred_at),
            data: EventData {
                id: row.subject.clone(),
                href: row.href.clone(),
                version: Some(row.version).filter(|version| *version > 0),
            },
        })
    }
}

/// Which events are sent.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct EventQuery {
    /// Events about these; all of them if it is left out. Given once for each.
    #[oai(default, validator(max_items = "13"))]
    pub topics: Vec<Topic>,
    /// The `id` of the last event that the client has: what followed is sent first. For clients that cannot send
    /// `Last-Event-ID`, which wins over it.
    #[oai(validator(minimum(value = "0"), maximum(value = "999999999999999")))]
    pub after: Option<i64>,
}

impl Example for Event {
    fn example() -> Self {
        Event {
            id: "0199c0de-8888-7c3d-8e1f-2a3b4c5d6e7f".parse().unwrap_or_else(|_| Id::fresh()),
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
        EventData { id: id.into(), href: format!("/api/posts/{id}"), version: Some(3) }
    }
}

impl Example for EventQuery {
    fn example() -> Self {
        EventQuery { topics: vec![Topic::Posts, Topic::Comments], after: Some(4711) }
    }
}
