//! Traces in the format of OpenTelemetry, exported with OTLP over HTTP.
//!
//! The current span belongs to the [`Origin`] of the task, which units of work on other threads
//! inherit. Without a tracer there is no span, no header and no task.
mod context;
mod export;
mod json;
mod span;
mod statements;

use std::{
    fmt,
    future::Future,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::{mpsc, oneshot};

pub use context::SpanContext;
pub use export::Collector;
pub use span::{Attribute, Span, SpanKind, Trace};
pub use statements::observe_statements;

use super::{audit_log::Origin, metrics::Counter};
use export::{FLUSH_TIMEOUT, Message};
use span::FinishedSpan;

/// Maximum spans that are not exported yet. Further spans are dropped and counted.
const QUEUE: usize = 4096;

/// Creates spans and exports them. Clones share the queue.
#[derive(Clone)]
pub struct Tracer(Arc<Inner>);

struct Inner {
    queue: mpsc::Sender<Message>,
    /// A trace is sampled if its keyed hash is below this number; `None` samples all.
    threshold: Option<u64>,
    hasher: RandomState,
    next: AtomicU64,
    metrics: Arc<TraceMetrics>,
}

/// The number of spans by their end.
#[derive(Debug, Default)]
pub struct TraceMetrics {
    pub exported: Counter,
    /// The queue was full.
    pub dropped: Counter,
    /// The collector did not accept them.
    pub failed: Counter,
}

/// The queue contains attributes of requests, so it is not printed.
impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tracer")
    }
}

impl Tracer {
    /// Starts the task that exports spans. `ratio` is the part of the traces that are sampled, from 0 to 1.
    pub fn start(collector: Collector, ratio: f64) -> Self {
        let (tracer, receiver) = Tracer::with_queue(QUEUE, ratio);
        tokio::spawn(collector.run(receiver, tracer.0.metrics.clone()));
        tracer
    }

    fn with_queue(capacity: usize, ratio: f64) -> (Self, mpsc::Receiver<Message>) {
        let (queue, receiver) = mpsc::channel(capacity);
        // The conversion saturates.
        let threshold = (ratio < 1.0).then(|| (ratio * 2f64.powi(64)) as u64);
        let (hasher, next, metrics) = (RandomState::new(), AtomicU64::new(0), Arc::default());
        (Tracer(Arc::new(Inner { queue, threshold, hasher, next, metrics })), receiver)
    }

    /// Starts the first span of this process in a trace: below the span of the caller, or the root of a new trace.
    ///
    /// The trace of a caller is recorded if its flag `sampled` is set and its id is within the ratio. The hash of the id
    /// is keyed, so that clients cannot choose an id that is always recorded.
    pub fn begin(
        &self,
        caller: Option<SpanContext>,
        name: impl Into<std::borrow::Cow<'static, str>>,
        kind: SpanKind,
    ) -> Span {
        let trace_id = match &caller {
            Some(caller) => caller.trace_id,
            None => u128::from(self.random()) << 64 | u128::from(self.new_span_id()),
        };
        let is_selected = caller.as_ref().is_none_or(|caller| caller.sampled);
        let sampled = is_selected && self.is_within_ratio(trace_id);
        let (parent, state) = caller.map_or((None, None), |caller| (Some(caller.span_id), caller.state));
        let context = SpanContext { trace_id, span_id: self.new_span_id(), sampled, state };
        Span::start(self.clone(), context, parent, name.into(), kind)
    }

    fn is_within_ratio(&self, trace_id: u128) -> bool {
        self.0.threshold.is_none_or(|threshold| self.0.hasher.hash_one(trace_id) < threshold)
    }

    /// Returns a number that no one else can predict.
    fn random(&self) -> u64 {
        self.0.hasher.hash_one(self.0.next.fetch_add(1, Ordering::Relaxed))
    }

    fn new_span_id(&self) -> u64 {
        self.random().max(1)
    }

    /// Queues a span for the export. Never waits.
    fn finish(&self, span: FinishedSpan) {
        if self.0.queue.try_send(Message::Span(Box::new(span))).is_err() {
            self.0.metrics.dropped.increment();
        }
    }

    /// Exports all spans that have ended. Gives up after five seconds.
    pub async fn flush(&self) {
        let flush = async {
            let (sender, flushed) = oneshot::channel();
            if self.0.queue.send(Message::Flush(sender)).await.is_ok() {
                let _ = flushed.await;
            }
        };
        if tokio::time::timeout(FLUSH_TIMEOUT, flush).await.is_err() {
            tracing::warn!("the last spans were not exported in time");
        }
    }

    pub fn metrics(&self) -> &TraceMetrics {
        &self.0.metrics
    }
}

/// Runs a future in a span below the current one, if there is one.
pub async fn in_span<F: Future>(name: &'static str, kind: SpanKind, future: F) -> F::Output {
    let origin = Origin::current();
    match origin.trace().map(|trace| trace.child(name, kind)) {
        None => future.await,
        Some(span) => Box::pin(origin.with_trace(span.trace()).scope(future)).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn sampled(ratio: f64, flags: &str) -> usize {
        let (tracer, _receiver) = Tracer::with_queue(1, ratio);
        let caller = |number: u32| {
            SpanContext::parse(&format!("00-{:032x}-00f067aa0ba902b7-{flags}", number + 1), None)
        };
        let begin = |number| tracer.begin(caller(number), "a", SpanKind::Server);
        (0..2000).filter(|number| begin(*number).is_recorded()).count()
    }

    #[test]
    fn records_sampled_traces_within_the_ratio() {
        assert_eq!((sampled(1.0, "01"), sampled(1.0, "00"), sampled(0.0, "01")), (2000, 0, 0));
        // The standard deviation is 19.
        assert!((300..=500).contains(&sampled(0.2, "01")));
    }

    #[test]
    fn decides_once_for_all_requests_of_a_trace() {
        let (tracer, _receiver) = Tracer::with_queue(1, 0.5);
        let begin = || tracer.begin(SpanContext::parse(CALLER, None), "a", SpanKind::Server).is_recorded();
        let first = begin();
        assert!((0..100).all(|_| begin() == first));
    }

    #[test]
    fn a_full_queue_drops_and_counts_spans() {
        let (tracer, mut receiver) = Tracer::with_queue(3, 1.0);
        for _ in 0..10 {
            drop(tracer.begin(None, "a", SpanKind::Server));
        }
        assert_eq!(tracer.metrics().dropped.get(), 7);
        let mut names = Vec::new();
        while let Ok(Message::Span(span)) = receiver.try_recv() {
            names.push(span.name);
        }
        assert_eq!(names, ["a", "a", "a"]);
    }

    #[test]
    fn ids_are_unique_and_descend_from_the_caller() {
        let (tracer, _receiver) = Tracer::with_queue(1, 1.0);
        let caller = SpanContext::parse(CALLER, Some("a=b")).expect("valid");
        let span = tracer.begin(Some(caller.clone()), "a", SpanKind::Server);
        let child = span.trace().child("b", SpanKind::Client);
        assert_eq!(child.context().trace_id, caller.trace_id);
        assert_eq!(child.context().state.as_deref(), Some("a=b"));
        let ids: std::collections::HashSet<u64> =
            [caller.span_id, span.context().span_id, child.context().span_id].into();
        assert_eq!(ids.len(), 3);
        let root = |()| tracer.begin(None, "a", SpanKind::Server).context().trace_id;
        assert_ne!(root(()), root(()));
    }
}
