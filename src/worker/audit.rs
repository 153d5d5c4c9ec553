//! Periodic tasks of the audit log while the service runs: failed authentications are written, and entries are written as
//! JSON lines.
use std::time::Duration;

use tokio::sync::watch;

use crate::{
    domain::result_ext::ResultExt,
    resources::audit::{Audit, AuditLines},
};

const INTERVAL: Duration = Duration::from_secs(1);

/// Runs until `stopped` is true, and then once more.
pub async fn run(audit: Audit, mut lines: Option<AuditLines>, mut stopped: watch::Receiver<bool>) {
    let mut interval = tokio::time::interval(INTERVAL);
    loop {
        let is_last = tokio::select! {
            _ = interval.tick() => false,
            _ = stopped.wait_for(|stopped| *stopped) => true,
        };
        audit.flush_failures(is_last).await;
        if let Some(lines) = &mut lines {
            // The next run repeats it.
            audit.write_lines(lines).await.ok_or_log("writing the audit log as JSON lines");
        }
        if is_last {
            return;
        }
    }
}
