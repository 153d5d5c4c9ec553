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

/// The limit that a further stream would exceed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitReached {
    /// The streams of one caller.
    Caller,
    /// All streams.
    Server,
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

    /// Returns a permit for a stream of the caller.
    pub fn acquire(&self, caller: String) -> Result<StreamPermit, LimitReached> {
        let mut open = self.open();
        let count = open.callers.get(&caller).copied().unwrap_or_default();
        if count >= self.limits.events_max_connections_per_caller.0 {
            return Err(LimitReached::Caller);
        }
        if open.all >= self.limits.events_max_connections.0 {
            return Err(LimitReached::Server);
        }
        open.all += 1;
        open.callers.insert(caller.clone(), count + 1);
        drop(open);
        Ok(StreamPermit { limits: self.clone(), caller })
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
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(acquire("a").err(), Some(LimitReached::Caller));
        let third = acquire("b");
        assert!(third.is_ok());
        assert_eq!(acquire("c").err(), Some(LimitReached::Server));
        drop((first, second));
        assert!(acquire("a").is_ok() && acquire("c").is_ok());
        assert_eq!(limits.open().callers.len(), 1);
    }
}
