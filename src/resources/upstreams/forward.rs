//! A single upstream request: builds it, maps errors and validates the response. Of the caller's headers only
//! the request id is forwarded, and no header of the upstream is returned.
use bytes::Bytes;
use serde_json::value::RawValue;

use super::{
    service::Upstreams,
    types::{UpstreamJson, UpstreamRequest},
};
use crate::{
    config::ConfiguredUpstream,
    http::problem::{Error, Result},
    infra::http_client::{ClientError, Header, HttpResponse},
    schema,
};

const JSON: &str = "application/json";

impl Upstreams {
    /// Sends the request and returns the JSON of the response.
    pub(super) async fn forward(
        &self,
        target: &ConfiguredUpstream,
        request: &UpstreamRequest,
        body: Option<UpstreamJson>,
    ) -> Result<Box<RawValue>> {
        let body = body.map(|body| Bytes::from(String::from(Box::<str>::from(body.0))));
        let headers = request_headers(target, request, body.is_some());
        let response = self.http_client.request(&request_url(target, request), &headers, body).await;
        let response = response.map_err(|error| transport_error(&target.name, &error))?;
        success_json(&target.name, response)
    }
}

fn request_url(target: &ConfiguredUpstream, request: &UpstreamRequest) -> String {
    let query = request.query.query.iter().filter(|query| !query.is_empty());
    let query: String = query.map(|query| format!("?{query}")).collect();
    format!("{}/{}{query}", target.base, request.path)
}

fn request_headers<'a>(
    target: &'a ConfiguredUpstream,
    request: &'a UpstreamRequest,
    body: bool,
) -> Vec<Header<'a>> {
    let mut headers = vec![("accept", JSON), ("x-request-id", request.request_id.as_str())];
    headers.extend(body.then_some(("content-type", JSON)));
    headers.extend(target.authorization.as_ref().map(|secret| ("authorization", secret.expose().as_str())));
    headers
}

/// Maps a transport error to a 502 or a 504. The log has the details; the response names no addresses.
fn transport_error(name: &str, error: &ClientError) -> Error {
    tracing::warn!(upstream = name, cause = %error, "an upstream request failed");
    let problem = match error {
        ClientError::TimedOut(..) => {
            return Error::GatewayTimeout(format!(
                "the upstream {name} did not complete its response in time"
            ));
        }
        ClientError::InvalidHeader(field) => {
            return Error::Internal(format!("the header {field} cannot be sent to the upstream {name}"));
        }
        ClientError::InvalidClient(error) => return Error::Internal(error.to_string()),
        ClientError::PrivateAddress(..) | ClientError::PlaintextUrl | ClientError::InvalidUrl(_) => {
            "has an address that is not allowed"
        }
        ClientError::ResponseTooLarge(..) => "sent a response of more than 1 MiB",
        ClientError::UnexpectedEncoding(_) => "sent a content encoding that was not requested",
        ClientError::InvalidResponse(..) => "sent an incomplete or invalid response",
        ClientError::UnknownHost(_) | ClientError::ConnectionFailed(..) | ClientError::TlsFailed(..) => {
            "cannot be reached"
        }
    };
    Error::BadGateway(format!("the upstream {name} {problem}"))
}

/// Returns the JSON of a response with a success status, and rejects every other response.
fn success_json(name: &str, response: HttpResponse) -> Result<Box<RawValue>> {
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
    let is_valid = schema::parse(&response.body).is_ok();
    let text = String::from_utf8(response.body).ok().filter(|_| is_valid);
    match text.and_then(|text| serde_json::from_str::<Box<RawValue>>(&text).ok()) {
        Some(json) => Ok(json),
        None => reject(" and invalid JSON"),
    }
}
