//! The clock. It is the only source of time in the service, so that tests can set it.
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

/// A source of time, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone)]
pub enum Clock {
    System,
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// Returns a clock that stays at `now` until it is advanced.
    pub fn fixed(now: i64) -> Self {
        Clock::Fixed(Arc::new(AtomicI64::new(now)))
    }

    pub fn now(&self) -> i64 {
        match self {
            Clock::System => chrono::Utc::now().timestamp_millis(),
            Clock::Fixed(now) => now.load(Ordering::SeqCst),
        }
    }

    /// Advances a fixed clock. It has no effect on the system clock.
    pub fn advance(&self, milliseconds: i64) {
        if let Clock::Fixed(now) = self {
            now.fetch_add(milliseconds, Ordering::SeqCst);
        }
    }
}
