//! Rate limits of requests: per account for authenticated callers, per address for anonymous ones. Writes,
//! webhooks and images have limits of their own.
use poem::http::{HeaderMap, HeaderValue, header};

use crate::{
    http::{auth::Principal, operation::RateLimitClass, problem::Problem, problem_code::ProblemCode},
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
        caller: Option<&Principal>,
        address: &str,
        class: RateLimitClass,
        now: i64,
    ) -> Result<(), Problem> {
        let user = caller.map(|caller| caller.user.to_string());
        let (policies, key) = policies_for(user.as_deref(), address, class);
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
        user: Option<&str>,
        address: &str,
        class: RateLimitClass,
        now: i64,
    ) {
        let (all, key) = policies_for(user, address, class);
        let (mut policies, mut limits) = (Vec::new(), Vec::new());
        for policy in all {
            let Some(decision) = self.0.peek(policy, key, now) else { return };
            // A client over its limit needs the time until its next request, not until the whole burst is
            // available.
            let seconds =
                if decision.allowed { decision.reset_seconds } else { decision.retry_after_seconds };
            policies.push(format!("\"{}\";q={};w={}", policy.name, policy.quota, policy.window_seconds));
            limits.push(format!("\"{}\";r={};t={seconds}", policy.name, decision.remaining));
        }
        for (name, values) in [("ratelimit-policy", policies), ("ratelimit", limits)] {
            if let Ok(value) = HeaderValue::from_str(&values.join(", ")) {
                headers.insert(name, value);
            }
        }
    }
}

/// Returns the policies that apply to a request, and the key that they count by.
fn policies_for<'a>(
    user: Option<&'a str>,
    address: &'a str,
    class: RateLimitClass,
) -> (&'static [&'static Policy], &'a str) {
    let key = user.unwrap_or(address);
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
