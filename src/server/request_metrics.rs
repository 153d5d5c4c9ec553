//! The metrics of requests and connections.
//!
//! Each operation has its own counters, which are created at the start, so that an update needs no lookup. A response
//! from the cache costs two atomic additions: its bucket and the sum of the durations. The other numbers are sums of the
//! buckets.
use std::time::Duration;

use poem::http::StatusCode;

use crate::infra::metrics::{Counter, Distribution, Exposition, Gauge, Histogram, InProgress, Unit};

/// Upper bounds of the time until a response, in nanoseconds: 1 millisecond to 10 seconds.
const BOUNDS: [u64; 12] = [
    1_000_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
];

/// The classes of statuses. No response has a status below 200.
const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// The operation of requests that match none.
const NO_OPERATION: &str = "none";

type Durations = Histogram<13>;

/// The responses of an operation, by the class of their status.
struct OperationMetrics {
    handled: [Durations; CLASSES.len()],
    /// The responses from the cache, which are a 200 or a 304.
    hits: [Durations; 2],
}

impl OperationMetrics {
    fn new() -> Self {
        let durations = || Durations::new(&BOUNDS);
        OperationMetrics { handled: [(); 4].map(|()| durations()), hits: [(); 2].map(|()| durations()) }
    }

    /// Returns the classes that occurred, with the time of their responses.
    fn by_class(&self) -> impl Iterator<Item = (&'static str, Distribution)> {
        CLASSES.iter().enumerate().filter_map(|(class, name)| {
            let handled = self.handled[class].snapshot();
            let all = match self.hits.get(class) {
                Some(hits) => handled.merged(&hits.snapshot()),
                None => handled,
            };
            (all.count() > 0).then_some((*name, all))
        })
    }

    fn hits(&self) -> u64 {
        self.hits.iter().map(|hits| hits.snapshot().count()).sum()
    }
}

/// The connections of clients.
#[derive(Default)]
pub struct ConnectionMetrics {
    pub open: Gauge,
    pub accepted: Counter,
    pub rejected: Counter,
}

/// The metrics of all requests and connections of a server.
pub struct RequestMetrics {
    /// The ids of the operations by their numbers, and [`NO_OPERATION`] at the end.
    names: Box<[&'static str]>,
    operations: Box<[OperationMetrics]>,
    in_flight: Gauge,
    pub cancelled: Counter,
    pub connections: ConnectionMetrics,
}

/// A request that is being handled.
pub struct InFlight<'a> {
    pub metrics: &'a RequestMetrics,
    _in_progress: InProgress<'a>,
}

fn class(status: StatusCode, classes: usize) -> usize {
    usize::from(status.as_u16() / 100).saturating_sub(2).min(classes - 1)
}

impl RequestMetrics {
    /// Creates the metrics of the operations with these ids.
    pub fn new(ids: &[&'static str]) -> Self {
        let names: Box<[_]> = ids.iter().copied().chain([NO_OPERATION]).collect();
        RequestMetrics {
            operations: names.iter().map(|_| OperationMetrics::new()).collect(),
            names,
            in_flight: Gauge::default(),
            cancelled: Counter::new(),
            connections: ConnectionMetrics::default(),
        }
    }

    /// Counts a request that is being handled.
    pub fn begin(&self) -> InFlight<'_> {
        InFlight { metrics: self, _in_progress: self.in_flight.enter() }
    }

    /// Counts a response from the cache.
    pub fn hit(&self, number: usize, status: StatusCode, elapsed: Duration) {
        let hits = &self.operations[number].hits;
        hits[class(status, hits.len())].observe_duration(elapsed);
    }

    /// Counts another response; `number` is `None` if no operation matches.
    pub fn handled(&self, number: Option<usize>, status: StatusCode, elapsed: Duration) {
        let handled = &self.operations[number.unwrap_or(self.operations.len() - 1)].handled;
        handled[class(status, handled.len())].observe_duration(elapsed);
    }

    /// Returns the number of responses from the cache.
    pub fn hits(&self) -> u64 {
        self.operations.iter().map(OperationMetrics::hits).sum()
    }

    /// Writes the metrics of all operations that had a request.
    pub fn write(&self, out: &mut Exposition) {
        let used: Vec<([(&'static str, &str); 2], Distribution)> = self
            .names
            .iter()
            .zip(&self.operations)
            .flat_map(|(name, operation)| {
                operation
                    .by_class()
                    .map(move |(class, durations)| ([("operation", *name), ("status", class)], durations))
            })
            .collect();
        let help = "Responses by operation id and class of the status.";
        let counts = used.iter().map(|(labels, durations)| (labels, durations.count()));
        out.counters("tenon_http_requests_total", help, counts);
        let help = "Time from the complete request head to the response head.";
        out.histograms("tenon_http_request_duration_seconds", help, Unit::Seconds, used);
        let help = "Requests without a response: the client disconnected or the handler timed out.";
        out.counter("tenon_http_requests_cancelled_total", help, self.cancelled.get());
        let help = "Requests that are being handled, without those that the response cache serves.";
        out.gauge("tenon_http_requests_in_flight", help, self.in_flight.get());
        let ConnectionMetrics { open, accepted, rejected } = &self.connections;
        out.gauge("tenon_http_connections_open", "Open connections of clients.", open.get());
        out.counter("tenon_http_connections_accepted_total", "Accepted connections.", accepted.get());
        let help = "Connections that were closed because the client has too many.";
        out.counter("tenon_http_connections_rejected_total", help, rejected.get());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_hits_and_handled_responses_together() {
        let metrics = RequestMetrics::new(&["a", "b"]);
        let elapsed = Duration::from_millis(2);
        metrics.hit(1, StatusCode::OK, elapsed);
        metrics.hit(1, StatusCode::NOT_MODIFIED, elapsed);
        metrics.handled(Some(1), StatusCode::OK, elapsed);
        metrics.handled(None, StatusCode::NOT_FOUND, elapsed);
        let mut out = Exposition::default();
        metrics.write(&mut out);
        let text = out.into_text();
        for line in [
            "tenon_http_requests_total{operation=\"b\",status=\"2xx\"} 2\n",
            "tenon_http_requests_total{operation=\"b\",status=\"3xx\"} 1\n",
            "tenon_http_requests_total{operation=\"none\",status=\"4xx\"} 1\n",
            "tenon_http_request_duration_seconds_bucket{operation=\"b\",status=\"2xx\",le=\"0.001\"} 0\n",
            "tenon_http_request_duration_seconds_bucket{operation=\"b\",status=\"2xx\",le=\"0.005\"} 2\n",
            "tenon_http_request_duration_seconds_sum{operation=\"b\",status=\"2xx\"} 0.004\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
        assert!(!text.contains("operation=\"a\""), "{text}");
        assert_eq!(metrics.hits(), 2);
    }
}
