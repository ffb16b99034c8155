//! Classic histogram buckets, recorded at the same moment as the sketch.

use std::sync::Arc;
use std::time::Duration;

/// Upper bounds in seconds: a fixed ladder over what exchanges take, from a local probe to a long
/// export.
const BOUNDS_S: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
    120.0, 300.0, 600.0, 1800.0, 3600.0,
];

/// Counts by bucket, not cumulative, with the exact sum.
#[derive(Clone, Debug)]
pub struct Buckets {
    bounds_s: Arc<[f64]>,
    counts: Vec<u64>,
    sum: Duration,
}

/// The ladder with thresholds of objectives among its bounds, in order and each once.
pub fn bounds_with(thresholds: impl IntoIterator<Item = Duration>) -> Arc<[f64]> {
    let own = thresholds.into_iter().map(|time| time.as_secs_f64());
    let mut all: Vec<f64> = BOUNDS_S.iter().copied().chain(own).collect();
    all.sort_by(f64::total_cmp);
    all.dedup();
    all.into()
}

impl Buckets {
    /// None taken in yet, with these upper bounds in order.
    pub fn new(bounds_s: Arc<[f64]>) -> Self {
        Self {
            counts: vec![0; bounds_s.len() + 1],
            sum: Duration::ZERO,
            bounds_s,
        }
    }

    /// Takes in one latency.
    pub fn observe(&mut self, latency: Duration) {
        let seconds = latency.as_secs_f64();
        let bucket = self.bounds_s.partition_point(|bound| *bound < seconds);
        self.counts[bucket] += 1;
        self.sum += latency;
    }

    /// Cumulative counts, one a bound; the total is [`Buckets::count`].
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        let mut sum = 0;
        self.bounds_s
            .iter()
            .zip(&self.counts)
            .map(move |(bound, count)| {
                sum += count;
                (*bound, sum)
            })
    }

    /// Latencies taken in.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Their sum in seconds.
    pub fn sum_seconds(&self) -> f64 {
        self.sum.as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_own_bucket() {
        let mut buckets = Buckets::new(bounds_with([]));
        for ms in [1, 1000, 1001, 4_000_000] {
            buckets.observe(Duration::from_millis(ms));
        }
        let at = |bound: f64| {
            buckets
                .cumulative()
                .find(|(b, _)| (*b - bound).abs() < 1e-9)
                .unwrap()
                .1
        };
        assert_eq!((at(0.001), at(1.0), at(2.5), at(3600.0)), (1, 2, 3, 3));
        assert_eq!(buckets.count(), 4);
    }

    #[test]
    fn a_threshold_is_a_bound_of_its_own_and_none_stands_twice() {
        let bounds = bounds_with([Duration::from_secs(45), Duration::from_secs(60)]);
        assert_eq!(bounds.len(), BOUNDS_S.len() + 1);
        let mut buckets = Buckets::new(bounds);
        buckets.observe(Duration::from_secs(45));
        buckets.observe(Duration::from_millis(45_001));
        let to_45 = buckets.cumulative().find(|(bound, _)| *bound > 44.0);
        assert_eq!(to_45, Some((45.0, 1)));
    }
}
