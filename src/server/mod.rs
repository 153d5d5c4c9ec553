//! The HTTP server: the steps that every request passes before and after its handler.
//!
//! In order: request id, response cache, CORS preflight, routing, dispatch to an operation (authentication, rate
//! limits, validation, handler), problem documents for errors, compression, response headers, access log.
//! Paths that match no operation are pages of the API documentation, or are redirected.
mod accept;
mod body_streams;
mod cache_hit;
mod chunked;
mod client_address;
mod compression;
mod content_encoding;
mod credential;
mod dispatch;
mod forwarded;
mod metrics_page;
mod rate_limit;
mod redirect;
pub mod request_body;
mod request_head;
mod request_id;
mod request_metrics;
mod request_trace;
mod response_cache;
mod response_headers;

mod access_log;
pub mod api_docs;
mod client_limits;
mod exchange;
mod failure;
pub mod limits;
pub mod listener;
pub mod open_files;
mod operation;
mod socket;
mod timeouts;

use std::{net::IpAddr, time::Instant};

use bytes::Bytes;
use poem::{
    Body, Request, Response,
    http::{HeaderMap, Method, StatusCode, Uri, header},
};
use tracing::Instrument;
use uuid::Uuid;

pub use access_log::{AccessLog, ClientAddressLog, LineWriter, LogFormat, StderrWriter};
pub use client_address::{Block, ForwardedHeader, Proxies, all_addresses};
pub use credential::{Authenticator, Credential};
pub use dispatch::Dispatcher;
pub use metrics_page::{MetricsAccess, MetricsPage};
pub use operation::check_request;
pub use rate_limit::RateLimits;
pub use redirect::{Redirect, RedirectLookup, RedirectLookupRequest};
pub use request_metrics::RequestMetrics;
pub use response_cache::ResponseCache;
pub use response_headers::Cors;

use crate::{
    http::{extract::Client, operation::RateLimitClass, problem::Problem, problem_code::ProblemCode},
    infra::{
        audit_log::Origin,
        clock::Clock,
        traces::{Span, Tracer},
    },
};
use access_log::{PendingRequest, RequestLine};
use cache_hit::CacheRequest;
use client_address::ClientAddress;
use dispatch::RequestInfo;
use failure::Failure;
use limits::Limits;
use request_head::Rejection;
use request_id::{REQUEST_ID, RequestId};
use request_metrics::ConnectionMetrics;
use request_trace::{ResponseFacts, end_span};
use response_cache::Slot;

/// The request pipeline between the connection and the handlers.
pub struct HttpService {
    pub dispatcher: Dispatcher,
    pub redirects: RedirectLookup,
    pub api_docs: api_docs::ApiDocs,
    pub rate_limits: RateLimits,
    pub proxies: Proxies,
    pub access_log: AccessLog,
    pub metrics: RequestMetrics,
    pub metrics_page: MetricsPage,
    /// `None` if traces are off.
    pub tracer: Option<Tracer>,
    pub clock: Clock,
}

/// The parts of a response that depend on the client, but not on the operation.
struct Finish<'a> {
    id: &'a RequestId,
    client: ClientAddress,
    /// The caller and the class of a request that was counted against a rate limit.
    rate_limit: Option<(Option<Uuid>, RateLimitClass)>,
}

impl HttpService {
    /// Returns the limits with a body size that fits the largest form.
    pub fn connection_limits(&self, limits: Limits) -> Limits {
        Limits { body_bytes: limits.body_bytes.max(self.dispatcher.form_limit as u64), ..limits }
    }

    /// Handles one request. Errors become problem documents, so a response is always returned.
    pub async fn respond(&self, request: Request) -> Response {
        let id = request.extensions().get::<RequestId>().copied();
        let id = id.unwrap_or_else(|| RequestId::new(request.headers()));
        let peer = request.remote_addr().as_socket_addr().map(|peer| peer.ip());
        let start = Instant::now();
        let (method, uri, request_headers) =
            (request.method().clone(), request.uri().clone(), request.headers().clone());
        let client_address = self.proxies.client_address(peer, &request_headers);
        let line = RequestLine::new(id, method.clone(), uri.path().to_owned(), client_address.ip);
        let mut pending = PendingRequest::new(&self.access_log, &self.metrics, line);
        let mut info = RequestInfo::default();
        let slot = match self.hit_or_slot(&method, &uri, &request_headers, peer).await {
            Some(Ok(hit)) => {
                let parts = (&method, &uri, &request_headers);
                if let Some(response) = self.respond_with_hit(&hit, parts, peer, &id, start) {
                    pending.discard();
                    let (head, body) = response.into_parts();
                    let mut response = Response::from(body);
                    response.set_status(head.status);
                    *response.headers_mut() = head.headers;
                    return response;
                }
                None
            }
            Some(Err(slot)) => Some(slot),
            None => None,
        };
        let trace = self.begin_span((&method, uri.path(), &request_headers), client_address.ip, &id, start);
        pending.line.trace_id = trace.as_ref().and_then(Span::recorded_trace);
        let response = match self.dispatcher.cors.preflight(&method, &request_headers) {
            Some(response) => Ok(response),
            None => {
                let span = tracing::info_span!("request", id = id.as_str());
                let shown = self.access_log.shown_address(client_address.ip);
                let origin = Origin::request(shown, client_address.key(), id.as_str());
                let origin = match &trace {
                    Some(trace) => origin.with_trace(trace.trace()),
                    None => origin,
                };
                let route = self.route(request, peer, &client_address, &id, &mut info);
                origin.scope(route).instrument(span).await
            }
        };
        let (response, failure) = render_errors(response, &id, &request_headers);
        let target = uri.path_and_query().map_or("", |target| target.as_str());
        let cache_request = CacheRequest { target, headers: &request_headers };
        let mut response = self.finish(response, &cache_request, &mut info, slot).await;
        let rate_limit = info.rate_limited.then_some((info.caller, info.class));
        let finish = Finish { id: &id, client: client_address, rate_limit };
        self.finish_for_client(response.headers_mut(), &request_headers, &finish);
        pending.completed(&info, response.status(), failure.as_ref());
        if let Some(trace) = trace {
            let code = failure.map(|failure| failure.code.as_str());
            let facts = ResponseFacts { route: info.route, status: response.status(), code };
            end_span(trace, &method, &facts);
        }
        response
    }

    async fn route(
        &self,
        request: Request,
        peer: Option<IpAddr>,
        client_address: &ClientAddress,
        id: &RequestId,
        info: &mut RequestInfo,
    ) -> Result<Response, Problem> {
        let now = self.clock.now();
        let Some(found) = self.dispatcher.find(request.uri().path()) else {
            if let Some(page) = self.respond_with_metrics(&request, peer).await {
                return page;
            }
            return self.respond_without_operation(&request, peer, client_address, now, info);
        };
        let client = Client {
            address: client_address.text(),
            user_agent: request.header("user-agent").map(|agent| agent.chars().take(300).collect()),
            country: self.proxies.country(peer, request.headers()),
            request_id: id.as_str().to_owned(),
        };
        let check_rate_limit = |caller: Option<Uuid>, class: RateLimitClass| {
            self.rate_limits.check(caller, client_address, class, self.clock.monotonic())
        };
        self.dispatcher.dispatch((found, request), client, now, info, check_rate_limit).await
    }

    /// Returns a page of the API documentation or a redirect. They have precedence in this order. Pages and missing
    /// resources count against the rate limit of the address. Redirects do not, because they are part of a site.
    fn respond_without_operation(
        &self,
        request: &Request,
        peer: Option<IpAddr>,
        client_address: &ClientAddress,
        now: i64,
        info: &mut RequestInfo,
    ) -> Result<Response, Problem> {
        let page = self.api_docs.respond(request);
        // A redirect must not depend on the right to read the metrics.
        if page.is_none() && request.uri().path() != metrics_page::PATH {
            let client = (client_address.ip, client_address.https);
            let country = self.proxies.country(peer, request.headers());
            let lookup = redirect::lookup_request(request, client, country, now);
            let country_header = self.proxies.country_header.as_ref();
            if let Some(response) = redirect::respond(&self.redirects, &lookup, country_header) {
                return Ok(response);
            }
        }
        info.rate_limited = true;
        self.rate_limits.check(None, client_address, info.class, self.clock.monotonic())?;
        if let Some(page) = page {
            return page;
        }
        match request.uri().path() {
            "/" => Ok(api_docs::redirect_to_swagger()),
            _ => Err(Problem::new(ProblemCode::NotFound, "no operation at this path: see /openapi.json")),
        }
    }

    /// Adds the parts of a response that do not depend on the client, apart from its rights and its encoding: encoding,
    /// security headers and cache policy. Stores the response if it can be cached.
    async fn finish(
        &self,
        response: Response,
        request: &CacheRequest<'_>,
        info: &mut RequestInfo,
        slot: Option<Slot<'_>>,
    ) -> Response {
        let mut response = compression::compress(response, request.headers).await;
        let headers = response.headers_mut();
        let is_public = response_headers::is_public(headers);
        response_headers::set_security_headers(headers);
        response_headers::set_cache_control(headers, info.credentialed);
        for (name, value) in &info.deprecation_headers {
            headers.append(name, value.clone());
        }
        match info.cacheable.take() {
            Some(cacheable) => self.store(response, (request, slot), cacheable, is_public).await,
            None => response,
        }
    }

    /// Adds the headers that depend on the client: rate limits, TLS, CORS and the request id.
    fn finish_for_client(&self, headers: &mut HeaderMap, request_headers: &HeaderMap, finish: &Finish<'_>) {
        if finish.client.https {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, response_headers::ONE_YEAR);
        }
        if let Some((caller, class)) = finish.rate_limit {
            self.rate_limits.set_headers(headers, caller, &finish.client, class, self.clock.monotonic());
        }
        self.dispatcher.cors.set_headers(request_headers, headers);
        headers.insert(REQUEST_ID, finish.id.header_value());
    }
}

/// Returns the 500 of a bug in the service. Only the log contains its cause.
fn internal_error(cause: String) -> Problem {
    Problem::new(
        ProblemCode::InternalServerError,
        "internal error: the log has the details under the trace id",
    )
    .reason(cause)
}

/// Renders problems, and replaces an error response without a problem document by a 500. Returns the response,
/// and the reason of an error for the log.
fn render_errors(
    response: Result<Response, Problem>,
    id: &RequestId,
    request_headers: &HeaderMap,
) -> (Response, Option<Failure>) {
    match response.and_then(extract_problem) {
        Ok(response) => (response, None),
        Err(problem) => {
            let failure = Failure::new(&problem, request_headers);
            (problem.render(id.as_str()), Some(failure))
        }
    }
}

/// Returns the problem of an error response, and removes the body where HTTP allows none.
fn extract_problem(mut response: Response) -> Result<Response, Problem> {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        return Err(problem);
    }
    let status = response.status();
    let is_problem =
        response.headers().get(header::CONTENT_TYPE).is_some_and(|value| value == "application/problem+json");
    if (status.is_client_error() || status.is_server_error()) && !is_problem {
        return Err(internal_error(format!("a response with the status {status} has no problem document")));
    }
    if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        response.set_body(Body::empty());
    }
    if status == StatusCode::NO_CONTENT {
        response.headers_mut().remove(header::CONTENT_TYPE);
    }
    Ok(response)
}

impl listener::Handler for HttpService {
    async fn handle(&self, request: Request) -> Response {
        self.respond(request).await
    }

    fn cached(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        peer: IpAddr,
        id: &RequestId,
    ) -> Option<hyper::Response<Bytes>> {
        self.cached_response(method, uri, headers, Some(peer), id)
    }

    fn client_ip(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        self.proxies.client_address(Some(peer), headers).ip
    }

    fn log_rejected(&self, line: &RequestLine, rejection: &Rejection) {
        let request = line.request();
        self.metrics.handled(None, rejection.code.status(), request.elapsed);
        self.access_log.rejected(&request, rejection);
    }

    fn is_probe(&self, path: &str) -> bool {
        path == metrics_page::PATH || self.dispatcher.is_probe(path)
    }

    fn connections(&self) -> Option<&ConnectionMetrics> {
        Some(&self.metrics.connections)
    }
}
