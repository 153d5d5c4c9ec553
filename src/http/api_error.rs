//! The error statuses of an operation, declared in its signature and checked at run time.
use std::marker::PhantomData;

use poem::{IntoResponse, Response};
use poem_openapi::{
    ApiResponse,
    registry::{MetaResponses, Registry},
};

use super::{
    operation::{DeclareResponse, Operation},
    problem::{Error, Problem},
    response::UNUSED_META,
};

/// The error statuses that a service may return. The statuses of request validation are added by
/// [`Operation::complete`].
pub trait Statuses: Send + Sync + 'static {
    fn statuses() -> Vec<u16>;
}

macro_rules! statuses {
    ($($(#[doc = $doc:literal])* $name:ident = $status:literal),* $(,)?) => {$(
        $(#[doc = $doc])*
        pub struct $name;
        impl Statuses for $name {
            fn statuses() -> Vec<u16> { vec![$status] }
        }
    )*};
}

statuses! {
    /// The input violates a rule that the schema cannot express.
    BadRequest = 400,
    /// The credential in the request is invalid.
    Unauthorized = 401,
    /// The caller may read the resource, but not change it.
    Forbidden = 403,
    /// The resource does not exist, or the caller may not see it.
    NotFound = 404,
    /// A unique value already exists, or the state of the resource does not allow the operation.
    Conflict = 409,
    /// A precondition failed: the resource changed since the client read it.
    PreconditionFailed = 412,
    /// The body was received too slowly.
    RequestTimeout = 408,
    /// The body, or a part of it, exceeds a size limit.
    PayloadTooLarge = 413,
    /// The body, or a part of it, has an unsupported media type.
    UnsupportedMediaType = 415,
    /// The requested range selects no byte.
    RangeNotSatisfiable = 416,
    /// `If-Match` is required.
    PreconditionRequired = 428,
    /// The `Idempotency-Key` was used for another request.
    IdempotencyConflict = 422,
    /// Too many attempts.
    TooManyRequests = 429,
    /// An upstream did not return a usable response.
    BadGateway = 502,
    /// An upstream did not respond in time.
    GatewayTimeout = 504,
}

/// No status other than those of request validation.
impl Statuses for () {
    fn statuses() -> Vec<u16> {
        Vec::new()
    }
}

macro_rules! tuples {
    ($(($($t:ident),+)),+) => {$(
        impl<$($t: Statuses),+> Statuses for ($($t,)+) {
            fn statuses() -> Vec<u16> { [$($t::statuses()),+].concat() }
        }
    )+};
}
tuples!((A), (A, B), (A, B, C), (A, B, C, D), (A, B, C, D, E), (A, B, C, D, E, F));

/// The errors of updating a resource that its owner may change.
pub type UpdateErrors = (NotFound, Forbidden, PreconditionFailed, PreconditionRequired);
/// The errors of creating a resource with an `Idempotency-Key`.
pub type CreateErrors = (Conflict, IdempotencyConflict);

/// The errors of calling an upstream.
pub type UpstreamErrors = (BadGateway, GatewayTimeout);

/// The errors of reading a streamed body.
pub type UploadErrors = (BadRequest, RequestTimeout, PayloadTooLarge, UnsupportedMediaType);

/// An [`Error`] of an operation that declared the statuses `R`. An undeclared status becomes a 500, and a
/// panic in debug builds.
#[derive(Debug)]
pub struct ApiError<R>(Error, PhantomData<R>);

impl<R: Statuses> From<Error> for ApiError<R> {
    fn from(error: Error) -> Self {
        ApiError(error, PhantomData)
    }
}

impl<R: Statuses> From<ApiError<R>> for poem::Error {
    fn from(fault: ApiError<R>) -> Self {
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

impl<R: Statuses> IntoResponse for ApiError<R> {
    fn into_response(self) -> Response {
        poem::Error::from(self).into_response()
    }
}

impl<R: Statuses> DeclareResponse for ApiError<R> {
    fn declare(operation: &mut Operation) {
        operation.errors.extend(R::statuses());
    }
}

impl<R: Statuses> ApiResponse for ApiError<R> {
    fn meta() -> MetaResponses {
        UNUSED_META
    }

    fn register(_: &mut Registry) {}
}
