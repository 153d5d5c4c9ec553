//! The headers of rate limits (draft-ietf-httpapi-ratelimit-headers).
use poem::http::HeaderName;

pub const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
pub const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Returns the item of a limit in `RateLimit-Policy`.
pub fn policy(name: &str, quota: u32, window_seconds: u64) -> String {
    format!("\"{name}\";q={quota};w={window_seconds}")
}

/// Returns the item of a limit in `RateLimit`.
pub fn limit(name: &str, remaining: u32, seconds: u64) -> String {
    format!("\"{name}\";r={remaining};t={seconds}")
}
