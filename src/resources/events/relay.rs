//! A single reader of the event log per process that delivers each event to all streams.
use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::time::{Instant, sleep, timeout};

use super::{frame::Frame, live::Live};
use crate::infra::db::Db;

/// Maximum number of events that one query reads.
const BATCH: u64 = 256;

/// Streams to which one task delivers. Other tasks run between, and other worker threads take some of the tasks.
const STREAMS_PER_TASK: usize = 64;

/// Poll interval for events that other processes write.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

#[derive(Clone)]
pub struct Relay {
    db: Db,
    streams: Arc<Mutex<Streams>>,
}

#[derive(Default)]
struct Streams {
    open: HashMap<u64, Arc<Live>>,
    /// The last key in `open`.
    last_key: u64,
    /// Whether the reader task runs.
    is_running: bool,
}

/// The registration of a stream. Dropping it ends the delivery.
pub struct Registration {
    streams: Arc<Mutex<Streams>>,
    key: u64,
}

impl Drop for Registration {
    fn drop(&mut self) {
        let live = self.streams.lock().open.remove(&self.key);
        // The relay may be about to deliver events, but the body no longer separates them from its end.
        if let Some(live) = live {
            live.resume();
        }
    }
}

impl Relay {
    pub fn new(db: Db) -> Self {
        Relay { db, streams: Arc::default() }
    }

    /// Delivers all later events to a stream. If the reader does not run, starts it after the position `newest`, which
    /// must not be past the end of the log.
    ///
    /// A running reader may have delivered later events before. The caller must therefore query the newest position again
    /// after this call, and read the log up to it.
    pub fn subscribe(&self, live: Arc<Live>, newest: i64) -> Registration {
        let mut streams = self.streams.lock();
        streams.last_key += 1;
        let key = streams.last_key;
        streams.open.insert(key, live);
        if !streams.is_running {
            streams.is_running = true;
            tokio::spawn(self.clone().run(newest));
        }
        Registration { streams: self.streams.clone(), key }
    }

    /// Marks the reader as stopped if no stream is open. Returns whether the reader must stop. The lock prevents
    /// [`Relay::subscribe`] from subscribing to a reader that is about to stop.
    fn stop_if_idle(&self) -> bool {
        let mut streams = self.streams.lock();
        streams.is_running = !streams.open.is_empty();
        !streams.is_running
    }

    async fn run(self, mut position: i64) {
        let mut changes = self.db.notifier().events();
        while !self.stop_if_idle() {
            changes.mark_unchanged();
            match self.deliver_batch(&mut position).await {
                Ok(true) => {}
                Ok(false) => {
                    let _ = timeout(POLL_INTERVAL, changes.changed()).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot read the event log");
                    sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    /// Delivers one batch of new events and returns whether more can be available.
    async fn deliver_batch(&self, position: &mut i64) -> Result<bool, sea_orm::DbErr> {
        let rows = self.db.events_after(*position, BATCH).await?;
        let frames = Frame::from_rows(self.db.read(), &rows).await?;
        if !frames.is_empty() {
            self.deliver(frames.into_iter().map(Arc::new).collect()).await;
        }
        *position = rows.last().map_or(*position, |row| row.position);
        Ok(rows.len() as u64 == BATCH)
    }

    /// Delivers events to all streams. Completes when all have them, so that each stream receives events in order. This
    /// does not wait for clients.
    async fn deliver(&self, frames: Arc<[Arc<Frame>]>) {
        // Collected after the events were read: a stream that is opened later reads them from the log.
        let streams: Vec<_> = self.streams.lock().open.values().cloned().collect();
        let now = Instant::now();
        let tasks: Vec<_> = streams
            .chunks(STREAMS_PER_TASK)
            .map(|streams| {
                let (streams, frames) = (streams.to_vec(), frames.clone());
                tokio::spawn(async move { streams.iter().for_each(|live| live.deliver(&frames, now)) })
            })
            .collect();
        for task in tasks {
            let _ = task.await;
        }
    }
}
