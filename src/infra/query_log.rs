//! Observers of SQL statements: the query log, and tests that count statements.
use std::{sync::Arc, time::Duration};

use sea_orm::{DatabaseConnection, metric::Info};

/// Called with each statement after it has completed.
pub type QueryObserver = Arc<dyn Fn(&Info<'_>) + Send + Sync>;

/// Which statements are logged, with the id of the request that issued them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryLog {
    Off,
    /// Statements that take longer than this.
    Slow(Duration),
    All,
}

impl QueryLog {
    /// Returns the observer that writes the log, or `None` if logging is off.
    pub fn observer(self) -> Option<QueryObserver> {
        let threshold = match self {
            QueryLog::Off => return None,
            QueryLog::Slow(threshold) => threshold,
            QueryLog::All => Duration::ZERO,
        };
        Some(Arc::new(move |info: &Info<'_>| {
            if info.elapsed < threshold {
                return;
            }
            // Values may be personal data, so only the SQL text is logged.
            let (sql, micros) = (info.statement.sql.as_str(), info.elapsed.as_micros() as u64);
            match self {
                QueryLog::Slow(_) => tracing::warn!(sql, micros, failed = info.failed, "slow statement"),
                _ => tracing::info!(sql, micros, failed = info.failed, "statement"),
            }
        }))
    }
}

/// Registers an observer on a connection and its later clones.
pub(super) fn observe(
    mut connection: DatabaseConnection,
    observer: Option<&QueryObserver>,
) -> DatabaseConnection {
    if let Some(observer) = observer.cloned() {
        connection.set_metric_callback(move |info| observer(info));
    }
    connection
}
