//! The span of a request, with the attributes of the semantic conventions of OpenTelemetry for HTTP.
use std::{net::IpAddr, time::Instant};

use poem::http::{HeaderMap, Method, StatusCode};

use super::{HttpService, listener::Handler, request_id::RequestId};
use crate::infra::traces::{Span, SpanContext, SpanKind};

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// The methods of RFC 9110 and PATCH. The name of another one could be any text.
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];

/// Returns the span of the caller, if the request has one valid `traceparent`.
fn caller(headers: &HeaderMap) -> Option<SpanContext> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let (Some(parent), None) = (values.next(), values.next()) else { return None };
    // A list in several headers is one list (RFC 9110, section 5.3).
    let states = headers.get_all(TRACESTATE).iter().map(|state| state.to_str());
    let states = states.collect::<Result<Vec<_>, _>>().ok().filter(|states| !states.is_empty());
    SpanContext::parse(parent.to_str().ok()?, states.map(|states| states.join(",")).as_deref())
}

fn known_method(method: &Method) -> &'static str {
    METHODS.into_iter().find(|known| *known == method.as_str()).unwrap_or("_OTHER")
}

/// The facts about a response for its span.
pub struct ResponseFacts {
    /// The path template of the operation.
    pub route: Option<&'static str>,
    pub status: StatusCode,
    /// The problem code of an error.
    pub code: Option<&'static str>,
}

impl HttpService {
    /// Starts the span of a request that began at `start`; `None` without a tracer. Health probes and reads of the metrics,
    /// which are frequent and all alike, have no span.
    pub(super) fn begin_span(
        &self,
        (method, path, headers): (&Method, &str, &HeaderMap),
        client: Option<IpAddr>,
        id: &RequestId,
        start: Instant,
    ) -> Option<Span> {
        let tracer = self.tracer.as_ref().filter(|_| !self.is_probe(path))?;
        let name = known_method(method);
        let mut span = tracer.begin(caller(headers), name, SpanKind::Server);
        if span.is_recorded() {
            span.started_at(start);
            span.set("http.request.method", name);
            // Without the query, which may contain tokens and personal data.
            span.set("url.path", path.to_owned());
            span.set("url.scheme", "http");
            span.set("tenon.request_id", id.as_str().to_owned());
            if let Some(address) = self.access_log.shown_address(client) {
                span.set("client.address", address);
            }
        }
        Some(span)
    }
}

/// Adds the response to the span and ends it.
pub fn end_span(mut span: Span, method: &Method, facts: &ResponseFacts) {
    if !span.is_recorded() {
        return;
    }
    if let Some(route) = facts.route {
        span.set_name(format!("{} {route}", known_method(method)));
        span.set("http.route", route);
    }
    span.set("http.response.status_code", facts.status.as_u16());
    if facts.status.is_server_error() {
        span.fail(facts.code.unwrap_or("internal-server-error"));
    }
}
