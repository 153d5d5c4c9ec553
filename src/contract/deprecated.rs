//! Operations that are on their way out say so on every answer (RFC 9745, RFC 8594), and where to go instead.
//! The type writes it into the document; the edge, which also answers in the operation's place, reads it there.
use std::marker::PhantomData;

use poem::{IntoResponse, Response};
use poem_openapi::{
    ApiResponse,
    registry::{MetaResponses, Registry},
};
use serde_json::json;

use super::{answer::bare, time::Timestamp};

/// What an old operation says of its end.
pub trait Schedule: Send + Sync + 'static {
    /// Since when it is deprecated, in milliseconds.
    const DEPRECATED: i64;
    /// When it stops answering, not before `DEPRECATED`.
    const SUNSET: i64;
    /// The address of the page that tells of both.
    const NOTES: &'static str;
    /// The address of what follows it.
    const SUCCESSOR: &'static str;
}

/// The answer of an old operation.
pub struct Deprecated<A, S>(A, PhantomData<fn() -> S>);

impl<A, S> Deprecated<A, S> {
    pub fn new(answer: A) -> Self {
        Deprecated(answer, PhantomData)
    }
}

/// The header whose description carries the words to the document.
pub const CARRIER: &str = "Deprecation";

impl<A: ApiResponse, S: Schedule> ApiResponse for Deprecated<A, S> {
    fn meta() -> MetaResponses {
        let mut meta = A::meta();
        let words = json!({
            "deprecation": format!("@{}", S::DEPRECATED / 1000),
            "sunset": Timestamp(S::SUNSET).http_date(),
            "link": format!(
                "<{notes}>; rel=\"deprecation\"; type=\"text/html\", <{notes}>; rel=\"sunset\"; type=\"text/html\", \
                 <{}>; rel=\"successor-version\"",
                S::SUCCESSOR,
                notes = S::NOTES,
            ),
        });
        let mut carrier = bare(0, &[CARRIER], "").headers;
        carrier.iter_mut().for_each(|header| header.description = Some(words.to_string()));
        if let Some(first) = meta.responses.first_mut() {
            first.headers.extend(carrier);
        }
        meta
    }
    fn register(registry: &mut Registry) {
        A::register(registry);
    }
}

impl<A: IntoResponse, S: Schedule> IntoResponse for Deprecated<A, S> {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}
