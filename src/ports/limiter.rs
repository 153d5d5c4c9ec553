//! Budgets of requests, by the generic cell rate algorithm: each key holds one time, the theoretical arrival
//! of its next request, and a request is refused when that time lies more than a burst ahead.
use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Mutex, PoisonError},
};

/// How many requests a key may send: `quota` in `window_seconds` on average, `burst` of them at once.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    pub name: &'static str,
    pub quota: u32,
    pub window_seconds: u32,
    pub burst: u32,
}

impl Policy {
    /// Milliseconds from one request to the next, in thousandths.
    fn interval(&self) -> i64 {
        i64::from(self.window_seconds) * 1_000_000 / i64::from(self.quota.max(1))
    }
}

/// What a budget says about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    pub allowed: bool,
    /// Requests that are left at once.
    pub remaining: u32,
    /// Seconds until the whole burst is there again.
    pub reset_seconds: u64,
    /// Seconds to wait before the next request; 0 if it may come now.
    pub retry_after_seconds: u64,
}

/// Where budgets are kept.
pub enum Limiter {
    Off,
    Memory(Box<Memory>),
}

impl Limiter {
    pub fn memory() -> Self {
        Limiter::Memory(Box::new(Memory {
            shards: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
        }))
    }

    /// Takes one request from the key's budget.
    pub fn take(&self, policy: &Policy, key: &str, now_ms: i64) -> Verdict {
        match self {
            Limiter::Off => {
                Verdict { allowed: true, remaining: policy.burst, reset_seconds: 0, retry_after_seconds: 0 }
            }
            Limiter::Memory(memory) => memory.ask(policy, key, now_ms, true),
        }
    }

    /// What the budget is without taking from it; nothing when budgets are off.
    pub fn peek(&self, policy: &Policy, key: &str, now_ms: i64) -> Option<Verdict> {
        match self {
            Limiter::Off => None,
            Limiter::Memory(memory) => Some(memory.ask(policy, key, now_ms, false)),
        }
    }
}

/// The most keys of one shard. A key whose budget is whole again says nothing and goes first.
const CAPACITY: usize = 8192;

pub struct Memory {
    shards: [Mutex<HashMap<(&'static str, String), i64>>; 16],
    hasher: RandomState,
}

impl Memory {
    fn ask(&self, policy: &Policy, key: &str, now_ms: i64, take: bool) -> Verdict {
        let now = now_ms * 1000;
        let interval = policy.interval();
        let burst = interval * i64::from(policy.burst);
        let place = (self.hasher.hash_one(key) % 16) as usize;
        let mut shard = self.shards[place].lock().unwrap_or_else(PoisonError::into_inner);
        let arrival = shard.get(&(policy.name, key.to_owned())).copied().unwrap_or(now);
        // Nothing lies further ahead than a burst: then the clock was set back.
        let arrival = if arrival > now + burst { now } else { arrival.max(now) };
        let allowed = arrival + interval - now <= burst;
        let next = if allowed && take { arrival + interval } else { arrival };
        if take && allowed {
            if shard.len() >= CAPACITY {
                shard.retain(|_, arrival| *arrival > now);
            }
            // Full of busy keys: better to forget them all than to grow.
            if shard.len() >= CAPACITY {
                shard.clear();
            }
            shard.insert((policy.name, key.to_owned()), next);
        }
        let ahead = next - now;
        let seconds = |micros: i64| micros.max(0).unsigned_abs().div_ceil(1_000_000);
        Verdict {
            allowed,
            remaining: ((burst - ahead) / interval).clamp(0, i64::from(policy.burst)) as u32,
            reset_seconds: seconds(ahead),
            retry_after_seconds: if allowed { 0 } else { seconds(arrival + interval - now - burst).max(1) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy { name: "test", quota: 60, window_seconds: 60, burst: 10 };

    #[test]
    fn a_minute_of_greed_gets_the_quota_and_one_burst() {
        let limiter = Limiter::memory();
        let allowed = (0..60_000).step_by(10).filter(|now| limiter.take(&POLICY, "a", *now).allowed).count();
        assert_eq!(allowed, 69);
    }

    #[test]
    fn keys_and_policies_are_apart_and_refusals_say_how_long() {
        let limiter = Limiter::memory();
        for left in (0..10).rev() {
            assert_eq!(limiter.take(&POLICY, "a", 0).remaining, left);
        }
        let refused = limiter.take(&POLICY, "a", 0);
        assert_eq!((refused.allowed, refused.retry_after_seconds, refused.reset_seconds), (false, 1, 10));
        assert!(limiter.take(&POLICY, "b", 0).allowed);
        assert!(limiter.take(&Policy { name: "other", ..POLICY }, "a", 0).allowed);
        assert!(limiter.take(&POLICY, "a", 1000).allowed);
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out() {
        let limiter = Limiter::memory();
        for _ in 0..10 {
            assert!(limiter.take(&POLICY, "a", 3_600_000).allowed);
        }
        assert!(limiter.take(&POLICY, "a", 0).allowed);
    }

    #[test]
    fn memory_is_bounded() {
        let Limiter::Memory(memory) = Limiter::memory() else { return };
        for key in 0..400_000 {
            memory.ask(&POLICY, &key.to_string(), 0, true);
        }
        let held: usize = memory.shards.iter().map(|shard| shard.lock().map_or(0, |shard| shard.len())).sum();
        assert!(held <= 16 * CAPACITY, "{held}");
    }
}
