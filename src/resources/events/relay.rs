//! A single reader of the event log per process that broadcasts each event to all streams.
use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{
    sync::broadcast,
    time::{sleep, timeout},
};

use super::frame::Frame;
use crate::infra::db::Db;

/// Maximum number of events that a stream can lag behind. A slower stream is disconnected, and its client
/// resumes from the log.
const MAX_LAG: usize = 1024;

/// Maximum number of events that one query reads.
const BATCH: u64 = 256;

/// Poll interval for events that other processes write.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

#[derive(Clone)]
pub struct Relay {
    db: Db,
    frames: broadcast::Sender<Arc<Frame>>,
    /// Whether the reader task runs.
    running: Arc<Mutex<bool>>,
}

impl Relay {
    pub fn new(db: Db) -> Self {
        Relay { db, frames: broadcast::channel(MAX_LAG).0, running: Arc::default() }
    }

    /// Subscribes to live events. If the reader does not run, starts it after the position `newest`, which
    /// must not be past the end of the log.
    ///
    /// A running reader may have broadcast later events before the subscription. The caller must therefore
    /// query the newest position again after subscribing, and read the log up to it.
    pub fn subscribe(&self, newest: i64) -> broadcast::Receiver<Arc<Frame>> {
        let mut running = self.running.lock();
        let frames = self.frames.subscribe();
        if !*running {
            *running = true;
            tokio::spawn(self.clone().run(newest));
        }
        frames
    }

    /// Marks the reader as stopped if no stream is subscribed. Returns whether the reader must stop. The lock
    /// prevents [`Relay::subscribe`] from subscribing to a reader that is about to stop.
    fn stop_if_idle(&self) -> bool {
        let mut running = self.running.lock();
        let idle = self.frames.receiver_count() == 0;
        *running = !idle;
        idle
    }

    async fn run(self, mut position: i64) {
        let mut changes = self.db.notifier().events();
        while !self.stop_if_idle() {
            changes.mark_unchanged();
            match self.broadcast_batch(&mut position).await {
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

    /// Broadcasts one batch of new events and returns whether more can be available.
    async fn broadcast_batch(&self, position: &mut i64) -> Result<bool, sea_orm::DbErr> {
        let rows = self.db.events_after(*position, BATCH).await?;
        for frame in Frame::from_rows(self.db.read(), &rows).await? {
            // An error means that no stream is subscribed.
            let _ = self.frames.send(Arc::new(frame));
        }
        *position = rows.last().map_or(*position, |row| row.position);
        Ok(rows.len() as u64 == BATCH)
    }
}
