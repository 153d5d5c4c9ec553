//! Redirects of paths that match no operation.
use std::{net::IpAddr, sync::Arc};

use poem::{
    Request, Response,
    http::{HeaderName, HeaderValue, StatusCode, header},
};

use crate::{http::cache_control::add_vary, infra::geoip::Country};

/// The properties of a request that a redirect can depend on.
pub struct RedirectLookupRequest<'a> {
    /// The host of the URL, with its port if the client sent one.
    pub host: Option<&'a str>,
    /// Whether the client uses TLS.
    pub is_https: bool,
    /// The path and the query as received.
    pub path: &'a str,
    pub query: Option<&'a str>,
    pub accept_language: Option<&'a str>,
    /// The country that a trusted proxy has sent.
    pub country: Option<Country>,
    /// The address of the client.
    pub address: Option<IpAddr>,
    /// The time in milliseconds.
    pub now: i64,
}

/// The target of a redirect.
#[derive(Debug)]
pub struct Redirect {
    pub location: String,
    /// 303, 307 or 308.
    pub status: u16,
    /// `max-age` of a permanent redirect, in seconds.
    pub max_age_seconds: i64,
    /// Whether other clients may be redirected to another location: by the languages that they accept, or by
    /// their country.
    pub by_language: bool,
    pub by_country: bool,
}

/// The function that finds the redirect of a request.
pub type RedirectLookup = Arc<dyn Fn(&RedirectLookupRequest<'_>) -> Option<Redirect> + Send + Sync>;

/// Returns the lookup of a request with these facts about its client.
pub fn lookup_request(
    request: &Request,
    (address, is_https): (Option<IpAddr>, bool),
    country: Option<Country>,
    now: i64,
) -> RedirectLookupRequest<'_> {
    let authority = request.uri().authority().map(|authority| authority.as_str());
    RedirectLookupRequest {
        host: authority.or_else(|| request.header(header::HOST)),
        is_https,
        path: request.uri().path(),
        query: request.uri().query(),
        accept_language: request.header(header::ACCEPT_LANGUAGE),
        country,
        address,
        now,
    }
}

/// Returns the redirect response of a request. 307 and 308 preserve method and body (RFC 9110, 15.4.8).
///
/// No shared cache stores a redirect that depends on the country of the client, because no header of the request
/// states it. `country_header` is the header in which a proxy states it to this service.
pub fn respond(
    lookup: &RedirectLookup,
    request: &RedirectLookupRequest<'_>,
    country_header: Option<&HeaderName>,
) -> Option<Response> {
    let redirect = lookup(request)?;
    let location = HeaderValue::from_str(&redirect.location).ok()?;
    let status = StatusCode::from_u16(redirect.status).ok()?;
    let visibility = if redirect.by_country { "private" } else { "public" };
    let cache_control = match status {
        StatusCode::PERMANENT_REDIRECT => format!("{visibility}, max-age={}", redirect.max_age_seconds),
        _ => "no-store".to_owned(),
    };
    let response = Response::builder().status(status).header(header::CACHE_CONTROL, cache_control);
    let mut response = response.header(header::LOCATION, location).finish();
    if redirect.by_language {
        add_vary(response.headers_mut(), "Accept-Language");
    }
    if let Some(name) = country_header.filter(|_| redirect.by_country) {
        add_vary(response.headers_mut(), name.as_str());
    }
    Some(response)
}
