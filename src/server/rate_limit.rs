//! Rate limits of requests: per account for authenticated callers, per address for anonymous ones. Writes,
//! webhooks and images have limits of their own.
use std::fmt::Write;

use poem::http::{HeaderMap, HeaderName, HeaderValue, header};
use uuid::Uuid;

use super::client_address::ClientAddress;
use crate::{
    domain::client_key::ClientKey,
    http::{operation::RateLimitClass, problem::Problem, problem_code::ProblemCode},
    infra::rate_limiter::{Policy, RateLimiter},
};

const ANONYMOUS: Policy = Policy { name: "anonymous", quota: 300, window_seconds: 60, burst: 60 };
const AUTHENTICATED: Policy = Policy { name: "user", quota: 600, window_seconds: 60, burst: 100 };
/// One page shows dozens of images, and browsers cache them.
const IMAGES: Policy = Policy { name: "images", quota: 3000, window_seconds: 60, burst: 600 };
const WRITES: Policy = Policy { name: "writes", quota: 60, window_seconds: 60, burst: 60 };
/// Per address, because a provider sends many webhooks from few addresses. Senders without a secret must not
/// consume the limit of a provider.
const WEBHOOKS: Policy = Policy { name: "webhooks", quota: 600, window_seconds: 60, burst: 200 };

const POLICY_HEADER: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT_HEADER: HeaderName = HeaderName::from_static("ratelimit");

/// The rate limits of all callers.
pub struct RateLimits(pub RateLimiter);

impl RateLimits {
    /// Counts one request against the caller's limits.
    ///
    /// # Errors
    ///
    /// 429 with `Retry-After` if a limit is exceeded.
    pub fn check(
        &self,
        user: Option<Uuid>,
        address: &ClientAddress,
        class: RateLimitClass,
        now: i64,
    ) -> Result<(), Problem> {
        if self.0.is_off() {
            return Ok(());
        }
        let (policies, key) = policies_for(user, address, class);
        for policy in policies {
            let decision = self.0.try_acquire(policy, key, now);
            if !decision.allowed {
                return Err(too_many_requests(policy, decision.retry_after_seconds));
            }
        }
        Ok(())
    }

    /// Sets `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers).
    pub fn set_headers(
        &self,
        headers: &mut HeaderMap,
        user: Option<Uuid>,
        address: &ClientAddress,
        class: RateLimitClass,
        now: i64,
    ) {
        if self.0.is_off() {
            return;
        }
        let (all, key) = policies_for(user, address, class);
        let (mut policies, mut limits) = (String::new(), String::new());
        for policy in all {
            let Some(decision) = self.0.peek(policy, key, now) else { return };
            // A client over its limit needs the time until its next request, not until the whole burst is
            // available.
            let seconds =
                if decision.allowed { decision.reset_seconds } else { decision.retry_after_seconds };
            let separator = if policies.is_empty() { "" } else { ", " };
            let Policy { name, quota, window_seconds: window, .. } = policy;
            let _ = write!(policies, "{separator}\"{name}\";q={quota};w={window}");
            let _ = write!(limits, "{separator}\"{name}\";r={};t={seconds}", decision.remaining);
        }
        for (name, values) in [(POLICY_HEADER, policies), (LIMIT_HEADER, limits)] {
            // Without a copy of the text.
            if let Ok(value) = HeaderValue::try_from(values) {
                headers.insert(name, value);
            }
        }
    }
}

/// Returns the policies that apply to a request, and the key that they count by.
fn policies_for(
    user: Option<Uuid>,
    address: &ClientAddress,
    class: RateLimitClass,
) -> (&'static [&'static Policy], ClientKey) {
    let address = address.key();
    let key = user.map_or(address, ClientKey::Account);
    match (class, user) {
        (RateLimitClass::Read, Some(_)) => (&[&AUTHENTICATED], key),
        (RateLimitClass::Read, None) => (&[&ANONYMOUS], key),
        (RateLimitClass::Write, Some(_)) => (&[&AUTHENTICATED, &WRITES], key),
        (RateLimitClass::Write, None) => (&[&ANONYMOUS, &WRITES], key),
        (RateLimitClass::Webhook, _) => (&[&WEBHOOKS], address),
        (RateLimitClass::Image, _) => (&[&IMAGES], address),
    }
}

fn too_many_requests(policy: &Policy, seconds: u64) -> Problem {
    let detail = format!(
        "rate limit exceeded ({} requests in {} seconds, bursts of {}): retry in {seconds} s",
        policy.quota, policy.window_seconds, policy.burst
    );
    let reason =
        format!("rate limit {}: {} requests in {} seconds", policy.name, policy.quota, policy.window_seconds);
    Problem::new(ProblemCode::TooManyRequests, detail)
        .reason(reason)
        .header(header::RETRY_AFTER, &seconds.max(1).to_string())
}
