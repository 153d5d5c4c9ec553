//! Who may keep a copy of an answer, and for how long (RFC 9111, RFC 5861).
use poem::{
    Response,
    http::{HeaderMap, HeaderValue, header},
};

/// The caching of a representation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cache {
    /// Shared caches keep it for `max_age` seconds, and serve it stale for `stale` more while they ask.
    Shared { max_age: u32, stale: u32 },
    /// That something is elsewhere for good: an hour, so that a mistake can be taken back. Browsers would else keep it
    /// for ever.
    Moved,
    /// Only the caller keeps it, and asks before each use.
    Private,
    /// Nobody keeps it.
    None,
}

/// What the answer to a known caller says, whatever it would have said to others.
pub const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache");

impl Cache {
    /// What everybody may read and everybody's caches may keep for a minute.
    pub const PUBLIC: Cache = Cache::Shared { max_age: 60, stale: 300 };

    pub fn mark(self, response: &mut Response) {
        let value = match self {
            Cache::Shared { max_age, stale } => {
                let text = format!("public, s-maxage={max_age}, stale-while-revalidate={stale}");
                HeaderValue::from_str(&text).unwrap_or(PRIVATE)
            }
            Cache::Moved => HeaderValue::from_static("public, max-age=3600"),
            Cache::Private => PRIVATE,
            Cache::None => HeaderValue::from_static("no-store"),
        };
        response.headers_mut().insert(header::CACHE_CONTROL, value);
        let vary = HeaderValue::from_static("Accept, Accept-Encoding, Authorization, Cookie");
        response.headers_mut().insert(header::VARY, vary);
    }
}

/// Adds a name to `Vary` and keeps what is there.
pub fn vary(headers: &mut HeaderMap, name: &str) {
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
            vary(&mut headers, name);
        }
        assert_eq!(headers[header::VARY], "Accept, Origin");
    }
}
