//! Notifies waiting tasks of commits: workers of new jobs, subscribers of new events.
//!
//! Only commits of this process are seen. Waiting tasks therefore also poll, to find the commits of other
//! processes.
use std::sync::Arc;

use tokio::sync::watch;

/// The kinds of rows that a commit added.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changes {
    pub events: bool,
    pub jobs: bool,
}

#[derive(Clone)]
pub struct ChangeNotifier {
    events: Arc<watch::Sender<()>>,
    jobs: Arc<watch::Sender<()>>,
}

impl Default for ChangeNotifier {
    fn default() -> Self {
        let channel = || Arc::new(watch::channel(()).0);
        ChangeNotifier { events: channel(), jobs: channel() }
    }
}

impl ChangeNotifier {
    /// Wakes the tasks that wait for what the commit has added.
    pub fn notify(&self, changes: Changes) {
        if changes.events {
            self.events.send_replace(());
        }
        if changes.jobs {
            self.jobs.send_replace(());
        }
    }

    /// Returns a receiver that changes when events were committed.
    pub fn events(&self) -> watch::Receiver<()> {
        self.events.subscribe()
    }

    /// Returns a receiver that changes when jobs were committed.
    pub fn jobs(&self) -> watch::Receiver<()> {
        self.jobs.subscribe()
    }
}
