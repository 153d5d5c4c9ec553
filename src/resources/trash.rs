//! The trash: how long what was deleted can be brought back.
use poem_openapi::Enum;

const DAY: i64 = 24 * 60 * 60 * 1000;

/// How many things leave the trash for good in one transaction.
pub const AT_ONCE: u64 = 20;

/// Whether a list shows what was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum Deleted {
    /// Nothing else.
    Only,
}

/// The trash.
#[derive(Debug, Clone, Copy)]
pub struct Trash {
    kept: i64,
}

impl Trash {
    pub fn of_days(days: u16) -> Self {
        Trash { kept: i64::from(days) * DAY }
    }

    /// What was deleted by then is gone for good.
    pub fn since(self, now: i64) -> i64 {
        now - self.kept
    }
}
