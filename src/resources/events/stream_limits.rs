//! Limits of concurrent event streams, in total and for each caller.
use std::{collections::HashMap, sync::Arc};

use parking_lot::{Mutex, MutexGuard};

use crate::config::EventsConfig;

#[derive(Default)]
struct OpenStreams {
    all: usize,
    callers: HashMap<String, usize>,
}

#[derive(Clone)]
pub struct StreamLimits {
    limits: EventsConfig,
    open: Arc<Mutex<OpenStreams>>,
}

/// A permit for one stream. Dropping it releases the slot.
pub struct StreamPermit {
    limits: StreamLimits,
    caller: String,
}

impl StreamLimits {
    pub fn new(limits: EventsConfig) -> Self {
        StreamLimits { limits, open: Arc::default() }
    }

    fn open(&self) -> MutexGuard<'_, OpenStreams> {
        self.open.lock()
    }

    /// Returns the number of open streams.
    pub fn open_streams(&self) -> usize {
        self.open().all
    }

    pub fn acquire(&self, caller: String) -> Option<StreamPermit> {
        let mut open = self.open();
        let count = open.callers.get(&caller).copied().unwrap_or_default();
        if open.all >= self.limits.events_max_connections.0
            || count >= self.limits.events_max_connections_per_caller.0
        {
            return None;
        }
        open.all += 1;
        open.callers.insert(caller.clone(), count + 1);
        drop(open);
        Some(StreamPermit { limits: self.clone(), caller })
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        let mut open = self.limits.open();
        open.all -= 1;
        let left = open.callers.get_mut(&self.caller).map(|count| {
            *count -= 1;
            *count
        });
        if left == Some(0) {
            open.callers.remove(&self.caller);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Limit;

    #[test]
    fn permits_are_limited_and_released_on_drop() {
        let limits = StreamLimits::new(EventsConfig {
            events_max_connections: Limit(3),
            events_max_connections_per_caller: Limit(2),
        });
        let acquire = |caller: &str| limits.acquire(caller.to_owned());
        let (first, second) = (acquire("a"), acquire("a"));
        assert!(first.is_some() && second.is_some() && acquire("a").is_none());
        let third = acquire("b");
        assert!(third.is_some() && acquire("c").is_none());
        drop((first, second));
        assert!(acquire("a").is_some() && acquire("c").is_some());
        assert_eq!(limits.open().callers.len(), 1);
    }
}
