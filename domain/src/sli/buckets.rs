//! What a histogram exports: classic buckets at the bounds that objectives need, and native ones.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::native::NativeBuckets;
use crate::model::RunId;

/// Latencies by classic bucket, not cumulative, and by native one, with the exact sum.
#[derive(Clone, Debug)]
pub struct Buckets {
    bounds_s: Arc<[f64]>,
    counts: Vec<u64>,
    sum: Duration,
    native: NativeBuckets,
    /// The last run of each classic bucket; empty before the first one that was named.
    exemplars: Vec<Option<Exemplar>>,
}

/// A run that shows what a number is made of.
#[derive(Clone, Debug)]
pub struct Exemplar {
    /// Its id, by which its page is found.
    pub run: RunId,
    /// What it added: a latency in seconds, or 1.
    pub value: f64,
    /// When it ended.
    pub at: DateTime<Utc>,
}

/// The thresholds of objectives as upper bounds in seconds, in order and each once.
pub fn bounds_of(thresholds: impl IntoIterator<Item = Duration>) -> Arc<[f64]> {
    let mut all: Vec<f64> = thresholds
        .into_iter()
        .map(|time| time.as_secs_f64())
        .collect();
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
            native: NativeBuckets::default(),
            exemplars: Vec::new(),
            bounds_s,
        }
    }

    /// Takes in one latency.
    pub fn observe(&mut self, latency: Duration) {
        let bucket = self.bucket(latency.as_secs_f64());
        self.counts[bucket] += 1;
        self.sum += latency;
        self.native.observe(latency);
    }

    /// Names the run of the latest latency of its bucket.
    pub fn exemplify(&mut self, exemplar: Exemplar) {
        let bucket = self.bucket(exemplar.value);
        self.exemplars.resize(self.counts.len(), None);
        self.exemplars[bucket] = Some(exemplar);
    }

    fn bucket(&self, seconds: f64) -> usize {
        self.bounds_s.partition_point(|bound| *bound < seconds)
    }

    /// Cumulative counts by upper bound, the last one infinite and the total, each with its exemplar.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64, Option<&Exemplar>)> + '_ {
        let mut sum = 0;
        let bounds = self.bounds_s.iter().copied().chain([f64::INFINITY]);
        let counted = bounds.zip(&self.counts).enumerate();
        counted.map(move |(place, (bound, count))| {
            sum += count;
            let exemplar = self.exemplars.get(place).and_then(Option::as_ref);
            (bound, sum, exemplar)
        })
    }

    /// The same latencies in native buckets.
    pub fn native(&self) -> &NativeBuckets {
        &self.native
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

    fn counts(buckets: &Buckets) -> Vec<(f64, u64)> {
        let all = buckets.cumulative();
        all.map(|(bound, count, _)| (bound, count)).collect()
    }

    #[test]
    fn a_threshold_is_a_bound_that_belongs_to_its_own_bucket_and_none_stands_twice() {
        let seconds = Duration::from_secs;
        let mut buckets = Buckets::new(bounds_of([seconds(60), seconds(45), seconds(60)]));
        for ms in [1, 45_000, 45_001, 4_000_000] {
            buckets.observe(Duration::from_millis(ms));
        }
        let by_hand = [(45.0, 2), (60.0, 3), (f64::INFINITY, 4)];
        assert_eq!(counts(&buckets), by_hand);
        assert_eq!(buckets.count(), 4);
    }

    #[test]
    fn the_last_run_of_a_bucket_is_its_exemplar() {
        let mut buckets = Buckets::new(bounds_of([Duration::from_secs(1)]));
        for (run, value) in [("a", 0.5), ("b", 0.25), ("c", 3.0)] {
            buckets.observe(Duration::from_secs_f64(value));
            let (run, at) = (RunId::new(run), DateTime::UNIX_EPOCH);
            buckets.exemplify(Exemplar { run, value, at });
        }
        let runs = buckets
            .cumulative()
            .map(|(.., one)| one.map(|one| one.run.to_string()));
        let by_hand = [Some("b".to_owned()), Some("c".to_owned())];
        assert_eq!(runs.collect::<Vec<_>>(), by_hand);
    }
}
