//! The headers of rate limits (draft-ietf-httpapi-ratelimit-headers).
use std::borrow::Cow;

use poem::http::HeaderName;

use crate::infra::rate_limiter::Policy;

pub const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
pub const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Returns the item of a limit in `RateLimit-Policy`.
pub fn policy(name: &str, quota: u32, window_seconds: u64) -> String {
    format!("\"{name}\";q={quota};w={window_seconds}")
}

/// Returns the items of a rate limit in `RateLimit-Policy`: the average, and the burst if it is smaller. The burst is the limit
/// that rejects a request.
pub fn policies(limit: &Policy) -> String {
    let Policy { name, quota, window_seconds, burst } = *limit;
    let average = policy(name, quota, window_seconds.into());
    match burst < quota {
        // The time in which the whole burst becomes available again.
        true => {
            let seconds = (u64::from(burst) * u64::from(window_seconds)).div_ceil(quota.into());
            format!("{average}, {}", policy(&burst_name(limit), burst, seconds))
        }
        false => average,
    }
}

/// Returns the name of the item of the burst.
pub fn burst_name(limit: &Policy) -> Cow<'static, str> {
    match limit.burst < limit.quota {
        true => format!("{}-burst", limit.name).into(),
        false => limit.name.into(),
    }
}

/// Returns the item of a limit in `RateLimit`.
pub fn limit(name: &str, remaining: u32, seconds: u64) -> String {
    format!("\"{name}\";r={remaining};t={seconds}")
}
