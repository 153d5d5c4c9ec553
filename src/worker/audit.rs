//! Periodic tasks of the audit log while the service runs: failed authentications are written, and entries are written as
//! JSON lines.
use std::time::Duration;

use tokio::{sync::watch, task::JoinHandle};

use crate::{
    domain::result_ext::ResultExt,
    resources::audit::{Audit, AuditLines},
};

const INTERVAL: Duration = Duration::from_secs(1);

/// The end of the process does not wait longer for a reader of standard output that has stopped.
const LAST_LINES_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs until `stopped` is true, and then once more.
pub async fn run(audit: Audit, lines: Option<AuditLines>, mut stopped: watch::Receiver<bool>) {
    let (flushed, after_flush) = watch::channel(false);
    // A task of its own: while the output is blocked, failed authentications are recorded nevertheless.
    let lines = lines.map(|lines| tokio::spawn(write_lines(audit.clone(), lines, after_flush)));
    let mut interval = tokio::time::interval(INTERVAL);
    loop {
        let is_last = tokio::select! {
            _ = interval.tick() => false,
            _ = stopped.wait_for(|stopped| *stopped) => true,
        };
        audit.flush_failures(is_last).await;
        if is_last {
            break;
        }
    }
    let _ = flushed.send(true);
    if let Some(lines) = lines {
        wait_for(lines, LAST_LINES_TIMEOUT).await;
    }
}

/// Writes the lines until `stopped` is true, and then once more.
async fn write_lines(audit: Audit, mut lines: AuditLines, mut stopped: watch::Receiver<bool>) {
    let mut interval = tokio::time::interval(INTERVAL);
    loop {
        let is_last = tokio::select! {
            _ = interval.tick() => false,
            _ = stopped.wait_for(|stopped| *stopped) => true,
        };
        // The next run repeats it.
        audit.write_lines(&mut lines).await.ok_or_log("writing the audit log as JSON lines");
        if is_last {
            return;
        }
    }
}

async fn wait_for(mut lines: JoinHandle<()>, timeout: Duration) {
    if tokio::time::timeout(timeout, &mut lines).await.is_err() {
        tracing::error!("audit_output: the last lines were not written within {timeout:?}: read the output");
        lines.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_does_not_wait_for_a_blocked_output() {
        let (ended, end) = tokio::sync::oneshot::channel::<()>();
        let blocked = tokio::spawn(async move {
            std::future::pending::<()>().await;
            drop(ended);
        });
        wait_for(blocked, Duration::from_millis(10)).await;
        end.await.expect_err("the task is aborted");
    }
}
