//! One stream: first what its client has missed, then what happens, as long as the client keeps up and is who it was.
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
    places::Place,
    service::Events,
};
use crate::contract::{
    caller::Principal,
    event::{Audience, Topic},
};

/// Proxies end what is silent for longer.
const BEAT: Duration = Duration::from_secs(15);

/// How long a credential is believed.
const BELIEVED: Duration = Duration::from_secs(40);

/// Events that are read from the log at once.
const SOME: u64 = 200;

/// Bytes that are sent at once.
const PIECE: usize = 16 * 1024;

/// Who listens to what.
pub struct Listener {
    pub viewer: Option<Principal>,
    /// All of them for none.
    pub topics: Vec<Topic>,
}

impl Listener {
    fn gets(&self, frame: &Frame) -> bool {
        (self.topics.is_empty() || self.topics.contains(&frame.topic))
            && frame.audience.has(self.viewer.as_ref())
            && (frame.audience == Audience::Public || self.reads(frame.topic))
    }

    fn reads(&self, topic: Topic) -> bool {
        self.viewer.as_ref().is_none_or(|viewer| viewer.within(topic.scope()))
    }
}

pub struct Subscription {
    pub events: Events,
    pub listener: Listener,
    pub frames: broadcast::Receiver<Arc<Frame>>,
    /// The position up to which the client has everything.
    pub seen: i64,
    /// The position up to which the log is read, before the live events.
    pub until: i64,
    pub first: Option<Bytes>,
    /// Nothing more is sent.
    pub cut: bool,
    pub stopping: watch::Receiver<bool>,
    pub beats: Interval,
    pub believed: Instant,
    pub place: Place,
}

/// When the next sign of life is due.
pub fn beats() -> Interval {
    let mut beats = interval(BEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beats.reset();
    beats
}

enum Step {
    Send(Bytes),
    Again,
    End,
}

impl Subscription {
    pub fn stream(self) -> impl Stream<Item = Bytes> + Send + 'static {
        stream::unfold(self, async |mut own| {
            loop {
                match own.step().await {
                    Step::Send(bytes) => return Some((bytes, own)),
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
        if self.cut {
            return Step::End;
        }
        if *self.stopping.borrow() {
            self.cut = true;
            return Step::Send(frame::pause());
        }
        if self.believed.elapsed() > BELIEVED {
            if !self.events.believes(self.listener.viewer.as_ref()).await {
                return Step::End;
            }
            self.believed = Instant::now();
        }
        if self.seen < self.until {
            return self.replay().await;
        }
        let frame = tokio::select! {
            biased;
            _ = self.stopping.wait_for(|stopping| *stopping) => return Step::Again,
            frame = self.frames.recv() => frame,
            _ = self.beats.tick() => return Step::Send(frame::beat(self.seen)),
        };
        // Who is too slow reads on from the log when it comes back.
        frame.map_or(Step::End, |frame| self.live(&frame))
    }

    /// What the client has missed, from the log.
    async fn replay(&mut self) -> Step {
        let Ok(rows) = self.events.after(self.seen, SOME).await else { return Step::End };
        // Positions have no gaps: what is missing was forgotten while it was read, and that may be all of it.
        if rows.first().is_none_or(|row| row.position > self.seen + 1) {
            self.seen = self.until;
            return self.send(frame::reset(self.until));
        }
        self.seen = rows.last().map_or(self.until, |row| row.position);
        let mut bytes = BytesMut::new();
        for frame in rows.iter().filter_map(Frame::of).filter(|frame| self.listener.gets(frame)) {
            bytes.extend_from_slice(&frame.bytes);
        }
        if bytes.is_empty() { Step::Again } else { self.send(bytes.freeze()) }
    }

    /// What has just happened, with what has happened right after it.
    fn live(&mut self, frame: &Frame) -> Step {
        let mut bytes: Option<BytesMut> = None;
        let mut only = self.take(frame);
        while only.as_ref().map_or(0, Bytes::len) + bytes.as_ref().map_or(0, BytesMut::len) < PIECE {
            let next = match self.frames.try_recv() {
                Ok(next) => next,
                Err(TryRecvError::Empty) => break,
                // Whatever comes next, something before it is missing: what is gathered is the last.
                Err(TryRecvError::Lagged(_) | TryRecvError::Closed) => {
                    self.cut = true;
                    break;
                }
            };
            let Some(next) = self.take(&next) else { continue };
            match (only.take(), &mut bytes) {
                (None, None) => only = Some(next),
                (first, bytes) => {
                    let bytes = bytes.get_or_insert_default();
                    bytes.extend_from_slice(&first.unwrap_or_default());
                    bytes.extend_from_slice(&next);
                }
            }
        }
        match bytes.map(BytesMut::freeze).or(only) {
            Some(bytes) => self.send(bytes),
            None => Step::Again,
        }
    }

    /// The event, if it is new to this client and meant for it.
    fn take(&mut self, frame: &Frame) -> Option<Bytes> {
        if frame.position <= self.seen {
            return None;
        }
        self.seen = frame.position;
        self.listener.gets(frame).then(|| frame.bytes.clone())
    }

    fn send(&mut self, bytes: Bytes) -> Step {
        self.beats.reset();
        Step::Send(bytes)
    }
}
