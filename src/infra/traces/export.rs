//! Exports spans to a collector, in batches.
use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use reqwest::header::{self, HeaderMap, HeaderValue};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};

use super::{TraceMetrics, json::encode, span::FinishedSpan};
use crate::infra::http_client::{HttpClient, Timeouts};

/// Maximum spans of a request.
const BATCH: usize = 512;

/// The time in which spans are collected.
const DELAY: Duration = Duration::from_secs(1);

/// The end of the process does not wait longer for the collector.
pub(super) const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// Limits of a request to the collector.
const TIMEOUTS: Timeouts = Timeouts { total: Duration::from_secs(10), max_body_bytes: 64 << 10 };

pub(super) enum Message {
    Span(Box<FinishedSpan>),
    /// Notified when all earlier spans are exported.
    Flush(oneshot::Sender<()>),
}

/// The receiver of the spans.
pub struct Collector {
    pub client: HttpClient,
    /// The URL of the traces.
    pub url: String,
    pub headers: HeaderMap,
}

impl Collector {
    /// Creates the receiver at a base URL such as `http://127.0.0.1:4318`.
    pub fn new(client: HttpClient, endpoint: &str, mut headers: HeaderMap) -> Self {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let url = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
        Collector { client: HttpClient { timeouts: TIMEOUTS, ..client }, url, headers }
    }

    /// Exports spans until all tracers are dropped.
    pub(super) async fn run(self, mut queue: mpsc::Receiver<Message>, metrics: Arc<TraceMetrics>) {
        let (mut spans, mut is_failing) = (Vec::new(), false);
        while let Some(first) = queue.recv().await {
            let flushed = collect(first, &mut queue, &mut spans).await;
            if !spans.is_empty() {
                let count = spans.len() as u64;
                let sent = self.send(&spans).await;
                spans.clear();
                match &sent {
                    Ok(()) => metrics.exported.add(count),
                    Err(error) if is_failing => tracing::debug!(error, "spans could not be exported again"),
                    Err(error) => {
                        tracing::warn!(
                            error,
                            url = self.url,
                            "spans could not be exported: check otlp_endpoint"
                        );
                    }
                }
                if sent.is_err() {
                    metrics.failed.add(count);
                }
                is_failing = sent.is_err();
            }
            if let Some(flushed) = flushed {
                let _ = flushed.send(());
            }
        }
    }

    async fn send(&self, spans: &[FinishedSpan]) -> Result<(), String> {
        let body = Bytes::from(encode(spans).to_string());
        let response = self.client.post_with(&self.url, self.headers.clone(), body).await;
        match response.map_err(|error| error.to_string())?.status {
            200..300 => Ok(()),
            status => Err(format!("the collector responded with {status}")),
        }
    }
}

/// Adds spans until the batch is full, the delay has passed, or a flush is requested, which is returned.
async fn collect(
    first: Message,
    queue: &mut mpsc::Receiver<Message>,
    spans: &mut Vec<FinishedSpan>,
) -> Option<oneshot::Sender<()>> {
    let deadline = Instant::now() + DELAY;
    let mut next = Some(first);
    while let Some(message) = next {
        match message {
            Message::Span(span) => spans.push(*span),
            Message::Flush(flushed) => return Some(flushed),
        }
        if spans.len() >= BATCH {
            return None;
        }
        next = timeout_at(deadline, queue.recv()).await.ok().flatten();
    }
    None
}
