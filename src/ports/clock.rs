//! The time. Tests set it; nothing else in the service asks the system.
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

/// Where the time comes from, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone)]
pub enum Clock {
    System,
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands still at `now` until it is advanced.
    pub fn fixed(now: i64) -> Self {
        Clock::Fixed(Arc::new(AtomicI64::new(now)))
    }

    pub fn now(&self) -> i64 {
        match self {
            Clock::System => chrono::Utc::now().timestamp_millis(),
            Clock::Fixed(now) => now.load(Ordering::SeqCst),
        }
    }

    /// Moves a fixed clock; the system's goes its own way.
    pub fn advance(&self, milliseconds: i64) {
        if let Clock::Fixed(now) = self {
            now.fetch_add(milliseconds, Ordering::SeqCst);
        }
    }
}
