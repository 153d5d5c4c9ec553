//! How many requests a caller may send: known callers by account, others by address, writes and pictures apart.
use poem::http::{HeaderMap, HeaderValue, header};

use crate::{
    contract::{caller::Principal, code::Code, problem::Problem},
    ports::limiter::{Limiter, Policy},
};

const ANONYMOUS: Policy = Policy { name: "anonymous", quota: 300, window_seconds: 60, burst: 60 };
const KNOWN: Policy = Policy { name: "user", quota: 600, window_seconds: 60, burst: 100 };
/// A single page shows dozens of them, and browsers keep them.
const PICTURES: Policy = Policy { name: "pictures", quota: 3000, window_seconds: 60, burst: 600 };
const WRITES: Policy = Policy { name: "writes", quota: 60, window_seconds: 60, burst: 60 };

/// What a request takes of the caller's budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cost {
    #[default]
    Read,
    Write,
    Picture,
}

/// The budgets of all callers.
pub struct Budgets(pub Limiter);

impl Budgets {
    /// Takes one request from the caller's budget, or says how long to wait.
    pub fn take(
        &self,
        caller: Option<&Principal>,
        address: &str,
        cost: Cost,
        now: i64,
    ) -> Result<(), Problem> {
        let user = caller.map(|caller| caller.user.to_string());
        let (policy, key) = whose(user.as_deref(), address, cost);
        let verdict = self.0.take(policy, key, now);
        if !verdict.allowed {
            return Err(refusal(policy, verdict.retry_after_seconds));
        }
        if cost == Cost::Write {
            let verdict = self.0.take(&WRITES, key, now);
            if !verdict.allowed {
                return Err(refusal(&WRITES, verdict.retry_after_seconds));
            }
        }
        Ok(())
    }

    /// Says what is left (draft-ietf-httpapi-ratelimit-headers).
    pub fn mark(&self, headers: &mut HeaderMap, user: Option<&str>, address: &str, cost: Cost, now: i64) {
        let (policy, key) = whose(user, address, cost);
        let (mut policies, mut left) = (Vec::new(), Vec::new());
        for policy in [Some(policy), (cost == Cost::Write).then_some(&WRITES)].into_iter().flatten() {
            let Some(verdict) = self.0.peek(policy, key, now) else { return };
            // Whoever has nothing left needs the time of the next request, not of the whole burst.
            let seconds = if verdict.allowed { verdict.reset_seconds } else { verdict.retry_after_seconds };
            policies.push(format!("\"{}\";q={};w={}", policy.name, policy.quota, policy.window_seconds));
            left.push(format!("\"{}\";r={};t={seconds}", policy.name, verdict.remaining));
        }
        for (name, values) in [("ratelimit-policy", policies), ("ratelimit", left)] {
            if let Ok(value) = HeaderValue::from_str(&values.join(", ")) {
                headers.insert(name, value);
            }
        }
    }
}

fn whose<'a>(user: Option<&'a str>, address: &'a str, cost: Cost) -> (&'static Policy, &'a str) {
    match (user, cost) {
        (_, Cost::Picture) => (&PICTURES, address),
        (Some(user), _) => (&KNOWN, user),
        (None, _) => (&ANONYMOUS, address),
    }
}

fn refusal(policy: &Policy, seconds: u64) -> Problem {
    let detail = format!(
        "{} requests in {} seconds are allowed, {} of them at once: wait {seconds} s",
        policy.quota, policy.window_seconds, policy.burst
    );
    Problem::new(Code::TooManyRequests, detail).header(header::RETRY_AFTER, &seconds.max(1).to_string())
}
