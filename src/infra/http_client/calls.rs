//! The metrics of outgoing requests.
use super::{ClientError, HttpResponse};
use crate::infra::metrics::Counter;

/// The purpose of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallKind {
    /// The source of exchange rates.
    Rates,
    Upstream,
    /// Webhook endpoints of other services.
    Webhook,
}

impl CallKind {
    pub fn as_str(self) -> &'static str {
        match self {
            CallKind::Rates => "rates",
            CallKind::Upstream => "upstream",
            CallKind::Webhook => "webhook",
        }
    }
}

const RESULTS: [&str; 7] = ["2xx", "3xx", "4xx", "5xx", "timeout", "rejected", "failed"];

/// The number of requests of a client, by result.
#[derive(Debug)]
pub struct CallMetrics {
    pub kind: CallKind,
    counts: [Counter; RESULTS.len()],
}

impl CallMetrics {
    pub fn new(kind: CallKind) -> Self {
        CallMetrics { kind, counts: [const { Counter::new() }; RESULTS.len()] }
    }

    pub(super) fn record(&self, result: &Result<HttpResponse, ClientError>) {
        let name = match result {
            Ok(response) => match response.status {
                ..300 => "2xx",
                300..400 => "3xx",
                400..500 => "4xx",
                500.. => "5xx",
            },
            Err(ClientError::TimedOut(..)) => "timeout",
            Err(
                ClientError::InvalidUrl(_)
                | ClientError::PlaintextUrl
                | ClientError::PrivateAddress(..)
                | ClientError::InvalidHeader(_),
            ) => "rejected",
            Err(_) => "failed",
        };
        if let Some(count) = RESULTS.iter().position(|result| *result == name) {
            self.counts[count].increment();
        }
    }

    /// Returns the number of requests by result.
    pub fn results(&self) -> impl Iterator<Item = (&'static str, u64)> {
        RESULTS.into_iter().zip(&self.counts).map(|(result, count)| (result, count.get()))
    }
}
