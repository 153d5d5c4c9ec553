//! How many requests a caller may send: known callers by account, others by address, writes apart.
use poem::http::{HeaderMap, HeaderValue, header};

use crate::{
    contract::{caller::Principal, code::Code, problem::Problem},
    ports::limiter::{Limiter, Policy},
};

const ANONYMOUS: Policy = Policy { name: "anonymous", quota: 300, window_seconds: 60, burst: 60 };
const KNOWN: Policy = Policy { name: "user", quota: 600, window_seconds: 60, burst: 100 };
const WRITES: Policy = Policy { name: "writes", quota: 60, window_seconds: 60, burst: 60 };

/// Providers send many at once, each from few addresses; whoever has no secret shall not use up what is theirs.
const WEBHOOKS: Policy = Policy { name: "webhooks", quota: 600, window_seconds: 60, burst: 200 };

/// As what a request is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Kind {
    #[default]
    Read,
    Write,
    Webhook,
}

/// The budgets of all callers.
pub struct Budgets(pub Limiter);

impl Budgets {
    /// Takes one request from the caller's budget, or says how long to wait.
    pub fn take(
        &self,
        caller: Option<&Principal>,
        address: &str,
        kind: Kind,
        now: i64,
    ) -> Result<(), Problem> {
        let user = caller.map(|caller| caller.user.to_string());
        let (policies, key) = whose(user.as_deref(), address, kind);
        for policy in policies {
            let verdict = self.0.take(policy, key, now);
            if !verdict.allowed {
                return Err(refusal(policy, verdict.retry_after_seconds));
            }
        }
        Ok(())
    }

    /// Says what is left (draft-ietf-httpapi-ratelimit-headers).
    pub fn mark(&self, headers: &mut HeaderMap, user: Option<&str>, address: &str, kind: Kind, now: i64) {
        let (all, key) = whose(user, address, kind);
        let (mut policies, mut left) = (Vec::new(), Vec::new());
        for policy in all {
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

/// What counts for a request, and under which name.
fn whose<'a>(user: Option<&'a str>, address: &'a str, kind: Kind) -> (Vec<&'static Policy>, &'a str) {
    let (policy, key) = match user {
        Some(user) => (&KNOWN, user),
        None => (&ANONYMOUS, address),
    };
    match kind {
        Kind::Read => (vec![policy], key),
        Kind::Write => (vec![policy, &WRITES], key),
        Kind::Webhook => (vec![&WEBHOOKS], address),
    }
}

fn refusal(policy: &Policy, seconds: u64) -> Problem {
    let detail = format!(
        "{} requests in {} seconds are allowed, {} of them at once: wait {seconds} s",
        policy.quota, policy.window_seconds, policy.burst
    );
    Problem::new(Code::TooManyRequests, detail).header(header::RETRY_AFTER, &seconds.max(1).to_string())
}
