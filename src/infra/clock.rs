//! The clock. It is the only source of time in the service, so that tests can set it.
use std::{
    sync::{
        Arc, LazyLock, OnceLock,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// The moment from which [`Clock::monotonic`] counts.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A source of time, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone)]
pub enum Clock {
    System,
    Fixed(Arc<AtomicI64>),
}

/// Returns the time since 1970-01-01T00:00:00Z, for log lines and ids. It does not depend on a fixed clock.
pub fn system_time() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The start of the process, since 1970-01-01T00:00:00Z.
static PROCESS_START: OnceLock<Duration> = OnceLock::new();

/// Returns the start of the process: the time of the first call, with which the program begins. It is not read from
/// `/proc/stat`, which the systemd unit hides (`ProcSubset=pid`).
pub fn process_start() -> Duration {
    *PROCESS_START.get_or_init(system_time)
}

impl Clock {
    /// Returns a clock that stays at `now` until it is advanced.
    pub fn fixed(now: i64) -> Self {
        Clock::Fixed(Arc::new(AtomicI64::new(now)))
    }

    pub fn now(&self) -> i64 {
        match self {
            Clock::System => system_time().as_millis() as i64,
            Clock::Fixed(now) => now.load(Ordering::SeqCst),
        }
    }

    /// Returns the milliseconds since an unspecified moment, for rate limits. Setting the system clock does not change it.
    pub fn monotonic(&self) -> i64 {
        match self {
            Clock::System => START.elapsed().as_millis() as i64,
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
