//! Paths that lead elsewhere: asked for every request, before anybody looks what there is at its path.
use std::sync::Arc;

use poem::{
    Request, Response,
    http::{HeaderValue, StatusCode, header},
};

/// Where a path leads.
#[derive(Debug)]
pub struct Elsewhere {
    pub location: String,
    pub permanent: bool,
    /// For how many seconds a permanent one may be kept.
    pub keep: i64,
}

/// How the edge learns where a path leads at a moment: path and query as they were sent.
pub type Signpost = Arc<dyn Fn(&str, Option<&str>, i64) -> Option<Elsewhere> + Send + Sync>;

/// The redirect of a request, if its path has one. Method and body stay as they are (RFC 9110, 15.4.8).
pub fn answer(signpost: &Signpost, request: &Request, now: i64) -> Option<Response> {
    let Elsewhere { location, permanent, keep } = signpost(request.uri().path(), request.uri().query(), now)?;
    let location = HeaderValue::from_str(&location).ok()?;
    let (status, kept) = match permanent {
        true => (StatusCode::PERMANENT_REDIRECT, format!("public, max-age={keep}")),
        false => (StatusCode::TEMPORARY_REDIRECT, "no-store".to_owned()),
    };
    let response = Response::builder().status(status).header(header::CACHE_CONTROL, kept);
    Some(response.header(header::LOCATION, location).finish())
}
