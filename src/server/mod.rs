//! The HTTP server: the steps that every request passes before and after its handler.
//!
//! In order: request id and client address, CORS preflight, routing, dispatch to an operation (authentication,
//! rate limits, validation, handler), problem documents for errors, compression, response headers, access log.
//! Paths that match no operation are pages of the API documentation, or are redirected.
mod accept;
mod body_streams;
mod chunked;
mod client_address;
mod compression;
mod content_encoding;
mod credential;
mod dispatch;
mod forwarded;
mod rate_limit;
mod redirect;
pub mod request_body;
mod request_head;
mod response_headers;

mod access_log;
pub mod api_docs;
mod client_limits;
mod exchange;
mod failure;
pub mod limits;
pub mod listener;
mod operation;
mod socket;
mod timeouts;

use std::net::IpAddr;

use poem::{
    Body, Request, Response,
    http::{HeaderMap, HeaderValue, StatusCode, header},
};
use tracing::Instrument;

pub use access_log::ClientAddressLog;
pub use client_address::{Block, ForwardedHeader, Proxies};
pub use credential::{Authenticate, Credential};
pub use dispatch::Dispatcher;
pub use operation::check_request;
pub use rate_limit::RateLimits;
pub use redirect::{Redirect, RedirectLookup};
pub use response_headers::Cors;

use crate::{
    http::{
        auth::Principal, extract::Client, operation::RateLimitClass, problem::Problem,
        problem_code::ProblemCode,
    },
    infra::clock::Clock,
};
use access_log::{AccessLog, RequestId, RequestLine};
use client_address::ClientAddress;
use dispatch::RequestInfo;
use failure::Failure;

/// The request pipeline between the connection and the handlers.
pub struct HttpService {
    pub dispatcher: Dispatcher,
    pub redirects: RedirectLookup,
    pub api_docs: api_docs::ApiDocs,
    pub rate_limits: RateLimits,
    pub cors: Cors,
    pub proxies: Proxies,
    pub log_client_address: ClientAddressLog,
    pub clock: Clock,
}

impl HttpService {
    /// Handles one request. Errors become problem documents, so a response is always returned.
    pub async fn respond(&self, request: Request) -> Response {
        let id = request.extensions().get::<RequestId>().cloned();
        let trace = id.unwrap_or_else(|| RequestId::new(request.headers())).0;
        let peer = request.remote_addr().as_socket_addr().map(|peer| peer.ip());
        let client_address = self.proxies.client_address(peer, request.headers());
        let logged_client = client_address.ip.and_then(|ip| self.log_client_address.format(ip));
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let line = RequestLine::new(trace.clone(), method.clone(), path, logged_client);
        let log = AccessLog::start(line);
        let client = Client {
            address: client_address.address.clone(),
            user_agent: request.header("user-agent").map(|agent| agent.chars().take(300).collect()),
            country: self.proxies.country(peer, request.headers()),
            request_id: trace.clone(),
        };
        let request_headers = request.headers().clone();
        let mut info = RequestInfo::default();
        let response = match self.cors.preflight(&method, &request_headers) {
            Some(response) => Ok(response),
            None => {
                let span = tracing::info_span!("request", id = trace);
                self.route(request, client, &mut info).instrument(span).await
            }
        };
        let (response, failure) = render_errors(response, &trace, &request_headers);
        let response = self.finish(response, &trace, &request_headers, &info, &client_address).await;
        log.completed(&info, response.status(), failure.as_ref());
        response
    }

    async fn route(
        &self,
        request: Request,
        client: Client,
        info: &mut RequestInfo,
    ) -> Result<Response, Problem> {
        let now = self.clock.now();
        let Some(found) = self.dispatcher.find(request.uri().path()) else {
            return self.respond_without_operation(&request, now);
        };
        let address = client.address.clone();
        let check_rate_limit = |caller: Option<&Principal>, class: RateLimitClass| {
            self.rate_limits.check(caller, &address, class, now)
        };
        self.dispatcher.dispatch((found, request), client, now, &self.cors.0, info, check_rate_limit).await
    }

    /// Returns a page of the API documentation or a redirect. They have precedence in this order.
    fn respond_without_operation(&self, request: &Request, now: i64) -> Result<Response, Problem> {
        if let Some(response) = self.api_docs.respond(request) {
            return response;
        }
        if let Some(response) = redirect::respond(&self.redirects, request, now) {
            return Ok(response);
        }
        match request.uri().path() {
            "/" => Ok(api_docs::redirect_to_swagger()),
            _ => Err(Problem::new(ProblemCode::NotFound, "no operation at this path: see /openapi.json")),
        }
    }

    /// Adds the parts of a response that do not depend on the handler: encoding, security headers, rate limit
    /// headers, CORS headers and the request id.
    async fn finish(
        &self,
        response: Response,
        trace: &str,
        request_headers: &HeaderMap,
        info: &RequestInfo,
        client_address: &ClientAddress,
    ) -> Response {
        let mut response = compression::compress(response, request_headers).await;
        let headers = response.headers_mut();
        response_headers::set_security_headers(headers, client_address.https);
        response_headers::set_cache_control(headers, info.credentialed);
        for (name, value) in &info.deprecation_headers {
            headers.append(name, value.clone());
        }
        if info.rate_limited {
            self.rate_limits.set_headers(
                headers,
                info.caller.as_deref(),
                &client_address.address,
                info.class,
                self.clock.now(),
            );
        }
        self.cors.set_headers(request_headers, headers);
        if let Ok(value) = HeaderValue::from_str(trace) {
            headers.insert("x-request-id", value);
        }
        response
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
    trace: &str,
    request_headers: &HeaderMap,
) -> (Response, Option<Failure>) {
    match response.and_then(extract_problem) {
        Ok(response) => (response, None),
        Err(problem) => {
            let failure = Failure::new(&problem, request_headers);
            (problem.render(trace), Some(failure))
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

    fn logged_client(&self, peer: IpAddr, headers: &HeaderMap) -> Option<String> {
        let client = self.proxies.client_address(Some(peer), headers);
        client.ip.and_then(|ip| self.log_client_address.format(ip))
    }
}
