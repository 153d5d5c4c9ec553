//! Who is waiting for what a commit brings: the workers for jobs, the subscribers for events. What other processes
//! commit brings no news here; whoever waits looks by itself now and then.
use std::sync::Arc;

use tokio::sync::watch;

/// What a transaction leaves for others to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stir {
    pub events: bool,
    pub jobs: bool,
}

#[derive(Clone)]
pub struct News {
    events: Arc<watch::Sender<()>>,
    jobs: Arc<watch::Sender<()>>,
}

impl Default for News {
    fn default() -> Self {
        let channel = || Arc::new(watch::channel(()).0);
        News { events: channel(), jobs: channel() }
    }
}

impl News {
    /// Tells of a commit.
    pub fn tell(&self, stir: Stir) {
        if stir.events {
            self.events.send_replace(());
        }
        if stir.jobs {
            self.jobs.send_replace(());
        }
    }

    /// Changes when there are new events.
    pub fn events(&self) -> watch::Receiver<()> {
        self.events.subscribe()
    }

    /// Changes when there are new jobs.
    pub fn jobs(&self) -> watch::Receiver<()> {
        self.jobs.subscribe()
    }
}
