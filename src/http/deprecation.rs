//! Deprecated operations: `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and `Link` on every response.
//!
//! The response type declares the values. The server sends them, because it also responds for the operation,
//! for example with a 401.
use std::marker::PhantomData;

use poem::{IntoResponse, Response};
use poem_openapi::{
    ApiResponse,
    registry::{MetaResponses, Registry},
};

use super::{
    operation::{DeclareResponse, Deprecation, Operation},
    response::UNUSED_META,
};
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

impl<A: DeclareResponse, S: DeprecationPolicy> DeclareResponse for Deprecated<A, S> {
    fn declare(operation: &mut Operation) {
        A::declare(operation);
        operation.deprecation = Some(Deprecation {
            deprecation: format!("@{}", S::DEPRECATED / 1000),
            sunset: Timestamp(S::SUNSET).http_date(),
            link: format!(
                "<{notes}>; rel=\"deprecation\"; type=\"text/html\", <{notes}>; rel=\"sunset\"; type=\"text/html\", \
                 <{}>; rel=\"successor-version\"",
                S::SUCCESSOR_URL,
                notes = S::DOCS_URL,
            ),
        });
    }
}

impl<A: ApiResponse, S: DeprecationPolicy> ApiResponse for Deprecated<A, S> {
    fn meta() -> MetaResponses {
        UNUSED_META
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
