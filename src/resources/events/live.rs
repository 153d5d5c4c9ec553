//! The live events of one stream: written to its connection while the client keeps up, otherwise queued for its body.
use std::{
    collections::VecDeque,
    io::IoSlice,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::frame::Frame;
use crate::{
    domain::event::{Audience, Topic},
    http::{
        auth::Principal,
        event_stream::{DirectWrite, StreamConnection},
    },
};

/// Maximum number of queued events. The stream of a slower client ends, and the client resumes from the log.
const MAX_LAG: usize = 1024;

/// Time without a write after which the connection of a stream that ends is reset. Its client reads nothing, so the end
/// would not be sent until the stall timeout of the connection.
const RESET_AFTER: Duration = Duration::from_secs(10);

/// Maximum number of events that one write combines.
const MAX_COMBINED: usize = 16;

/// Time after which the credential must be validated before the next event.
const REVALIDATE_AFTER: Duration = Duration::from_secs(40);

/// The caller of a stream and its topic filter.
pub struct Listener {
    pub viewer: Option<Principal>,
    /// Empty: all topics.
    pub topics: Vec<Topic>,
}

impl Listener {
    pub fn receives(&self, frame: &Frame) -> bool {
        (self.topics.is_empty() || self.topics.contains(&frame.topic))
            && frame.audience.includes(self.viewer.as_ref())
            && (frame.audience == Audience::Public || self.can_read(frame.topic))
    }

    fn can_read(&self, topic: Topic) -> bool {
        self.viewer.as_ref().is_none_or(|viewer| viewer.has_scope(topic.scope()))
    }
}

/// The live events of one stream, shared by its body and the relay.
pub struct Live {
    pub listener: Listener,
    pub connection: StreamConnection,
    state: Mutex<State>,
}

struct State {
    /// The events that the body must send.
    queue: VecDeque<Arc<Frame>>,
    /// The position up to which all events are written or queued, or are not for this client.
    position: i64,
    /// Whether the body is pending and has returned all earlier events. Only then may events be written directly.
    is_waiting: bool,
    /// Whether events were lost, because the queue was full.
    is_lagging: bool,
    /// The time of the last write.
    sent_at: Instant,
    validated_at: Instant,
    /// The task of the body.
    waker: Option<Waker>,
}

/// The events that a body takes from the queue.
#[derive(Debug, PartialEq, Eq)]
pub enum Queued {
    Events(Bytes),
    Nothing,
    /// The client is too slow: the stream ends.
    Lagging,
}

impl Live {
    /// Creates the state of a stream whose credential has just been validated. Events are queued until the body waits.
    pub fn new(listener: Listener, now: Instant) -> Self {
        let state = State {
            queue: VecDeque::new(),
            position: 0,
            is_waiting: false,
            is_lagging: false,
            sent_at: now,
            validated_at: now,
            waker: None,
        };
        Live { listener, connection: StreamConnection::default(), state: Mutex::new(state) }
    }

    /// Omits the events up to this position, which the body reads from the log.
    pub fn skip_to(&self, position: i64) {
        let mut state = self.state.lock();
        state.queue.retain(|frame| frame.position > position);
        state.position = state.position.max(position);
    }

    /// Writes or queues new events, in the order of their positions.
    pub fn deliver(&self, frames: &[Arc<Frame>], now: Instant) {
        let mut state = self.state.lock();
        let new = frames.partition_point(|frame| frame.position <= state.position);
        let mut rest = &frames[new..];
        if state.is_waiting && state.queue.is_empty() && !self.is_validation_due(&state, now) {
            rest = self.write(&mut state, rest, now);
        }
        for frame in rest.iter().filter(|frame| self.listener.receives(frame)) {
            if state.queue.len() == MAX_LAG {
                state.is_lagging = true;
                state.queue = VecDeque::new();
            }
            if !state.is_lagging {
                state.queue.push_back(frame.clone());
            }
        }
        if let Some(last) = rest.last() {
            state.position = last.position;
        }
        let is_stalled = state.is_lagging && now.duration_since(state.sent_at) >= RESET_AFTER;
        let is_queued = !state.queue.is_empty() || state.is_lagging;
        let waker = is_queued.then(|| state.waker.take()).flatten();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        if let Some(connection) = self.connection.get().filter(|_| is_stalled) {
            connection.reset();
        }
    }

    /// Writes events to the connection, and returns the events that must be queued.
    fn write<'a>(&self, state: &mut State, frames: &'a [Arc<Frame>], now: Instant) -> &'a [Arc<Frame>] {
        let Some(connection) = self.connection.get() else { return frames };
        let mut rest = frames;
        while let Some(last) = rest.get(..MAX_COMBINED.min(rest.len())).and_then(<[_]>::last) {
            let (group, after) = rest.split_at(MAX_COMBINED.min(rest.len()));
            let mut chunks = [IoSlice::new(&[]); MAX_COMBINED];
            let mut count = 0;
            for frame in group.iter().filter(|frame| self.listener.receives(frame)) {
                chunks[count] = IoSlice::new(&frame.chunk);
                count += 1;
            }
            let written = match count {
                0 => DirectWrite::Done,
                _ => connection.try_write(&chunks[..count]),
            };
            if written == DirectWrite::Rejected {
                return rest;
            }
            (rest, state.position) = (after, last.position);
            if count > 0 {
                state.sent_at = now;
            }
            if written == DirectWrite::Partial {
                // The task of the connection writes the rest.
                if let Some(waker) = state.waker.take() {
                    waker.wake();
                }
                return rest;
            }
        }
        rest
    }

    /// Completes when events are queued. While it is pending, events may be written directly.
    pub fn poll_queued(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        state.is_waiting = state.queue.is_empty() && !state.is_lagging;
        if !state.is_waiting {
            return Poll::Ready(());
        }
        if !state.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            state.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Ends the wait of the body: until the next one, events are queued. Returns the position up to which the client has
    /// all events, `None` if some are queued, and the time of the last write.
    pub fn resume(&self) -> (Option<i64>, Instant) {
        let mut state = self.state.lock();
        state.is_waiting = false;
        let is_complete = state.queue.is_empty() && !state.is_lagging;
        (is_complete.then_some(state.position), state.sent_at)
    }

    /// Takes queued events, which the body must send.
    pub fn take(&self, now: Instant) -> Queued {
        let mut state = self.state.lock();
        if state.is_lagging {
            return Queued::Lagging;
        }
        let count = state.queue.len().min(MAX_COMBINED);
        let events = match count {
            0 => return Queued::Nothing,
            1 => state.queue.pop_front().map_or_else(Bytes::new, |frame| frame.bytes.clone()),
            _ => {
                let mut events = BytesMut::new();
                state.queue.drain(..count).for_each(|frame| events.extend_from_slice(&frame.bytes));
                events.freeze()
            }
        };
        if state.queue.is_empty() {
            state.queue = VecDeque::new();
        }
        state.sent_at = now;
        Queued::Events(events)
    }

    /// Returns whether the credential must be validated before the next event.
    pub fn must_validate(&self, now: Instant) -> bool {
        self.is_validation_due(&self.state.lock(), now)
    }

    fn is_validation_due(&self, state: &State, now: Instant) -> bool {
        self.listener.viewer.is_some() && now.duration_since(state.validated_at) > REVALIDATE_AFTER
    }

    /// Records a validation of the credential.
    pub fn validated(&self, now: Instant) {
        self.state.lock().validated_at = now;
    }

    /// Records that the body has sent a frame of its own.
    pub fn sent(&self, now: Instant) {
        self.state.lock().sent_at = now;
    }
}

#[cfg(test)]
mod tests;
