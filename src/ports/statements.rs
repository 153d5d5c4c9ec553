//! Who looks at the statements that go to the database: the log, or a test that counts them.
use std::{sync::Arc, time::Duration};

use sea_orm::{DatabaseConnection, metric::Info};

/// Told of every statement when it has ended.
pub type Watch = Arc<dyn Fn(&Info<'_>) + Send + Sync>;

/// Which statements come into the log, under the id of the request that sent them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    Off,
    /// Those that take longer.
    Slow(Duration),
    All,
}

impl Log {
    pub fn watch(self) -> Option<Watch> {
        let least = match self {
            Log::Off => return None,
            Log::Slow(least) => least,
            Log::All => Duration::ZERO,
        };
        Some(Arc::new(move |info: &Info<'_>| {
            if info.elapsed < least {
                return;
            }
            // The values may be anybody's: only the text goes into the log.
            let (sql, micros) = (info.statement.sql.as_str(), info.elapsed.as_micros() as u64);
            match self {
                Log::Slow(_) => tracing::warn!(sql, micros, failed = info.failed, "a slow statement"),
                _ => tracing::info!(sql, micros, failed = info.failed, "a statement"),
            }
        }))
    }
}

/// Has `watch` told of the statements of this connection and of all that are cloned from it later.
pub(super) fn watched(mut connection: DatabaseConnection, watch: Option<&Watch>) -> DatabaseConnection {
    if let Some(watch) = watch.cloned() {
        connection.set_metric_callback(move |info| watch(info));
    }
    connection
}
