//! The error statuses of an operation, declared in its signature and checked at run time.
use std::marker::PhantomData;

use poem::{IntoResponse, Response};
use poem_openapi::{
    ApiResponse,
    registry::{MetaResponse, MetaResponses, Registry},
};

use super::problem::{Error, Problem};

/// The error statuses that a service may return. The statuses of request validation are added by the
/// generator of the OpenAPI document.
pub trait Reasons: Send + Sync + 'static {
    fn statuses() -> Vec<u16>;
}

macro_rules! statuses {
    ($($(#[doc = $doc:literal])* $name:ident = $status:literal),* $(,)?) => {$(
        $(#[doc = $doc])*
        pub struct $name;
        impl Reasons for $name {
            fn statuses() -> Vec<u16> { vec![$status] }
        }
    )*};
}

statuses! {
    /// The input violates a rule that the schema cannot express.
    Invalid = 400,
    /// The credential in the request is invalid.
    Unauthorized = 401,
    /// The caller may read the resource, but not change it.
    Forbidden = 403,
    /// The resource does not exist, or the caller may not see it.
    NotFound = 404,
    /// A unique value already exists, or the state of the resource does not allow the operation.
    Conflict = 409,
    /// A precondition failed: the resource changed since the client read it.
    Stale = 412,
    /// The body was received too slowly.
    Slow = 408,
    /// The body, or a part of it, exceeds a size limit.
    TooLarge = 413,
    /// The body, or a part of it, has an unsupported media type.
    Untaken = 415,
    /// The requested range selects no byte.
    Nowhere = 416,
    /// `If-Match` is required.
    Unconditional = 428,
    /// The `Idempotency-Key` was used for another request.
    Reused = 422,
    /// Too many attempts.
    Throttled = 429,
    /// An upstream did not return a usable response.
    BadGateway = 502,
    /// An upstream did not respond in time.
    GatewayTimeout = 504,
}

/// No status other than those of request validation.
impl Reasons for () {
    fn statuses() -> Vec<u16> {
        Vec::new()
    }
}

macro_rules! tuples {
    ($(($($t:ident),+)),+) => {$(
        impl<$($t: Reasons),+> Reasons for ($($t,)+) {
            fn statuses() -> Vec<u16> { [$($t::statuses()),+].concat() }
        }
    )+};
}
tuples!((A), (A, B), (A, B, C), (A, B, C, D), (A, B, C, D, E), (A, B, C, D, E, F));

/// The errors of updating a resource that its owner may change.
pub type Owned = (NotFound, Forbidden, Stale, Unconditional);
/// The errors of creating a resource with an `Idempotency-Key`.
pub type Once = (Conflict, Reused);

/// The errors of calling an upstream.
pub type Asking = (BadGateway, GatewayTimeout);

/// The errors of reading a streamed body.
pub type Receiving = (Invalid, Slow, TooLarge, Untaken);

/// An [`Error`] of an operation that declared the statuses `R`. An undeclared status becomes a 500, and a
/// panic in debug builds.
#[derive(Debug)]
pub struct Fault<R>(Error, PhantomData<R>);

impl<R: Reasons> From<Error> for Fault<R> {
    fn from(error: Error) -> Self {
        Fault(error, PhantomData)
    }
}

impl<R: Reasons> From<Fault<R>> for poem::Error {
    fn from(fault: Fault<R>) -> Self {
        let status = fault.0.code().status();
        let declared = status.is_server_error() || R::statuses().contains(&status.as_u16());
        debug_assert!(declared, "{status} is not declared by this operation: {}", fault.0);
        let problem = match declared {
            true => Problem::from(fault.0),
            false => Problem::from(Error::Internal(format!("undeclared {status}: {}", fault.0))),
        };
        problem.into()
    }
}

impl<R: Reasons> IntoResponse for Fault<R> {
    fn into_response(self) -> Response {
        poem::Error::from(self).into_response()
    }
}

impl<R: Reasons> ApiResponse for Fault<R> {
    fn meta() -> MetaResponses {
        let mut statuses = R::statuses();
        statuses.sort_unstable();
        statuses.dedup();
        let response = |status| MetaResponse {
            description: "",
            status: Some(status),
            status_range: None,
            content: vec![],
            headers: vec![],
        };
        MetaResponses { responses: statuses.into_iter().map(response).collect() }
    }

    fn register(_: &mut Registry) {}
}
