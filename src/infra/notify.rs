//! Notifies waiting tasks of commits: workers of new jobs, subscribers of new events. Invalidates caches.
//!
//! Only commits of this process are seen. Waiting tasks therefore also poll, to find the commits of other
//! processes.
use std::{collections::BTreeSet, sync::Arc};

use tokio::sync::watch;

use super::collection_versions::CollectionVersions;

/// The changes of a commit.
#[derive(Debug, Default)]
pub struct Changes {
    /// Whether it added events.
    pub events: bool,
    /// Whether it added jobs.
    pub jobs: bool,
    /// The changed collections.
    pub collections: BTreeSet<&'static str>,
}

#[derive(Clone)]
pub struct ChangeNotifier {
    versions: CollectionVersions,
    events: Arc<watch::Sender<()>>,
    jobs: Arc<watch::Sender<()>>,
}

impl Default for ChangeNotifier {
    fn default() -> Self {
        let channel = || Arc::new(watch::channel(()).0);
        ChangeNotifier { versions: CollectionVersions::default(), events: channel(), jobs: channel() }
    }
}

impl ChangeNotifier {
    /// Invalidates caches, and wakes the tasks that wait for what the commit has added.
    ///
    /// Must be called before the caller of the write gets its response, so that its next read is current. A commit
    /// that reports an error may have succeeded, so its changes are notified too.
    pub fn notify(&self, changes: Changes) {
        for collection in changes.collections {
            self.versions.increment(collection);
        }
        if changes.events {
            self.events.send_replace(());
        }
        if changes.jobs {
            self.jobs.send_replace(());
        }
    }

    /// Returns the versions of collections, for caches.
    pub fn versions(&self) -> &CollectionVersions {
        &self.versions
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
