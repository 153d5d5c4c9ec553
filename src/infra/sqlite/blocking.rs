//! Queries on threads for blocking work.
use sea_orm::DbErr;
use tokio::sync::oneshot::{self, error::TryRecvError};
use tracing::Span;

use crate::infra::{audit_log::Origin, db_error::custom_error};

/// Whether the caller of [`run_blocking`] has been cancelled.
pub struct Cancellation(oneshot::Receiver<()>);

impl Cancellation {
    pub fn is_cancelled(&mut self) -> bool {
        self.0.try_recv() == Err(TryRecvError::Closed)
    }
}

/// Runs `work` on a thread for blocking work. Its log lines and spans carry the request id and the trace of the caller. It
/// must end soon after the cancellation of the caller.
pub async fn run_blocking<T, F>(work: F) -> Result<T, DbErr>
where
    F: FnOnce(Cancellation) -> Result<T, DbErr> + Send + 'static,
    T: Send + 'static,
{
    let (running, stopped) = oneshot::channel();
    let span = Span::current();
    let origin = Origin::current();
    let run = move || origin.run(|| span.in_scope(|| work(Cancellation(stopped))));
    let result = tokio::task::spawn_blocking(run).await;
    drop(running);
    result.unwrap_or_else(|_| Err(custom_error("the query was cancelled")))
}
