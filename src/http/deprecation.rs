//! Deprecated operations: `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and `Link` on every response.
//!
//! The response type writes the values into the OpenAPI document. The server reads them from there, because
//! it also responds for the operation, for example with a 401.
use std::marker::PhantomData;

use poem::{IntoResponse, Response};
use poem_openapi::{
    ApiResponse,
    registry::{MetaResponses, Registry},
};
use serde_json::json;

use super::response::empty_meta;
use crate::domain::timestamp::Timestamp;

/// The deprecation and sunset dates of an operation.
pub trait DeprecationPolicy: Send + Sync + 'static {
    /// When the operation was deprecated, in milliseconds since the Unix epoch.
    const DEPRECATED: i64;
    /// When the operation is removed, in milliseconds since the Unix epoch. Not before `DEPRECATED`.
    const SUNSET: i64;
    /// The URL of the page that documents the deprecation.
    const DOCS_URL: &'static str;
    /// The URL of the successor.
    const SUCCESSOR_URL: &'static str;
}

/// The response of a deprecated operation.
pub struct Deprecated<A, S>(A, PhantomData<fn() -> S>);

impl<A, S> Deprecated<A, S> {
    pub fn new(response: A) -> Self {
        Deprecated(response, PhantomData)
    }
}

/// The response header whose description carries the values, as JSON, to the OpenAPI document.
pub const METADATA_HEADER: &str = "Deprecation";

impl<A: ApiResponse, S: DeprecationPolicy> ApiResponse for Deprecated<A, S> {
    fn meta() -> MetaResponses {
        let mut meta = A::meta();
        let metadata = json!({
            "deprecation": format!("@{}", S::DEPRECATED / 1000),
            "sunset": Timestamp(S::SUNSET).http_date(),
            "link": format!(
                "<{notes}>; rel=\"deprecation\"; type=\"text/html\", <{notes}>; rel=\"sunset\"; type=\"text/html\", \
                 <{}>; rel=\"successor-version\"",
                S::SUCCESSOR_URL,
                notes = S::DOCS_URL,
            ),
        });
        let mut headers = empty_meta(0, &[METADATA_HEADER], "").headers;
        headers.iter_mut().for_each(|header| header.description = Some(metadata.to_string()));
        if let Some(first) = meta.responses.first_mut() {
            first.headers.extend(headers);
        }
        meta
    }
    fn register(registry: &mut Registry) {
        A::register(registry);
    }
}

impl<A: IntoResponse, S: DeprecationPolicy> IntoResponse for Deprecated<A, S> {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}
