//! Soft deletion of posts and documents: the retention period and the list filter.
use poem_openapi::Enum;

use crate::http::cache_control::CacheControl;

const DAY: i64 = 24 * 60 * 60 * 1000;

/// The number of rows that one transaction purges.
pub const PURGE_BATCH: u64 = 20;

/// Filter for deleted resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum Deleted {
    /// Deleted resources only.
    Only,
}

impl Deleted {
    /// Returns the cache policy of a list with this filter. A list of deleted resources also changes with time, because
    /// their retention period ends.
    pub fn cache(filter: Option<Self>) -> CacheControl {
        match filter {
            Some(Deleted::Only) => CacheControl::Private,
            None => CacheControl::PUBLIC,
        }
    }
}

/// The retention period of deleted resources.
#[derive(Debug, Clone, Copy)]
pub struct Trash {
    /// In milliseconds.
    retention: i64,
}

impl Trash {
    pub fn from_days(days: u16) -> Self {
        Trash { retention: i64::from(days) * DAY }
    }

    /// Returns the start of the retention period: resources deleted at or before this time cannot be
    /// restored.
    pub fn cutoff(self, now: i64) -> i64 {
        now - self.retention
    }
}
