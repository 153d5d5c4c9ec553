//! A single upstream request: builds it, maps errors and validates the response. Of the caller's headers only
//! the request id is forwarded, and no header of the upstream is returned.
use bytes::Bytes;
use serde_json::value::RawValue;

use super::{
    service::Upstreams,
    types::{Destination, UpstreamJson, UpstreamRequest},
};
use crate::{
    contract::{
        check,
        problem::{Error, Result},
    },
    ports::outgoing::{Answer, Field, Refused},
};

const JSON: &str = "application/json";

impl Upstreams {
    /// Sends the request and returns the JSON of the response.
    pub(super) async fn forward(
        &self,
        target: &Destination,
        request: &UpstreamRequest,
        body: Option<UpstreamJson>,
    ) -> Result<Box<RawValue>> {
        let body = body.map(|body| Bytes::from(String::from(Box::<str>::from(body.0))));
        let headers = request_headers(target, request, body.is_some());
        let response = self.outgoing.request(&request_url(target, request), &headers, body).await;
        let response = response.map_err(|error| transport_error(&target.name, &error))?;
        success_json(&target.name, response)
    }
}

fn request_url(target: &Destination, request: &UpstreamRequest) -> String {
    let query = request.query.query.iter().filter(|query| !query.is_empty());
    let query: String = query.map(|query| format!("?{query}")).collect();
    format!("{}/{}{query}", target.base, request.path)
}

fn request_headers<'a>(target: &'a Destination, request: &'a UpstreamRequest, body: bool) -> Vec<Field<'a>> {
    let mut headers = vec![("accept", JSON), ("x-request-id", request.request_id.as_str())];
    headers.extend(body.then_some(("content-type", JSON)));
    headers.extend(target.authorization.as_ref().map(|secret| ("authorization", secret.expose().as_str())));
    headers
}

/// Maps a transport error to a 502 or a 504. The log has the details; the response names no addresses.
fn transport_error(name: &str, error: &Refused) -> Error {
    tracing::warn!(upstream = name, cause = %error, "an upstream request failed");
    let problem = match error {
        Refused::Slow(..) => {
            return Error::GatewayTimeout(format!(
                "the upstream {name} did not complete its response in time"
            ));
        }
        Refused::Field(field) => {
            return Error::Internal(format!("the header {field} cannot be sent to the upstream {name}"));
        }
        Refused::Private(..) | Refused::Open | Refused::Url(_) => "has an address that is not allowed",
        Refused::Long(..) => "sent a response of more than 1 MiB",
        Refused::Encoded(_) => "sent a content encoding that was not requested",
        Refused::Broken(..) => "sent an incomplete or invalid response",
        Refused::Unknown(_) | Refused::Closed(..) | Refused::Tls(..) => "cannot be reached",
    };
    Error::BadGateway(format!("the upstream {name} {problem}"))
}

/// Returns the JSON of a response with a success status, and rejects every other response.
fn success_json(name: &str, response: Answer) -> Result<Box<RawValue>> {
    let status = response.status;
    let reject = |problem: &str| {
        Err(Error::BadGateway(format!("the upstream {name} responded with {status}{problem}")))
    };
    if !(200..300).contains(&status) {
        return reject("");
    }
    if response.body.is_empty() {
        return reject(" and an empty body");
    }
    if response.content_type != JSON {
        return reject(" and a media type other than application/json");
    }
    // The strict parser rejects duplicate keys and other JSON that clients could interpret differently.
    let is_valid = check::parse(&response.body).is_ok();
    let text = String::from_utf8(response.body).ok().filter(|_| is_valid);
    match text.and_then(|text| serde_json::from_str::<Box<RawValue>>(&text).ok()) {
        Some(json) => Ok(json),
        None => reject(" and invalid JSON"),
    }
}
