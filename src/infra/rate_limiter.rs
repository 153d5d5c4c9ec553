//! Rate limiter with the generic cell rate algorithm (GCRA). Each key stores one number, the theoretical
//! arrival time of its next request. A request advances that time by one interval, and is rejected if the
//! result is more than one burst in the future.
use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
};

use parking_lot::Mutex;

use super::metrics::Counter;

/// A rate limit: `quota` requests per `window_seconds` on average, and bursts of `burst`.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    pub name: &'static str,
    pub quota: u32,
    pub window_seconds: u32,
    pub burst: u32,
}

impl Policy {
    /// Returns the interval between two requests, in microseconds.
    fn interval(&self) -> i64 {
        i64::from(self.window_seconds) * 1_000_000 / i64::from(self.quota.max(1))
    }
}

/// The decision on a request, and the state of its rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    pub allowed: bool,
    /// Requests that are allowed immediately.
    pub remaining: u32,
    /// Seconds until the whole burst is available again.
    pub reset_seconds: u64,
    /// Seconds until the next request is allowed; 0 if it is allowed now.
    pub retry_after_seconds: u64,
}

/// A rate limit that rejects an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExceededLimit {
    pub name: &'static str,
    pub quota: u32,
    pub window_seconds: u64,
    pub retry_after_seconds: u64,
    /// Whether the limit is a delay after failures.
    pub is_delay: bool,
}

/// Where the state of the rate limits is stored.
pub enum RateLimiter {
    Off,
    Memory(Box<Memory>),
}

impl RateLimiter {
    /// Creates a rate limiter that counts the rejections by these policies.
    pub fn in_memory(policies: &[&Policy]) -> Self {
        RateLimiter::Memory(Box::new(Memory {
            rejections: policies.iter().map(|policy| (policy.name, Counter::new())).collect(),
            shards: std::array::from_fn(|_| Mutex::default()),
            hashers: [RandomState::new(), RandomState::new()],
        }))
    }

    /// Returns the number of rejected requests by policy; empty if rate limits are off.
    pub fn rejections(&self) -> Vec<(&'static str, u64)> {
        match self {
            RateLimiter::Off => Vec::new(),
            RateLimiter::Memory(memory) => {
                memory.rejections.iter().map(|(policy, count)| (*policy, count.get())).collect()
            }
        }
    }

    pub fn is_off(&self) -> bool {
        matches!(self, RateLimiter::Off)
    }

    /// Counts one request against the rate limit of the key. `now_ms` is a time of [`Clock::monotonic`].
    ///
    /// [`Clock::monotonic`]: super::clock::Clock::monotonic
    pub fn try_acquire(&self, policy: &Policy, key: impl Hash, now_ms: i64) -> Decision {
        match self {
            RateLimiter::Off => {
                Decision { allowed: true, remaining: policy.burst, reset_seconds: 0, retry_after_seconds: 0 }
            }
            RateLimiter::Memory(memory) => memory.check(policy, key, now_ms, true),
        }
    }

    /// Returns the state of the rate limit without counting a request; `None` if rate limits are off.
    pub fn peek(&self, policy: &Policy, key: impl Hash, now_ms: i64) -> Option<Decision> {
        match self {
            RateLimiter::Off => None,
            RateLimiter::Memory(memory) => Some(memory.check(policy, key, now_ms, false)),
        }
    }
}

/// Maximum number of keys per shard. Keys whose whole burst is available are evicted first, because an absent
/// key has the same state.
const MAX_KEYS: usize = 8192;

/// The arrival times by the hash of the policy and the key. The hash has 128 bits and random seeds, so that no two keys
/// share a rate limit.
pub struct Memory {
    shards: [Mutex<HashMap<u128, i64>>; 16],
    hashers: [RandomState; 2],
    rejections: Box<[(&'static str, Counter)]>,
}

impl Memory {
    fn check(&self, policy: &Policy, key: impl Hash, now_ms: i64, consume: bool) -> Decision {
        let now = now_ms * 1000;
        let interval = policy.interval();
        let burst = interval * i64::from(policy.burst);
        let [high, low] = self.hashers.each_ref().map(|hasher| hasher.hash_one((policy.name, &key)));
        let hash = u128::from(high) << 64 | u128::from(low);
        let mut shard = self.shards[(low % 16) as usize].lock();
        let arrival = shard.get(&hash).copied().unwrap_or(now);
        let arrival = arrival.max(now);
        let allowed = arrival + interval - now <= burst;
        let next = if allowed && consume { arrival + interval } else { arrival };
        if consume && allowed {
            if shard.len() >= MAX_KEYS {
                shard.retain(|_, arrival| *arrival > now);
            }
            // All keys are in use. Resetting their rate limits bounds the memory.
            if shard.len() >= MAX_KEYS {
                shard.clear();
            }
            shard.insert(hash, next);
        }
        if consume
            && !allowed
            && let Some((_, rejections)) = self.rejections.iter().find(|(name, _)| *name == policy.name)
        {
            rejections.increment();
        }
        let debt = next - now;
        let seconds = |micros: i64| micros.max(0).unsigned_abs().div_ceil(1_000_000);
        Decision {
            allowed,
            remaining: ((burst - debt) / interval).clamp(0, i64::from(policy.burst)) as u32,
            reset_seconds: seconds(debt),
            retry_after_seconds: if allowed { 0 } else { seconds(arrival + interval - now - burst).max(1) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy { name: "test", quota: 60, window_seconds: 60, burst: 10 };

    #[test]
    fn allows_the_quota_and_one_burst_per_minute() {
        let limiter = RateLimiter::in_memory(&[&POLICY]);
        let allowed =
            (0..60_000).step_by(10).filter(|now| limiter.try_acquire(&POLICY, "a", *now).allowed).count();
        assert_eq!(allowed, 69);
    }

    #[test]
    fn separates_keys_and_policies_and_reports_the_delay() {
        let limiter = RateLimiter::in_memory(&[&POLICY]);
        for remaining in (0..10).rev() {
            assert_eq!(limiter.try_acquire(&POLICY, "a", 0).remaining, remaining);
        }
        let rejected = limiter.try_acquire(&POLICY, "a", 0);
        limiter.peek(&POLICY, "a", 0);
        assert_eq!(limiter.rejections(), [("test", 1)]);
        assert_eq!((rejected.allowed, rejected.retry_after_seconds, rejected.reset_seconds), (false, 1, 10));
        assert!(limiter.try_acquire(&POLICY, "b", 0).allowed);
        assert!(limiter.try_acquire(&Policy { name: "other", ..POLICY }, "a", 0).allowed);
        assert!(limiter.try_acquire(&POLICY, "a", 1000).allowed);
    }

    #[test]
    fn reports_the_state_at_any_time() {
        let policy = Policy { name: "slow", quota: 6, window_seconds: 60, burst: 2 };
        let limiter = RateLimiter::in_memory(&[&policy]);
        let state = |decision: Decision| {
            (decision.allowed, decision.remaining, decision.reset_seconds, decision.retry_after_seconds)
        };
        let now = 600_000;
        for (time, expected) in [
            (now, (true, 1, 10, 0)),
            (now, (true, 0, 20, 0)),
            (now, (false, 0, 20, 10)),
            (now + 4_000, (false, 0, 16, 6)),
        ] {
            let peeked = limiter.peek(&policy, "a", time).expect("in memory");
            assert_eq!(peeked.allowed, expected.0);
            assert_eq!(peeked.remaining, expected.1 + u32::from(expected.0), "is not counted");
            assert_eq!(state(limiter.try_acquire(&policy, "a", time)), expected);
        }
        assert!(RateLimiter::Off.peek(&policy, "a", now).is_none() && RateLimiter::Off.is_off());
        assert_eq!(state(RateLimiter::Off.try_acquire(&policy, "a", now)), (true, 2, 0, 0));
        assert!(!limiter.is_off() && RateLimiter::Off.rejections().is_empty());
    }

    #[test]
    fn limits_memory() {
        let RateLimiter::Memory(memory) = RateLimiter::in_memory(&[&POLICY]) else { return };
        for key in 0..400_000 {
            memory.check(&POLICY, key, 0, true);
        }
        let keys: usize = memory.shards.iter().map(|shard| shard.lock().len()).sum();
        assert!(keys <= 16 * MAX_KEYS, "{keys}");
    }

    #[test]
    fn evicts_keys_with_their_whole_burst_before_others() {
        let RateLimiter::Memory(memory) = RateLimiter::in_memory(&[&POLICY]) else { return };
        let keys = || memory.shards.iter().map(|shard| shard.lock().len()).sum::<usize>();
        // Nearly full shards, of keys that have their whole burst after a second.
        for key in 0..16 * MAX_KEYS * 9 / 10 {
            memory.check(&POLICY, key, 0, true);
        }
        assert_eq!(keys(), 16 * MAX_KEYS * 9 / 10, "no shard is full");
        let used = "a";
        (0..10).for_each(|_| assert!(memory.check(&POLICY, used, 1000, true).allowed));
        for key in 0..16 * MAX_KEYS / 5 {
            memory.check(&POLICY, (key, "new"), 1000, true);
        }
        assert!(keys() < 16 * MAX_KEYS / 4, "{} keys", keys());
        assert!(!memory.check(&POLICY, used, 1000, true).allowed, "its rate limit is not reset");
    }
}
