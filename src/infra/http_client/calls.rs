//! The metrics and the spans of outgoing requests.
use reqwest::{
    Method,
    header::{HeaderName, HeaderValue},
};

use super::{ClientError, HttpResponse, OutgoingRequest};
use crate::infra::{
    audit_log::Origin,
    metrics::Counter,
    traces::{Span, SpanKind},
};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The purpose of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallKind {
    /// The server that the command `tenon health` checks.
    Health,
    /// The source of exchange rates.
    Rates,
    /// The API of Stripe.
    Stripe,
    Upstream,
    /// The collector of traces.
    Traces,
    /// Webhook endpoints of other services.
    Webhook,
}

impl CallKind {
    pub fn as_str(self) -> &'static str {
        match self {
            CallKind::Health => "health",
            CallKind::Rates => "rates",
            CallKind::Stripe => "stripe",
            CallKind::Upstream => "upstream",
            CallKind::Traces => "traces",
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

    /// Starts the span of a request, if the task has a current span.
    pub(super) fn begin_span(&self, method: &Method) -> Option<Span> {
        let name = if *method == Method::POST { "POST" } else { "GET" };
        let mut span = Origin::current().trace()?.child(name, SpanKind::Client);
        span.set("http.request.method", name);
        span.set("tenon.purpose", self.kind.as_str());
        Some(span)
    }

    /// Adds the headers with the current span. The source of exchange rates and Stripe do not get them: they are other companies.
    pub(super) fn add_trace_headers(
        &self,
        mut outgoing: OutgoingRequest,
        span: Option<&Span>,
    ) -> OutgoingRequest {
        let Some(span) = span.filter(|_| matches!(self.kind, CallKind::Upstream | CallKind::Webhook)) else {
            return outgoing;
        };
        let context = span.context();
        if let Ok(value) = HeaderValue::from_str(&context.to_string()) {
            outgoing.headers.insert(TRACEPARENT, value);
        }
        if let Some(Ok(value)) = context.state.as_deref().map(HeaderValue::from_str) {
            outgoing.headers.insert(TRACESTATE, value);
        }
        outgoing
    }

    /// Counts the result of a request and ends its span.
    pub(super) fn record(&self, result: &Result<HttpResponse, ClientError>, host: &str, span: Option<Span>) {
        let name = self.count(result);
        let Some(mut span) = span.filter(Span::is_recorded) else { return };
        span.set("server.address", host.to_owned());
        match result {
            Ok(response) => {
                span.set("http.response.status_code", response.status);
                if response.status >= 400 {
                    span.fail(name);
                }
            }
            Err(_) => span.fail(name),
        }
    }

    fn count(&self, result: &Result<HttpResponse, ClientError>) -> &'static str {
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
        name
    }

    /// Returns the number of requests by result.
    pub fn results(&self) -> impl Iterator<Item = (&'static str, u64)> {
        RESULTS.into_iter().zip(&self.counts).map(|(result, count)| (result, count.get()))
    }
}
