//! The metrics of the services, in the text format of Prometheus.
use std::{sync::Arc, time::Duration};

use tokio::{sync::Mutex, time::timeout};

use super::App;
use crate::{
    domain::result_ext::ResultExt,
    infra::{
        metrics::Exposition,
        queue::{KindDepth, QueueDepth},
        traces::Tracer,
    },
};

/// Time for which the depth of the job queue is cached, in milliseconds.
const DEPTH_CACHE: i64 = 1000;

/// Timeout of the query for the depth of the job queue. Without its result, the metrics of the queue are left out.
const DEPTH_TIMEOUT: Duration = Duration::from_secs(2);

/// The depth of the job queue, and the time of its query.
pub(super) type CachedQueueDepth = Mutex<Option<(i64, Arc<QueueDepth>)>>;

impl App {
    /// Writes the metrics of all services.
    pub async fn write_metrics(&self, out: &mut Exposition) {
        self.db.write_metrics(out);
        self.write_queue_depth(out).await;
        let help = "Open event streams.";
        out.gauge("tenon_event_streams_open", help, self.events.open_streams());
        let (running, waiting) = self.sessions.passwords_load();
        out.gauge("tenon_password_hashes_running", "Password hashes that are being computed.", running);
        out.gauge("tenon_password_hashes_waiting", "Password hashes that wait for a core.", waiting);
        let samples = self.sessions.attempts.0.rejections().map(|(name, count)| ([("policy", name)], count));
        let help = "Attempts to sign in, to refresh, to register and to change a password that exceeded a limit, by policy.";
        out.counters("tenon_attempt_limit_rejections_total", help, samples);
        let help = "Requests that exceeded the bytes of the account per day.";
        out.counter("tenon_daily_write_limit_rejections_total", help, self.daily_writes.rejections());
        self.write_outgoing(out);
        self.write_traces(out);
        let samples = self.sessions.failures.counts().map(|(class, count)| ([("reason", class)], count));
        let help = "Failed authentications, by reason. Of attempts that exceeded a limit, the reason is rate-limited or delayed.";
        out.counters("tenon_auth_failures_total", help, samples);
    }

    /// Writes the number of spans. Without a tracer, there are none.
    fn write_traces(&self, out: &mut Exposition) {
        let Some(metrics) = self.tracer.as_ref().map(Tracer::metrics) else { return };
        let samples = [
            ([("result", "exported")], metrics.exported.get()),
            ([("result", "dropped")], metrics.dropped.get()),
            ([("result", "failed")], metrics.failed.get()),
        ];
        let help = "Spans by result: dropped because the queue was full, failed because of the collector.";
        out.counters("tenon_trace_spans_total", help, samples);
    }

    /// Writes the outgoing requests and the deliveries of webhooks.
    fn write_outgoing(&self, out: &mut Exposition) {
        let clients = [
            &self.rate_fetcher.outgoing,
            &self.stripe_api.http_client,
            &self.upstreams.http_client,
            &self.webhook_endpoints.outgoing,
        ];
        let calls = clients.into_iter().map(|client| &client.calls).chain(&self.trace_calls);
        let samples = calls.flat_map(|calls| {
            let kind = calls.kind.as_str();
            calls.results().map(move |(result, count)| ([("kind", kind), ("result", result)], count))
        });
        let help = "Outgoing HTTP requests, by purpose and result.";
        out.counters("tenon_outgoing_requests_total", help, samples);
        let results = self.webhook_endpoints.deliveries_sent.results();
        let samples = results.iter().map(|(result, count)| ([("result", *result)], count));
        let help = "Attempts to deliver webhooks, by result.";
        out.counters("tenon_webhook_delivery_attempts_total", help, samples);
    }

    async fn write_queue_depth(&self, out: &mut Exposition) {
        let depth = timeout(DEPTH_TIMEOUT, self.queue_depth()).await.ok().flatten();
        let Some(depth) = depth else { return };
        let now = self.clock.now();
        let mut gauge = |name: &str, help: &str, value: &dyn Fn(&KindDepth) -> f64| {
            let samples = depth.iter().map(|(kind, depth)| ([("kind", kind.as_str())], value(depth)));
            out.gauges(name, help, samples);
        };
        let help = "Jobs that wait for their start, a retry or a worker, by kind.";
        gauge("tenon_jobs_waiting", help, &|depth| depth.waiting as f64);
        let help = "Waiting jobs whose start has passed, by kind.";
        gauge("tenon_jobs_due", help, &|depth| depth.due as f64);
        gauge("tenon_jobs_running", "Jobs that a worker runs, by kind.", &|depth| depth.running as f64);
        let help = "Time since the start of the oldest due job, by kind, or 0.";
        gauge("tenon_jobs_oldest_due_age_seconds", help, &|depth| {
            depth.oldest_due.map_or(0.0, |start| (now - start).max(0) as f64 / 1000.0)
        });
    }

    /// Returns the depth of the job queue, with at most one query per second. `None` if the query fails.
    async fn queue_depth(&self) -> Option<Arc<QueueDepth>> {
        let mut cached = self.queue_depth.lock().await;
        let now = self.clock.now();
        // A negative age means that the clock was set back.
        if let Some((at, depth)) = &*cached
            && (0..DEPTH_CACHE).contains(&(now - at))
        {
            return Some(depth.clone());
        }
        let depth = self.db.queue_depth(now).await.ok_or_log("counting the jobs").map(Arc::new)?;
        *cached = Some((now, depth.clone()));
        Some(depth)
    }
}
