//! The exact list of statuses that an operation's service may raise, written in the operation's signature.
use std::marker::PhantomData;

use poem::{IntoResponse, Response};
use poem_openapi::{
    ApiResponse,
    registry::{MetaResponse, MetaResponses, Registry},
};

use super::problem::{Error, Problem};

/// The statuses an operation's service may raise; what the gate refuses is added by rule.
pub trait Reasons: Send + Sync + 'static {
    fn statuses() -> Vec<u16>;
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])* $name:ident = $status:literal),* $(,)?) => {$(
        $(#[doc = $doc])*
        pub struct $name;
        impl Reasons for $name {
            fn statuses() -> Vec<u16> { vec![$status] }
        }
    )*};
}

reasons! {
    /// What only the service can see is wrong with the input.
    Invalid = 400,
    /// The credential in the request is not valid.
    Unauthorized = 401,
    /// The caller may read this, but not change it.
    Forbidden = 403,
    /// There is no such resource, or the caller may not know of it.
    NotFound = 404,
    /// A unique value is taken, or the state does not allow it.
    Conflict = 409,
    /// The resource has changed since the client read it, or must be named by its version.
    Stale = 412,
    /// The body came too slowly.
    Slow = 408,
    /// The body, or a part of it, is larger than it may be.
    TooLarge = 413,
    /// The body, or a part of it, is of a type that is not taken.
    Untaken = 415,
    /// There is nothing at the range that was asked for.
    Nowhere = 416,
    /// The service insists on `If-Match`.
    Unconditional = 428,
    /// An Idempotency-Key was used again for something else.
    Reused = 422,
    /// Too many tries.
    Throttled = 429,
    /// Somebody else that was asked gave nothing that can be handed on.
    BadGateway = 502,
    /// Somebody else that was asked took too long.
    GatewayTimeout = 504,
}

/// Nothing but what the gate refuses.
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

/// Changing one's own: there, one's own, and the version one means.
pub type Owned = (NotFound, Forbidden, Stale, Unconditional);
/// Making something once: no unique value taken, no key used for something else.
pub type Once = (Conflict, Reused);

/// Asking somebody else.
pub type Asking = (BadGateway, GatewayTimeout);

/// Reading a body as it comes.
pub type Receiving = (Invalid, Slow, TooLarge, Untaken);

/// An [`Error`] on its way out of an operation that declared the reasons `R`.
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
        debug_assert!(declared, "{status} is not in this operation's contract: {}", fault.0);
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
