//! The versions of collections as this process knows them, for caches.
//!
//! Each collection has a counter that increases when the collection changes. A commit of this process increases it
//! before the writer responds to the caller. Commits of other processes are found by `Db::follow_commits`.
//!
//! A cache reads the version before it runs a query, and stores the result under that version. The opposite order
//! could store a result from before a change under the version from after it.
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::{Mutex, RwLock};

#[derive(Clone, Default)]
pub struct CollectionVersions(Arc<Shared>);

#[derive(Default)]
struct Shared {
    counters: RwLock<HashMap<String, Arc<AtomicU64>>>,
    /// The versions in the database at the last observation.
    stored: Mutex<HashMap<String, i64>>,
}

/// The collections that a cached value depends on.
#[derive(Clone, Debug)]
pub struct Dependencies(Arc<[Arc<AtomicU64>]>);

impl Dependencies {
    /// Returns a number that is different after each change of one of the collections. The counters only increase, so
    /// their sum never repeats.
    pub fn version(&self) -> u64 {
        self.0.iter().fold(0, |sum, counter| sum.wrapping_add(counter.load(Ordering::Acquire)))
    }
}

impl CollectionVersions {
    /// Returns the dependencies of a value on these collections.
    pub fn dependencies(&self, collections: impl IntoIterator<Item = &'static str>) -> Dependencies {
        Dependencies(collections.into_iter().map(|name| self.counter(name)).collect())
    }

    /// Records that a collection has changed.
    pub fn increment(&self, collection: &str) {
        self.counter(collection).fetch_add(1, Ordering::Release);
    }

    /// Records that every collection may have changed.
    pub fn increment_all(&self) {
        for counter in self.0.counters.read().values() {
            counter.fetch_add(1, Ordering::Release);
        }
    }

    /// Compares the versions in the database with those of the last call, and increments the counter of each
    /// collection that has changed since then.
    pub fn observe(&self, versions: impl IntoIterator<Item = (String, i64)>) {
        let mut stored = self.0.stored.lock();
        for (name, version) in versions {
            if stored.get(&name) != Some(&version) {
                self.increment(&name);
                stored.insert(name, version);
            }
        }
    }

    fn counter(&self, name: &str) -> Arc<AtomicU64> {
        if let Some(counter) = self.0.counters.read().get(name) {
            return counter.clone();
        }
        self.0.counters.write().entry(name.to_owned()).or_default().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_one_collection_changes_the_version() {
        let versions = CollectionVersions::default();
        let posts = versions.dependencies(["posts", "tags"]);
        let before = posts.version();
        versions.increment("users");
        assert_eq!(posts.version(), before);
        versions.increment("tags");
        assert_ne!(posts.version(), before);
    }

    #[test]
    fn observes_the_changes_of_other_processes_once() {
        let versions = CollectionVersions::default();
        let rows = |posts| [("posts".to_owned(), posts), ("tags".to_owned(), 7)];
        versions.observe(rows(3));
        let (posts, tags) = (versions.dependencies(["posts"]), versions.dependencies(["tags"]));
        let before = (posts.version(), tags.version());
        versions.observe(rows(3));
        assert_eq!((posts.version(), tags.version()), before);
        versions.observe(rows(4));
        assert_ne!(posts.version(), before.0);
        assert_eq!(tags.version(), before.1);
    }
}
