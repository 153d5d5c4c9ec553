//! Dispatches events to webhook endpoints while the service runs. Events are dispatched after their commit,
//! so that writes do not wait for it. Events that remain at a shutdown are dispatched after the next start.
use std::time::Duration;

use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use crate::{app::App, domain::result_ext::with_causes};

/// Events are collected for a twentieth of the poll interval, so that a burst is dispatched in one batch.
const BATCH_FRACTION: u32 = 20;

/// Dispatches events until the service stops.
pub async fn run(app: App, poll_interval: Duration, mut stopping: watch::Receiver<bool>) {
    let mut notifications = app.db.notifier().events();
    let dispatch = async {
        loop {
            notifications.mark_unchanged();
            match app.webhook_endpoints.dispatch().await {
                Ok(true) => {}
                Ok(false) => {
                    let _ = timeout(poll_interval, notifications.changed()).await;
                    sleep(poll_interval / BATCH_FRACTION).await;
                }
                Err(error) => {
                    tracing::warn!(
                        error = with_causes(&error),
                        "events cannot be dispatched to webhook endpoints"
                    );
                    sleep(poll_interval).await;
                }
            }
        }
    };
    tokio::select! {
        () = dispatch => {}
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
}
