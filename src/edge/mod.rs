//! What every request passes before and after its operation, in this order: its id and the client's
//! address, preflights, paths that lead elsewhere, the gate with the operation behind it, failures as problems, header fields,
//! compression, and a line in the log.
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
use address::Sender;
use budget::Kind;
use gate::Passed;
use line::Line;

/// Everything between the connection and the operations.
pub struct Edge {
    pub gate: Gate,
    pub signpost: Signpost,
    pub site: site::Site,
    pub budgets: Budgets,
    pub cors: Cors,
    pub proxies: Proxies,
    pub clock: Clock,
}

/// The request's id: the client's own, if it is a plain word, else a new one.
fn request_id(request: &Request) -> String {
    let plain = |id: &&str| {
        (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    request.header("x-request-id").filter(plain).map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

impl Edge {
    /// Answers one request, whatever it is.
    pub async fn answer(&self, request: Request) -> Response {
        let trace = request_id(&request);
        let line = Line::begin(trace.clone(), request.method().clone(), request.uri().path().to_owned());
        let peer = request.remote_addr().as_socket_addr().map(|peer| peer.ip());
        let sender = self.proxies.sender(peer, request.headers());
        let client = Client {
            address: sender.address.clone(),
            agent: request.header("user-agent").map(|agent| agent.chars().take(300).collect()),
            country: self.proxies.country(peer, request.headers()),
            trace: trace.clone(),
        };
        let asked = request.headers().clone();
        let mut passed = Passed::default();
        let response = match self.cors.preflight(&line.method, &asked) {
            Some(response) => Ok(response),
            None => {
                let span = tracing::info_span!("request", id = trace);
                self.dispatch(request, client, &mut passed).instrument(span).await
            }
        };
        let response = settle(response, &trace);
        let response = self.finish(response, &trace, &asked, &passed, &sender).await;
        line.answered(&passed, response.status());
        response
    }

    async fn dispatch(
        &self,
        request: Request,
        client: Client,
        passed: &mut Passed,
    ) -> Result<Response, Problem> {
        let now = self.clock.now();
        if let Some(answer) = elsewhere::answer(&self.signpost, &request, now) {
            return Ok(answer);
        }
        if let Some(answer) = self.site.answer(&request) {
            return answer;
        }
        let address = client.address.clone();
        let budget = |caller: Option<&Principal>, kind: Kind| self.budgets.take(caller, &address, kind, now);
        self.gate.answer(request, client, now, &self.cors.0, passed, budget).await
    }

    async fn finish(
        &self,
        response: Response,
        trace: &str,
        asked: &header::HeaderMap,
        passed: &Passed,
        sender: &Sender,
    ) -> Response {
        let mut response = compression::compress(response, asked).await;
        let headers = response.headers_mut();
        headers::secure(headers, sender.https);
        headers::restrain(headers, passed.credentialed);
        for (name, value) in &passed.ending {
            headers.append(name, value.clone());
        }
        if passed.limited {
            self.budgets.mark(
                headers,
                passed.caller.as_deref(),
                &sender.address,
                passed.kind,
                self.clock.now(),
            );
        }
        self.cors.mark(asked, headers);
        if let Ok(value) = HeaderValue::from_str(trace) {
            headers.insert("x-request-id", value);
        }
        response
    }
}

/// A problem gets its bytes here, and whatever else failed becomes one.
fn settle(response: Result<Response, Problem>, trace: &str) -> Response {
    let mut response = match response {
        Ok(response) => response,
        Err(problem) => return problem.render(trace),
    };
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        return problem.render(trace);
    }
    let status = response.status();
    let ours =
        response.headers().get(header::CONTENT_TYPE).is_some_and(|value| value == "application/problem+json");
    if (status.is_client_error() || status.is_server_error()) && !ours {
        tracing::error!(id = trace, %status, "an answer left without a problem");
        return Problem::new(Code::Internal, "the service failed; the trace names the log line")
            .render(trace);
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
