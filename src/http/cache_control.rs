//! `Cache-Control` and `Vary` of responses (RFC 9111, RFC 5861).
use poem::{
    Response,
    http::{HeaderMap, HeaderValue, header},
};

/// The cache policy of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheControl {
    /// Shared caches store it for `s_maxage` seconds, and may serve it stale for `stale_while_revalidate` more
    /// seconds while they revalidate it.
    Shared { s_maxage: u32, stale_while_revalidate: u32 },
    /// A permanent redirect: one hour, so that a mistaken redirect can be corrected. Without a limit,
    /// browsers store it indefinitely.
    PermanentRedirect,
    /// Only the client's own cache stores it, and revalidates it before each use.
    Private,
    /// No cache stores it.
    NoStore,
}

/// The `Cache-Control` of every response to an authenticated caller.
pub const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache");

impl CacheControl {
    /// Public data: shared caches store it for one minute.
    pub const PUBLIC: CacheControl = CacheControl::Shared { s_maxage: 60, stale_while_revalidate: 300 };

    /// Sets `Cache-Control` and `Vary`.
    pub fn apply(self, response: &mut Response) {
        let value = match self {
            CacheControl::Shared { s_maxage: max_age, stale_while_revalidate: stale } => {
                let text = format!("public, s-maxage={max_age}, stale-while-revalidate={stale}");
                HeaderValue::from_str(&text).unwrap_or(PRIVATE)
            }
            CacheControl::PermanentRedirect => HeaderValue::from_static("public, max-age=3600"),
            CacheControl::Private => PRIVATE,
            CacheControl::NoStore => HeaderValue::from_static("no-store"),
        };
        response.headers_mut().insert(header::CACHE_CONTROL, value);
        let vary = HeaderValue::from_static("Accept, Accept-Encoding, Authorization, Cookie");
        response.headers_mut().insert(header::VARY, vary);
    }
}

/// Adds a header name to `Vary`, unless it is already listed.
pub fn add_vary(headers: &mut HeaderMap, name: &str) {
    let known =
        headers.get(header::VARY).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    if known.split(',').any(|part| part.trim().eq_ignore_ascii_case(name)) {
        return;
    }
    let merged = if known.is_empty() { name.to_owned() } else { format!("{known}, {name}") };
    if let Ok(value) = HeaderValue::from_str(&merged) {
        headers.insert(header::VARY, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vary_is_merged() {
        let mut headers = HeaderMap::new();
        for name in ["Accept", "Origin", "accept"] {
            add_vary(&mut headers, name);
        }
        assert_eq!(headers[header::VARY], "Accept, Origin");
    }
}
