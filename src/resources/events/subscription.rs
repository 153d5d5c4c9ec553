//! One event stream: first the missed events from the log, then live events, while the client keeps up and
//! its credential is valid.
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};
use tokio::{
    sync::{
        broadcast::{self, error::TryRecvError},
        watch,
    },
    time::{Interval, MissedTickBehavior, interval},
};

use super::{
    frame::{self, Frame},
    service::Events,
    stream_limits::StreamPermit,
};
use crate::{
    domain::event::{Audience, Topic},
    http::auth::Principal,
};

/// Heartbeat interval: proxies close connections that are idle for longer.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Interval after which the credential is validated again.
const REVALIDATE_AFTER: Duration = Duration::from_secs(40);

/// Maximum number of events that one query of the log reads.
const BATCH: u64 = 200;

/// Maximum number of bytes that one write combines.
const MAX_WRITE: usize = 16 * 1024;

/// The caller of a stream and its topic filter.
pub struct Listener {
    pub viewer: Option<Principal>,
    /// Empty: all topics.
    pub topics: Vec<Topic>,
}

impl Listener {
    fn receives(&self, frame: &Frame) -> bool {
        (self.topics.is_empty() || self.topics.contains(&frame.topic))
            && frame.audience.includes(self.viewer.as_ref())
            && (frame.audience == Audience::Public || self.can_read(frame.topic))
    }

    fn can_read(&self, topic: Topic) -> bool {
        self.viewer.as_ref().is_none_or(|viewer| viewer.has_scope(topic.scope()))
    }
}

/// The state of one stream.
pub struct Subscription {
    pub events: Events,
    pub listener: Listener,
    pub frames: broadcast::Receiver<Arc<Frame>>,
    /// The position up to which the client has all events.
    pub seen: i64,
    /// The position up to which events are read from the log instead of the live broadcast.
    pub backlog_end: i64,
    pub first: Option<Bytes>,
    /// Whether the stream ends after the frame that was sent last.
    pub ended: bool,
    pub stopping: watch::Receiver<bool>,
    pub heartbeats: Interval,
    pub validated_at: Instant,
    pub permit: StreamPermit,
}

/// Returns the timer of the heartbeats.
pub fn heartbeats() -> Interval {
    let mut heartbeats = interval(HEARTBEAT);
    heartbeats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    heartbeats.reset();
    heartbeats
}

enum Step {
    Send(Bytes),
    Again,
    End,
}

impl Subscription {
    pub fn stream(self) -> impl Stream<Item = Bytes> + Send + 'static {
        stream::unfold(self, async |mut subscription| {
            loop {
                match subscription.step().await {
                    Step::Send(bytes) => return Some((bytes, subscription)),
                    Step::Again => {}
                    Step::End => return None,
                }
            }
        })
    }

    async fn step(&mut self) -> Step {
        if let Some(first) = self.first.take() {
            return Step::Send(first);
        }
        if self.ended {
            return Step::End;
        }
        if *self.stopping.borrow() {
            self.ended = true;
            return Step::Send(frame::stop());
        }
        if self.validated_at.elapsed() > REVALIDATE_AFTER {
            if !self.events.is_active(self.listener.viewer.as_ref()).await {
                return Step::End;
            }
            self.validated_at = Instant::now();
        }
        if self.seen < self.backlog_end {
            return self.replay().await;
        }
        let frame = tokio::select! {
            biased;
            _ = self.stopping.wait_for(|stopping| *stopping) => return Step::Again,
            frame = self.frames.recv() => frame,
            _ = self.heartbeats.tick() => return Step::Send(frame::heartbeat(self.seen)),
        };
        // A client that lags too far behind is disconnected and resumes from the log.
        frame.map_or(Step::End, |frame| self.live(&frame))
    }

    /// Sends a batch of missed events from the log.
    async fn replay(&mut self) -> Step {
        let Ok(rows) = self.events.after(self.seen, BATCH).await else { return Step::End };
        // Positions have no gaps. A missing one was deleted by the retention job while this stream read the
        // log.
        if rows.first().is_none_or(|row| row.position > self.seen + 1) {
            self.seen = self.backlog_end;
            return self.send(frame::reset(self.backlog_end));
        }
        self.seen = rows.last().map_or(self.backlog_end, |row| row.position);
        let Ok(frames) = self.events.frames(&rows).await else { return Step::End };
        let mut bytes = BytesMut::new();
        for frame in frames.iter().filter(|frame| self.listener.receives(frame)) {
            bytes.extend_from_slice(&frame.bytes);
        }
        if bytes.is_empty() { Step::Again } else { self.send(bytes.freeze()) }
    }

    /// Sends a live event, combined with the events that are already buffered.
    fn live(&mut self, frame: &Frame) -> Step {
        let mut bytes: Option<BytesMut> = None;
        let mut single = self.accept(frame);
        while single.as_ref().map_or(0, Bytes::len) + bytes.as_ref().map_or(0, BytesMut::len) < MAX_WRITE {
            let next = match self.frames.try_recv() {
                Ok(next) => next,
                Err(TryRecvError::Empty) => break,
                // Events were lost. The stream ends after the events that are already combined, and the
                // client resumes.
                Err(TryRecvError::Lagged(_) | TryRecvError::Closed) => {
                    self.ended = true;
                    break;
                }
            };
            let Some(next) = self.accept(&next) else { continue };
            match (single.take(), &mut bytes) {
                (None, None) => single = Some(next),
                (first, bytes) => {
                    let bytes = bytes.get_or_insert_default();
                    bytes.extend_from_slice(&first.unwrap_or_default());
                    bytes.extend_from_slice(&next);
                }
            }
        }
        match bytes.map(BytesMut::freeze).or(single) {
            Some(bytes) => self.send(bytes),
            None => Step::Again,
        }
    }

    /// Returns the bytes of an event if the client does not have it and may receive it.
    fn accept(&mut self, frame: &Frame) -> Option<Bytes> {
        if frame.position <= self.seen {
            return None;
        }
        self.seen = frame.position;
        self.listener.receives(frame).then(|| frame.bytes.clone())
    }

    fn send(&mut self, bytes: Bytes) -> Step {
        self.heartbeats.reset();
        Step::Send(bytes)
    }
}
