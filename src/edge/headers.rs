//! The header fields of every answer: who may frame, read and share it, and the origins that browsers may
//! call from (Fetch).
use poem::{
    Response,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
};

use crate::contract::cache::{PRIVATE, vary};

const API_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; base-uri 'none'; sandbox");

/// What all answers carry, whoever made them.
pub fn secure(headers: &mut HeaderMap, https: bool) {
    for (name, value) in
        [(header::X_CONTENT_TYPE_OPTIONS, "nosniff"), (header::REFERRER_POLICY, "no-referrer")]
    {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Pictures are for the pages of other sites too.
    let resource = HeaderName::from_static("cross-origin-resource-policy");
    headers.entry(resource).or_insert(HeaderValue::from_static("same-origin"));
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(API_POLICY);
    if https {
        let year = HeaderValue::from_static("max-age=31536000; includeSubDomains");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
}

/// An answer to a known caller is never shared, and one that says nothing is not kept.
pub fn restrain(headers: &mut HeaderMap, credentialed: bool) {
    let public =
        headers.get(header::CACHE_CONTROL).is_some_and(|value| value.as_bytes().starts_with(b"public"));
    if public && credentialed {
        headers.insert(header::CACHE_CONTROL, PRIVATE);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// The origins that browsers may call from; none by default.
#[derive(Debug, Clone, Default)]
pub struct Cors(pub Vec<String>);

const EXPOSED: &str = "ETag, Link, Location, Last-Modified, Retry-After, RateLimit, RateLimit-Policy, \
                       X-Request-Id, Idempotent-Replayed, Preference-Applied, Allow, Content-Disposition, \
                       Deprecation, Sunset, Accept-Ranges, Content-Range";
const TAKEN: &str = "Authorization, Content-Type, If-Match, If-None-Match, If-Range, Range, Idempotency-Key, Prefer, X-Request-Id";

impl Cors {
    fn origin<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        let text = origin.to_str().ok()?;
        self.0.iter().any(|allowed| allowed == text).then_some(origin)
    }

    /// The answer to a preflight, if the request is one from a listed origin.
    pub fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<Response> {
        if *method != Method::OPTIONS || !headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
            return None;
        }
        self.origin(headers)?;
        Some(
            Response::builder()
                .status(StatusCode::NO_CONTENT)
                .header(header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST, PUT, PATCH, DELETE")
                .header(header::ACCESS_CONTROL_ALLOW_HEADERS, TAKEN)
                .header(header::ACCESS_CONTROL_MAX_AGE, "600")
                .header(header::CACHE_CONTROL, "no-store")
                .finish(),
        )
    }

    /// Marks an answer for the origin that asked.
    pub fn mark(&self, asked: &HeaderMap, headers: &mut HeaderMap) {
        if self.0.is_empty() {
            return;
        }
        vary(headers, "Origin");
        let Some(origin) = self.origin(asked) else { return };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_origins_are_marked() {
        let cors = Cors(vec!["https://www.acme.test".into()]);
        for (origin, marked) in
            [("https://www.acme.test", true), ("https://evil.test", false), ("null", false)]
        {
            let mut asked = HeaderMap::new();
            asked.insert(header::ORIGIN, origin.parse().unwrap_or_else(|_| panic!("{origin}")));
            let mut headers = HeaderMap::new();
            cors.mark(&asked, &mut headers);
            assert_eq!(headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN), marked, "{origin}");
        }
    }
}
