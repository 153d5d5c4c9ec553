//! Headers of every response: content security, caching, and CORS (Fetch standard).
use poem::{
    Response,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
};

use crate::{
    domain::origin::AllowedOrigin,
    http::cache_control::{PRIVATE, add_vary},
};

const API_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; base-uri 'none'; sandbox");

/// Sets the security headers that do not depend on the client.
pub fn set_security_headers(headers: &mut HeaderMap) {
    for (name, value) in
        [(header::X_CONTENT_TYPE_OPTIONS, "nosniff"), (header::REFERRER_POLICY, "no-referrer")]
    {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Images set their own policy, because other sites embed them.
    let policy_header = HeaderName::from_static("cross-origin-resource-policy");
    headers.entry(policy_header).or_insert(HeaderValue::from_static("same-origin"));
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(API_POLICY);
    // Separates a page from the windows that it opens or is opened by.
    if headers.get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"text/html")) {
        let policy_header = HeaderName::from_static("cross-origin-opener-policy");
        headers.insert(policy_header, HeaderValue::from_static("same-origin"));
    }
}

/// `Strict-Transport-Security` of responses over TLS: one year.
pub const ONE_YEAR: HeaderValue = HeaderValue::from_static("max-age=31536000; includeSubDomains");

/// Returns whether shared caches may store the response.
pub fn is_public(headers: &HeaderMap) -> bool {
    headers.get(header::CACHE_CONTROL).is_some_and(|value| value.as_bytes().starts_with(b"public"))
}

/// Makes responses to authenticated requests private, and forbids caching where a response sets no policy.
pub fn set_cache_control(headers: &mut HeaderMap, credentialed: bool) {
    if is_public(headers) && credentialed {
        headers.insert(header::CACHE_CONTROL, PRIVATE);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// The origins that browsers may send cross-origin requests from; empty by default.
#[derive(Debug, Clone, Default)]
pub struct Cors(pub Vec<AllowedOrigin>);

const EXPOSED_HEADERS: &str = "ETag, Link, Location, Last-Modified, Retry-After, RateLimit, RateLimit-Policy, \
                       X-Request-Id, Idempotent-Replayed, Preference-Applied, Allow, Content-Disposition, \
                       Deprecation, Sunset, Accept-Ranges, Content-Range";
const ALLOWED_HEADERS: &str = "Authorization, Baggage, Cache-Control, Content-Type, Idempotency-Key, If-Match, \
                       If-None-Match, If-Range, Last-Event-ID, Prefer, Range, Traceparent, Tracestate, X-Request-Id, \
                       X-Requested-With";

impl Cors {
    fn origin<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        let text = origin.to_str().ok()?;
        self.0.iter().any(|allowed| allowed.matches(text)).then_some(origin)
    }

    /// Returns the response to a CORS preflight from an allowed origin.
    pub fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<Response> {
        if *method != Method::OPTIONS || !headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
            return None;
        }
        self.origin(headers)?;
        Some(
            Response::builder()
                .status(StatusCode::NO_CONTENT)
                .header(header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST, PUT, PATCH, DELETE")
                .header(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS)
                .header(header::ACCESS_CONTROL_MAX_AGE, "600")
                .header(header::CACHE_CONTROL, "no-store")
                .finish(),
        )
    }

    /// Adds the CORS headers for the origin of the request, unless the response is readable by all origins.
    pub fn set_headers(&self, request_headers: &HeaderMap, headers: &mut HeaderMap) {
        if self.0.is_empty() || headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
            return;
        }
        add_vary(headers, "Origin");
        let Some(origin) = self.origin(request_headers) else { return };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preflight_allows_the_headers_that_browsers_and_libraries_send() {
        let cors = Cors(vec![AllowedOrigin::Exact("https://www.acme.test".into())]);
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, HeaderValue::from_static("https://www.acme.test"));
        headers.insert(header::ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("GET"));
        let response = cors.preflight(&Method::OPTIONS, &headers).expect("a preflight");
        let allowed =
            response.header(header::ACCESS_CONTROL_ALLOW_HEADERS).unwrap_or_default().to_ascii_lowercase();
        for name in [
            "authorization",
            "content-type",
            "idempotency-key",
            "if-match",
            "last-event-id",
            "cache-control",
            "x-requested-with",
            "traceparent",
            "tracestate",
            "baggage",
        ] {
            assert!(allowed.split(", ").any(|other| other == name), "{name}: {allowed}");
        }
    }

    #[test]
    fn allows_listed_origins_only() {
        let cors = Cors(vec![AllowedOrigin::Exact("https://www.acme.test".into())]);
        for (origin, allowed) in
            [("https://www.acme.test", true), ("https://evil.test", false), ("null", false)]
        {
            let mut request_headers = HeaderMap::new();
            request_headers.insert(header::ORIGIN, origin.parse().unwrap_or_else(|_| panic!("{origin}")));
            let mut headers = HeaderMap::new();
            cors.set_headers(&request_headers, &mut headers);
            assert_eq!(headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN), allowed, "{origin}");
        }
    }

    #[test]
    fn responses_for_all_origins_do_not_depend_on_the_origin() {
        let cors = Cors(vec![AllowedOrigin::Exact("https://www.acme.test".into())]);
        let request_headers =
            HeaderMap::from_iter([(header::ORIGIN, HeaderValue::from_static("https://www.acme.test"))]);
        let mut headers =
            HeaderMap::from_iter([(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"))]);
        cors.set_headers(&request_headers, &mut headers);
        assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert!(!headers.contains_key(header::VARY));
    }
}
