//! The HTTP server: the steps that every request passes before and after its handler.
//!
//! In order: request id and client address, CORS preflight, redirects, API documentation, dispatch (routing,
//! authentication, rate limits, validation, handler), problem documents for errors, compression, response
//! headers, access log.
mod accept;
mod address;
pub mod body;
mod budget;
mod chunked;
mod coding;
mod compression;
mod connection;
mod credential;
mod elsewhere;
mod forwarded;
mod gate;
mod head;
mod headers;

pub mod limits;
mod line;
mod operation;
mod pulse;
mod request;
mod router;
pub mod server;
mod shares;
pub mod site;
mod socket;

use poem::{
    Body, Request, Response,
    http::{HeaderValue, StatusCode, header},
};
use tracing::Instrument;
use uuid::Uuid;

pub use address::Proxies;
pub use budget::Budgets;
pub use credential::{Authenticate, Credential};
pub use elsewhere::{Elsewhere, Signpost};
pub use gate::Gate;
pub use headers::Cors;

use crate::{
    contract::{caller::Principal, code::Code, problem::Problem, request::Client},
    ports::clock::Clock,
};
use address::ClientAddress;
use budget::RequestClass;
use gate::Passed;
use line::Line;

/// The request pipeline between the connection and the handlers.
pub struct Edge {
    pub gate: Gate,
    pub signpost: Signpost,
    pub site: site::Site,
    pub budgets: Budgets,
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

impl Edge {
    /// Handles one request. Errors become problem documents, so a response is always returned.
    pub async fn answer(&self, request: Request) -> Response {
        let trace = request_id(&request);
        let log = Line::start(trace.clone(), request.method().clone(), request.uri().path().to_owned());
        let peer = request.remote_addr().as_socket_addr().map(|peer| peer.ip());
        let client_address = self.proxies.client_address(peer, request.headers());
        let client = Client {
            address: client_address.address.clone(),
            agent: request.header("user-agent").map(|agent| agent.chars().take(300).collect()),
            country: self.proxies.country(peer, request.headers()),
            trace: trace.clone(),
        };
        let request_headers = request.headers().clone();
        let mut info = Passed::default();
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

    async fn route(&self, request: Request, client: Client, info: &mut Passed) -> Result<Response, Problem> {
        let now = self.clock.now();
        if let Some(response) = elsewhere::respond(&self.signpost, &request, now) {
            return Ok(response);
        }
        if let Some(response) = self.site.respond(&request) {
            return response;
        }
        let address = client.address.clone();
        let check_rate_limit = |caller: Option<&Principal>, class: RequestClass| {
            self.budgets.check(caller, &address, class, now)
        };
        self.gate.dispatch(request, client, now, &self.cors.0, info, check_rate_limit).await
    }

    /// Adds the parts of a response that do not depend on the handler: encoding, security headers, rate limit
    /// headers, CORS headers and the request id.
    async fn finish(
        &self,
        response: Response,
        trace: &str,
        request_headers: &header::HeaderMap,
        info: &Passed,
        client_address: &ClientAddress,
    ) -> Response {
        let mut response = compression::compress(response, request_headers).await;
        let headers = response.headers_mut();
        headers::set_security_headers(headers, client_address.https);
        headers::set_cache_control(headers, info.credentialed);
        for (name, value) in &info.deprecation_headers {
            headers.append(name, value.clone());
        }
        if info.rate_limited {
            self.budgets.set_headers(
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
    Problem::new(Code::Internal, "internal error: the log has the details under the trace id")
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

impl server::Handler for Edge {
    async fn handle(&self, request: Request) -> Response {
        self.answer(request).await
    }
}
