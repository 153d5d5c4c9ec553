//! One event stream: first the missed events from the log, then live events, while the client keeps up and
//! its credential is valid.
use std::{future::poll_fn, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};
use tokio::{
    sync::watch,
    time::{Instant, Interval, MissedTickBehavior, interval},
};

use super::{
    frame,
    live::{Live, Queued},
    relay::Registration,
    service::Events,
    stream_limits::StreamPermit,
};

/// Heartbeat interval: proxies close connections that are idle for longer.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Maximum number of events that one query of the log reads.
const BATCH: u64 = 200;

/// The body of one stream.
pub struct Subscription {
    pub events: Events,
    pub live: Arc<Live>,
    pub registration: Registration,
    /// The position up to which the client has the events from the log.
    pub seen: i64,
    /// The position up to which events are read from the log. Later ones are live.
    pub backlog_end: i64,
    pub first: Option<Bytes>,
    /// Whether the stream ends after the frame that was sent last.
    pub ended: bool,
    pub stopping: watch::Receiver<bool>,
    pub heartbeats: Interval,
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
        if self.live.must_validate(Instant::now()) {
            if !self.events.is_active(self.live.listener.viewer.as_ref()).await {
                return Step::End;
            }
            self.live.validated(Instant::now());
        }
        if self.seen < self.backlog_end {
            return self.replay().await;
        }
        match self.live.take(Instant::now()) {
            Queued::Events(events) => return Step::Send(events),
            // A client that lags too far behind is disconnected and resumes from the log.
            Queued::Lagging => return Step::End,
            Queued::Nothing => {}
        }
        let is_heartbeat = tokio::select! {
            biased;
            _ = self.stopping.wait_for(|stopping| *stopping) => false,
            () = poll_fn(|cx| self.live.poll_queued(cx)) => false,
            _ = self.heartbeats.tick() => true,
        };
        // Events may have been queued since the wait ended. A heartbeat after them would confirm them.
        let (Some(position), sent_at) = self.live.resume() else { return Step::Again };
        if !is_heartbeat {
            return Step::Again;
        }
        // Events do not reset the timer, because this takes as long as a write.
        if sent_at.elapsed() < HEARTBEAT {
            self.heartbeats.reset_at(sent_at + HEARTBEAT);
            return Step::Again;
        }
        self.live.sent(Instant::now());
        Step::Send(frame::heartbeat(position))
    }

    /// Sends a batch of missed events from the log.
    async fn replay(&mut self) -> Step {
        let Ok(mut rows) = self.events.after(self.seen, BATCH).await else { return Step::End };
        // Positions have no gaps. A missing one was deleted by the retention job while this stream read the
        // log.
        let is_gap = rows.first().is_none_or(|row| row.position > self.seen + 1);
        // Later events are delivered live.
        rows.retain(|row| row.position <= self.backlog_end);
        self.seen = rows.last().filter(|_| !is_gap).map_or(self.backlog_end, |row| row.position);
        if is_gap {
            return self.send(frame::reset(self.backlog_end));
        }
        let Ok(frames) = self.events.frames(&rows).await else { return Step::End };
        let mut bytes = BytesMut::new();
        for frame in frames.iter().filter(|frame| self.live.listener.receives(frame)) {
            bytes.extend_from_slice(&frame.bytes);
        }
        if bytes.is_empty() { Step::Again } else { self.send(bytes.freeze()) }
    }

    fn send(&self, bytes: Bytes) -> Step {
        self.live.sent(Instant::now());
        Step::Send(bytes)
    }
}
