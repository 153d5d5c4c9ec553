//! One reader of the log for all streams of the process: it reads each event once and hands it to all of them.
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::broadcast,
    time::{sleep, timeout},
};

use super::frame::Frame;
use crate::ports::db::Db;

/// Events that a stream may be behind; one that takes longer is cut off, and can read on from the log.
const BEHIND: usize = 1024;

/// Events that are read at once.
const SOME: u64 = 256;

/// How long events of other processes wait until somebody looks.
const LOOK: Duration = Duration::from_millis(100);

#[derive(Clone)]
pub struct Relay {
    db: Db,
    frames: broadcast::Sender<Arc<Frame>>,
    /// Whether somebody reads.
    runs: Arc<Mutex<bool>>,
}

impl Relay {
    pub fn new(db: Db) -> Self {
        Relay { db, frames: broadcast::channel(BEHIND).0, runs: Arc::default() }
    }

    /// What happens behind `newest`, which was the newest event a moment before, or a little less: what is not among
    /// it is in the log by now.
    pub fn listen(&self, newest: i64) -> broadcast::Receiver<Arc<Frame>> {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        let frames = self.frames.subscribe();
        if !*runs {
            *runs = true;
            tokio::spawn(self.clone().run(newest));
        }
        frames
    }

    /// Nobody listens any more, and nobody will without another run.
    fn is_idle(&self) -> bool {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = self.frames.receiver_count() == 0;
        *runs = !idle;
        idle
    }

    async fn run(self, mut position: i64) {
        let mut news = self.db.news().events();
        while !self.is_idle() {
            news.mark_unchanged();
            match self.turn(&mut position).await {
                Ok(true) => {}
                Ok(false) => {
                    let _ = timeout(LOOK, news.changed()).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "the log of events cannot be read");
                    sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    /// Hands on what is new; whether there may be more at once.
    async fn turn(&self, position: &mut i64) -> Result<bool, sea_orm::DbErr> {
        let rows = self.db.events_after(*position, SOME).await?;
        for row in &rows {
            if let Some(frame) = Frame::of(row) {
                // Nobody may listen; then nobody misses it.
                let _ = self.frames.send(Arc::new(frame));
            }
        }
        *position = rows.last().map_or(*position, |row| row.position);
        Ok(rows.len() as u64 == SOME)
    }
}
