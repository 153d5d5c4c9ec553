//! Failures of the storage below a database file.
use std::sync::Arc;

use sea_orm::DbErr;
use tokio::sync::watch;

use super::error::{code, fault};
use crate::infra::db_error::Fault;

/// The first read or write of a database file that failed. Clones share it.
///
/// After a failed sync, the kernel may have dropped the data that it could not write, and a later sync can succeed
/// without it. So no transaction is committed after a failure; the next process recovers the file from its log.
#[derive(Clone)]
pub struct StorageFailure(Arc<watch::Sender<Option<DbErr>>>);

impl Default for StorageFailure {
    fn default() -> Self {
        StorageFailure(Arc::new(watch::channel(None).0))
    }
}

impl StorageFailure {
    /// Records the error if it is the first failure of the storage. A full disk is not a failure.
    pub fn record(&self, error: &DbErr) {
        if code(error).map(fault) == Some(Fault::Io) {
            self.0.send_if_modified(|first| {
                let is_first = first.is_none();
                first.get_or_insert_with(|| error.clone());
                is_first
            });
        }
    }

    /// Returns the failure as an error, if there was one.
    pub fn check(&self) -> Result<(), DbErr> {
        self.0.borrow().clone().map_or(Ok(()), Err)
    }

    /// Waits for the failure.
    pub async fn wait(&self) -> DbErr {
        let mut failure = self.0.subscribe();
        match failure.wait_for(Option::is_some).await.map(|error| error.clone()) {
            Ok(Some(error)) => error,
            // Not possible: this value has the sender.
            _ => std::future::pending().await,
        }
    }
}
