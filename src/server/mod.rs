//! The HTTP server: the steps that every request passes before and after its handler.
//!
//! In order: request id and client address, CORS preflight, redirects, API documentation, dispatch (routing,
//! authentication, rate limits, validation, handler), problem documents for errors, compression, response
//! headers, access log.
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
pub mod limits;
pub mod listener;
mod operation;
mod router;
mod socket;
mod timeouts;

use poem::{
    Body, Request, Response,
    http::{HeaderValue, StatusCode, header},
};
use tracing::Instrument;
use uuid::Uuid;

pub use access_log::ClientAddressLog;
pub use client_address::{Block, ForwardedHeader, Proxies};
pub use credential::{Authenticate, Credential};
pub use dispatch::Dispatcher;
pub use rate_limit::RateLimits;
pub use redirect::{Redirect, RedirectLookup};
pub use response_headers::Cors;

use crate::{
    http::{auth::Principal, extract::Client, problem::Problem, problem_code::ProblemCode},
    infra::clock::Clock,
};
use access_log::AccessLog;
use client_address::ClientAddress;
use dispatch::RequestInfo;
use rate_limit::RequestClass;

/// The request pipeline between the connection and the handlers.
pub struct HttpService {
    pub dispatcher: Dispatcher,
    pub redirects: RedirectLookup,
    pub api_docs: api_docs::ApiDocs,
    pub rate_limits: RateLimits,
    pub cors: Cors,
    pub proxies: Proxies,
    pub clock: Clock,
}

/// Returns the client's `X-Request-Id` if it is 1 to 64 characters of `A-Z a-z 0-9 . _ -`, else a new UUID.
fn request_id(request: &Request) -> String {
    let valid = |id: &&str| {
        (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    request.header("x-request-id").filter(valid).map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

impl HttpService {
    /// Handles one request. Errors become problem documents, so a response is always returned.
    pub async fn respond(&self, request: Request) -> Response {
        let trace = request_id(&request);
        let log = AccessLog::start(trace.clone(), request.method().clone(), request.uri().path().to_owned());
        let peer = request.remote_addr().as_socket_addr().map(|peer| peer.ip());
        let client_address = self.proxies.client_address(peer, request.headers());
        let client = Client {
            address: client_address.address.clone(),
            user_agent: request.header("user-agent").map(|agent| agent.chars().take(300).collect()),
            country: self.proxies.country(peer, request.headers()),
            request_id: trace.clone(),
        };
        let request_headers = request.headers().clone();
        let mut info = RequestInfo::default();
        let response = match self.cors.preflight(&log.method, &request_headers) {
            Some(response) => Ok(response),
            None => {
                let span = tracing::info_span!("request", id = trace);
                self.route(request, client, &mut info).instrument(span).await
            }
        };
        let response = render_errors(response, &trace);
        let response = self.finish(response, &trace, &request_headers, &info, &client_address).await;
        log.completed(&info, response.status());
        response
    }

    async fn route(
        &self,
        request: Request,
        client: Client,
        info: &mut RequestInfo,
    ) -> Result<Response, Problem> {
        let now = self.clock.now();
        if let Some(response) = redirect::respond(&self.redirects, &request, now) {
            return Ok(response);
        }
        if let Some(response) = self.api_docs.respond(&request) {
            return response;
        }
        let address = client.address.clone();
        let check_rate_limit = |caller: Option<&Principal>, class: RequestClass| {
            self.rate_limits.check(caller, &address, class, now)
        };
        self.dispatcher.dispatch(request, client, now, &self.cors.0, info, check_rate_limit).await
    }

    /// Adds the parts of a response that do not depend on the handler: encoding, security headers, rate limit
    /// headers, CORS headers and the request id.
    async fn finish(
        &self,
        response: Response,
        trace: &str,
        request_headers: &header::HeaderMap,
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

/// Returns the 500 of a bug in the service. The response must not reveal its cause.
fn internal_error() -> Problem {
    Problem::new(
        ProblemCode::InternalServerError,
        "internal error: the log has the details under the trace id",
    )
}

/// Renders problems, and replaces an error response without a problem document by a 500.
fn render_errors(response: Result<Response, Problem>, trace: &str) -> Response {
    let mut response = match response {
        Ok(response) => response,
        Err(problem) => return problem.render(trace),
    };
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        return problem.render(trace);
    }
    let status = response.status();
    let is_problem =
        response.headers().get(header::CONTENT_TYPE).is_some_and(|value| value == "application/problem+json");
    if (status.is_client_error() || status.is_server_error()) && !is_problem {
        tracing::error!(id = trace, %status, "an error response has no problem document");
        return internal_error().render(trace);
    }
    if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        response.set_body(Body::empty());
    }
    if status == StatusCode::NO_CONTENT {
        response.headers_mut().remove(header::CONTENT_TYPE);
    }
    response
}

impl listener::Handler for HttpService {
    async fn handle(&self, request: Request) -> Response {
        self.respond(request).await
    }
}
