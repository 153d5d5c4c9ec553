//! Hands events on to webhook endpoints, while the service runs. A write waits for none of it, and what is left when
//! the service stops is handed on by whoever begins next.
use std::time::Duration;

use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use crate::app::App;

/// How long events gather before they are handed on together, in parts of the time between two looks.
const GATHER: u32 = 20;

pub async fn keep(app: App, look: Duration, mut stopping: watch::Receiver<bool>) {
    let mut news = app.db.news().events();
    let turns = async {
        loop {
            news.mark_unchanged();
            match app.webhook_endpoints.fan().await {
                Ok(true) => {}
                Ok(false) => {
                    let _ = timeout(look, news.changed()).await;
                    sleep(look / GATHER).await;
                }
                Err(error) => {
                    tracing::warn!(?error, "events cannot be handed on to webhook endpoints");
                    sleep(look).await;
                }
            }
        }
    };
    tokio::select! {
        () = turns => {}
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
}
