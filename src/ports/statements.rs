//! Observers of SQL statements: the query log, and tests that count statements.
use std::{sync::Arc, time::Duration};

use sea_orm::{DatabaseConnection, metric::Info};

/// Called with each statement after it has completed.
pub type Watch = Arc<dyn Fn(&Info<'_>) + Send + Sync>;

/// Which statements are logged, with the id of the request that issued them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    Off,
    /// Statements that take longer than this.
    Slow(Duration),
    All,
}

impl Log {
    /// Returns the observer that writes the log, or `None` if logging is off.
    pub fn watch(self) -> Option<Watch> {
        let threshold = match self {
            Log::Off => return None,
            Log::Slow(threshold) => threshold,
            Log::All => Duration::ZERO,
        };
        Some(Arc::new(move |info: &Info<'_>| {
            if info.elapsed < threshold {
                return;
            }
            // Values may be personal data, so only the SQL text is logged.
            let (sql, micros) = (info.statement.sql.as_str(), info.elapsed.as_micros() as u64);
            match self {
                Log::Slow(_) => tracing::warn!(sql, micros, failed = info.failed, "slow statement"),
                _ => tracing::info!(sql, micros, failed = info.failed, "statement"),
            }
        }))
    }
}

/// Registers an observer on a connection and its later clones.
pub(super) fn observe(mut connection: DatabaseConnection, observer: Option<&Watch>) -> DatabaseConnection {
    if let Some(observer) = observer.cloned() {
        connection.set_metric_callback(move |info| observer(info));
    }
    connection
}
