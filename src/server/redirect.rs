//! Redirects of paths that match no operation.
use std::sync::Arc;

use poem::{
    Request, Response,
    http::{HeaderValue, StatusCode, header},
};

/// The target of a redirect.
#[derive(Debug)]
pub struct Redirect {
    pub location: String,
    pub permanent: bool,
    /// `max-age` of a permanent redirect, in seconds.
    pub max_age_seconds: i64,
}

/// The function that finds the redirect of a path and query (as received) at a time in milliseconds.
pub type RedirectLookup = Arc<dyn Fn(&str, Option<&str>, i64) -> Option<Redirect> + Send + Sync>;

/// Returns the redirect response of a request. 307 and 308 preserve method and body (RFC 9110, 15.4.8).
pub fn respond(signpost: &RedirectLookup, request: &Request, now: i64) -> Option<Response> {
    let Redirect { location, permanent, max_age_seconds: keep } =
        signpost(request.uri().path(), request.uri().query(), now)?;
    let location = HeaderValue::from_str(&location).ok()?;
    let (status, cache_control) = match permanent {
        true => (StatusCode::PERMANENT_REDIRECT, format!("public, max-age={keep}")),
        false => (StatusCode::TEMPORARY_REDIRECT, "no-store".to_owned()),
    };
    let response = Response::builder().status(status).header(header::CACHE_CONTROL, cache_control);
    Some(response.header(header::LOCATION, location).finish())
}
