//! Rate limits of requests: per account for authenticated callers, per address for anonymous ones. Writes,
//! webhooks and images have limits of their own.

use poem::http::{HeaderMap, HeaderValue, header};
use uuid::Uuid;

use super::client_address::ClientAddress;
use crate::{
    domain::client_key::ClientKey,
    http::{operation::RateLimitClass, problem::Problem, problem_code::ProblemCode, rate_limit_headers},
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

const ALL: [&Policy; 5] = [&ANONYMOUS, &AUTHENTICATED, &IMAGES, &WRITES, &WEBHOOKS];

/// The rate limits of all callers.
pub struct RateLimits(RateLimiter);

impl RateLimits {
    pub fn new(is_enabled: bool) -> Self {
        RateLimits(if is_enabled { RateLimiter::in_memory(&ALL) } else { RateLimiter::Off })
    }

    /// Returns the number of rejected requests by policy.
    pub fn rejections(&self) -> Vec<(&'static str, u64)> {
        self.0.rejections()
    }

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

    /// Sets `RateLimit` and `RateLimit-Policy`.
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
            policies = policies + separator + &rate_limit_headers::policies(policy);
            let name = rate_limit_headers::burst_name(policy);
            limits = limits + separator + &rate_limit_headers::limit(&name, decision.remaining, seconds);
        }
        for (name, mut values) in
            [(rate_limit_headers::POLICY, policies), (rate_limit_headers::LIMIT, limits)]
        {
            // The limit that the operation itself has counted.
            if let Some(Ok(exceeded)) = headers.get(&name).map(HeaderValue::to_str) {
                values = format!("{values}, {exceeded}");
            }
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
        "rate limit {} exceeded ({} requests in {} seconds, bursts of {}): retry in {seconds} s",
        policy.name, policy.quota, policy.window_seconds, policy.burst
    );
    let reason =
        format!("rate limit {}: {} requests in {} seconds", policy.name, policy.quota, policy.window_seconds);
    Problem::new(ProblemCode::TooManyRequests, detail)
        .reason(reason)
        .header(header::RETRY_AFTER, &seconds.max(1).to_string())
}
