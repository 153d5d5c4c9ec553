//! An event as the stream has it, written once for all who get it.
use aws_lc_rs::rand;
use bytes::Bytes;
use entity::event;

use super::types::Event;
use crate::contract::event::{Audience, Topic};

/// How long a client waits until it comes back, in milliseconds.
const RETRY: u32 = 2000;

pub struct Frame {
    pub position: i64,
    pub topic: Topic,
    pub audience: Audience,
    pub bytes: Bytes,
}

impl Frame {
    pub fn of(row: &event::Model) -> Option<Self> {
        let event = Event::of(row)?;
        let data = serde_json::to_string(&event).ok()?;
        let text = format!("id: {}\nevent: {}\ndata: {data}\n\n", row.position, event.kind.as_str());
        Some(Frame {
            position: row.position,
            topic: event.topic,
            audience: Audience::parse(&row.audience, row.owner),
            bytes: text.into(),
        })
    }
}

/// The begin of a stream that goes on behind `position`: whoever is cut off before the first event comes back there.
pub fn hello(position: i64) -> Bytes {
    format!("retry: {RETRY}\nid: {position}\n\n").into()
}

/// That something behind what the client has is forgotten: what it shows has to be read anew, and events follow
/// behind `after`.
pub fn reset(after: i64) -> Bytes {
    format!("retry: {RETRY}\n\nid: {after}\nevent: reset\ndata: {{\"after\":{after}}}\n\n").into()
}

/// The end of a stream of a service that stops: clients come back when another one answers, and not all at once.
pub fn pause() -> Bytes {
    let mut byte = [0; 1];
    // Without a random number they do come back at once, and that is all.
    let _ = rand::fill(&mut byte);
    format!("retry: {}\n\n", 6000 + 25 * u32::from(byte[0])).into()
}

/// A sign of life, and how far the log has come: who gets no events for a day has missed none (HTML, 9.2.6).
pub fn beat(position: i64) -> Bytes {
    format!(":\nid: {position}\n\n").into()
}
