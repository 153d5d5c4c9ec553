//! Metrics: counters, gauges and histograms, and their text format for Prometheus.
//!
//! Each component owns its metrics. An update is one or two relaxed atomic additions, without a lock and without an
//! allocation. They are read when the metrics are requested.
mod process;
mod text;

use std::{
    sync::atomic::{AtomicI64, AtomicU64, Ordering},
    time::Duration,
};

pub use process::write_process_metrics;
pub use text::{CONTENT_TYPE, Exposition, Unit};

/// A number that only increases.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub const fn new() -> Self {
        Counter(AtomicU64::new(0))
    }

    pub fn increment(&self) {
        self.add(1);
    }

    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The number of operations in progress.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// Adds one until the returned value is dropped.
    pub fn enter(&self) -> InProgress<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        InProgress(self)
    }

    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// An operation that a [`Gauge`] counts.
#[derive(Debug)]
pub struct InProgress<'a>(&'a Gauge);

impl Drop for InProgress<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A distribution of values over `BUCKETS` buckets. The last one has no upper bound.
#[derive(Debug)]
pub struct Histogram<const BUCKETS: usize> {
    /// The inclusive upper bounds of all other buckets, in ascending order.
    bounds: &'static [u64],
    counts: [AtomicU64; BUCKETS],
    sum: AtomicU64,
}

impl<const BUCKETS: usize> Histogram<BUCKETS> {
    /// # Panics
    ///
    /// If there is not one bound less than there are buckets.
    pub fn new(bounds: &'static [u64]) -> Self {
        assert_eq!(bounds.len() + 1, BUCKETS, "a histogram has one bucket more than bounds");
        Histogram { bounds, counts: [const { AtomicU64::new(0) }; BUCKETS], sum: AtomicU64::new(0) }
    }

    pub fn observe(&self, value: u64) {
        let bucket = self.bounds.partition_point(|bound| value > *bound);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Adds a duration in nanoseconds.
    pub fn observe_duration(&self, duration: Duration) {
        self.observe(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }

    pub fn snapshot(&self) -> Distribution {
        Distribution {
            bounds: self.bounds,
            counts: self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect(),
            sum: self.sum.load(Ordering::Relaxed),
        }
    }
}

/// The state of a histogram.
#[derive(Debug, Clone)]
pub struct Distribution {
    bounds: &'static [u64],
    /// The values in each bucket, not cumulative.
    counts: Vec<u64>,
    sum: u64,
}

impl Distribution {
    /// Returns the number of values.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Returns the distribution of the values of both. They have the same bounds.
    pub fn merged(mut self, other: &Distribution) -> Distribution {
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, other)| *count += other);
        self.sum = self.sum.wrapping_add(other.sum);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_equal_to_a_bound_is_in_its_bucket() {
        let histogram = Histogram::<3>::new(&[10, 20]);
        for value in [0, 10, 11, 20, 21, 1000] {
            histogram.observe(value);
        }
        let state = histogram.snapshot();
        assert_eq!((state.counts.as_slice(), state.sum, state.count()), ([2, 2, 2].as_slice(), 1062, 6));
        assert_eq!(state.clone().merged(&state).counts, [4, 4, 4]);
    }

    #[test]
    fn a_gauge_decreases_when_the_operation_ends() {
        let gauge = Gauge::default();
        let (first, second) = (gauge.enter(), gauge.enter());
        assert_eq!(gauge.get(), 2);
        drop((first, second));
        assert_eq!(gauge.get(), 0);
    }
}
