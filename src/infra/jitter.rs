//! Random variation of delays, so that processes and clients do not all act at the same time.
use std::time::Duration;

use crate::domain::secret::fill_random;

/// Returns `delay` times a random factor between `1 - fraction` and `1 + fraction`.
pub fn jitter(delay: Duration, fraction: f64) -> Duration {
    let mut bytes = [0; 2];
    // Without randomness the delay is the shortest, which is acceptable.
    let _ = fill_random(&mut bytes);
    let random = f64::from(u16::from_ne_bytes(bytes)) / f64::from(u16::MAX);
    delay.mul_f64(1.0 - fraction + 2.0 * fraction * random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varies_a_delay_within_the_fraction() {
        let delays: Vec<_> = (0..100).map(|_| jitter(Duration::from_secs(10), 0.2).as_secs_f64()).collect();
        assert!(delays.iter().all(|delay| (7.999..=12.001).contains(delay)), "{delays:?}");
        assert!(delays.iter().any(|delay| *delay < 9.0) && delays.iter().any(|delay| *delay > 11.0));
    }
}
