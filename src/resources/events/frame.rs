//! Frames of the event stream, serialized once for all clients.
use std::{fmt, time::Duration};

use bytes::Bytes;
use entity::event;
use sea_orm::{ConnectionTrait, DbErr};

use super::types::Event;
use crate::{
    domain::event::{Audience, Topic},
    http::event_stream::encode_chunk,
    infra::jitter::jitter,
    resources::content::comments::PostsOfEvents,
};

/// Delay before a client reconnects, in milliseconds.
const RETRY: u32 = 2000;

/// A serialized event, with the fields that decide who receives it.
pub struct Frame {
    pub position: i64,
    pub topic: Topic,
    pub audience: Audience,
    pub bytes: Bytes,
    /// The bytes as a chunk of an HTTP/1.1 body.
    pub chunk: Bytes,
}

impl Frame {
    /// Serializes rows of the log. Omits events that no caller may receive now, and those whose type is unknown to this
    /// version.
    pub async fn from_rows(db: &impl ConnectionTrait, rows: &[event::Model]) -> Result<Vec<Self>, DbErr> {
        let posts = PostsOfEvents::load(db, rows).await?;
        Ok(rows.iter().filter_map(|row| Frame::new(row, posts.audience(row)?)).collect())
    }

    fn new(row: &event::Model, audience: Audience) -> Option<Self> {
        let event = Event::from_row(row)?;
        let data = serde_json::to_string(&event).ok()?;
        let text = format!("id: {}\nevent: {}\ndata: {data}\n\n", row.position, event.kind.as_str());
        let chunk = encode_chunk(text.as_bytes());
        Some(Frame { position: row.position, topic: event.topic, audience, bytes: text.into(), chunk })
    }
}

/// Delay before a client with too many streams reconnects, in milliseconds.
const RETRY_TOO_MANY: u32 = 60_000;

/// Returns the first frame of a stream that continues after `position`. A client that disconnects before the
/// first event resumes there.
pub fn start(position: i64) -> Bytes {
    format!("retry: {RETRY}\n{}", Heartbeat(position)).into()
}

/// Returns the only frame of a stream for a client that has too many others. An `EventSource` never reconnects after another
/// status than 200 (HTML, section 9.2.3).
pub fn too_many() -> Bytes {
    format!("retry: {RETRY_TOO_MANY}\n\n").into()
}

/// Returns the frame after which a client must reload its resources, because events are no longer stored. The
/// stream continues after `after`.
pub fn reset(after: i64) -> Bytes {
    format!("retry: {RETRY}\n\nid: {after}\nevent: reset\ndata: {{\"after\":{after}}}\n\n").into()
}

/// Returns the last frame of a stream when the server stops. The retry delay is random, 6 to 12 seconds, so
/// that clients do not reconnect all at once.
pub fn stop() -> Bytes {
    let delay = jitter(Duration::from_secs(9), 1.0 / 3.0);
    format!("retry: {}\n\n", delay.as_millis()).into()
}

/// Returns a heartbeat with the current log position: a client without events for a day can still resume
/// (HTML, section 9.2.6).
pub fn heartbeat(position: i64) -> Bytes {
    Heartbeat(position).to_string().into()
}

/// A heartbeat has data, because some clients ignore the `id` of an event without data. They can ignore it by its name.
struct Heartbeat(i64);

impl fmt::Display for Heartbeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Heartbeat(position) = self;
        write!(f, "event: heartbeat\nid: {position}\ndata: {{\"after\":{position}}}\n\n")
    }
}
