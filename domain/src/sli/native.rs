//! Sparse buckets of exponential width, recorded at the same moment as the sketch: Prometheus's native histograms
//! (prometheus.io/docs/specs/native_histograms).

use std::time::Duration;

/// Each bucket is 2^(1/2^5) = 2.2 % wider than the one before.
const SCHEMA: i32 = 5;
/// With more buckets than this, neighbours are joined: what a hostile partner spreads stays small.
const BUCKETS_MAX: usize = 160;

/// Latencies by bucket: number i holds those above 2^((i−1)/2^schema) seconds and up to 2^(i/2^schema).
#[derive(Clone, Debug)]
pub struct NativeBuckets {
    schema: i32,
    zeros: u64,
    /// By number, in order; no count is 0.
    counts: Vec<(i32, u64)>,
}

/// Buckets in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The number of the first for the first span; for others the empty buckets since the span before.
    pub offset: i32,
    /// How many.
    pub length: u32,
}

impl Default for NativeBuckets {
    fn default() -> Self {
        Self {
            schema: SCHEMA,
            zeros: 0,
            counts: Vec::new(),
        }
    }
}

impl NativeBuckets {
    /// Takes in one latency.
    pub fn observe(&mut self, latency: Duration) {
        if latency.is_zero() {
            self.zeros += 1;
            return;
        }
        let number = number_of(latency.as_secs_f64(), self.schema);
        match self.counts.binary_search_by_key(&number, |(own, _)| *own) {
            Ok(place) => self.counts[place].1 += 1,
            Err(place) => self.counts.insert(place, (number, 1)),
        }
        while self.counts.len() > BUCKETS_MAX {
            self.join_neighbours();
        }
    }

    /// How often the width of buckets doubles: 2^schema buckets a doubling of the latency.
    pub fn schema(&self) -> i32 {
        self.schema
    }

    /// Latencies of zero.
    pub fn zeros(&self) -> u64 {
        self.zeros
    }

    /// Where the buckets stand. One empty span without any, so that a reader takes it for a native histogram.
    pub fn spans(&self) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        let mut next = 0;
        for (number, _) in &self.counts {
            match spans.last_mut() {
                Some(last) if *number == next => last.length += 1,
                _ => spans.push(Span {
                    offset: number - next,
                    length: 1,
                }),
            }
            next = number + 1;
        }
        if spans.is_empty() {
            spans.push(Span {
                offset: 0,
                length: 0,
            });
        }
        spans
    }

    /// The first bucket's count, then how much more each has than the one before.
    pub fn deltas(&self) -> impl Iterator<Item = i64> + '_ {
        let mut before = 0;
        self.counts.iter().map(move |(_, count)| {
            let count = i64::try_from(*count).unwrap_or(i64::MAX);
            let delta = count - before;
            before = count;
            delta
        })
    }

    fn join_neighbours(&mut self) {
        self.schema -= 1;
        let mut joined: Vec<(i32, u64)> = Vec::with_capacity(self.counts.len());
        for (number, count) in &self.counts {
            let number = (number + 1).div_euclid(2);
            match joined.last_mut() {
                Some((last, sum)) if *last == number => *sum += count,
                _ => joined.push((number, *count)),
            }
        }
        self.counts = joined;
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "nanoseconds to centuries are 2^-30 to 2^40"
)]
fn number_of(seconds: f64, schema: i32) -> i32 {
    (seconds.log2() * f64::from(schema).exp2()).ceil() as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn upper(number: i32, schema: i32) -> f64 {
        (f64::from(number) / f64::from(schema).exp2()).exp2()
    }

    fn counted(buckets: &NativeBuckets) -> Vec<(i32, u64)> {
        let mut count = 0;
        let mut deltas = buckets.deltas();
        let mut next = 0;
        let mut all = Vec::new();
        for span in buckets.spans() {
            next += span.offset;
            for _ in 0..span.length {
                count += deltas.next().unwrap();
                all.push((next, count.try_into().unwrap()));
                next += 1;
            }
        }
        assert_eq!(deltas.next(), None);
        all
    }

    #[test]
    fn a_bound_belongs_to_the_bucket_below_it() {
        let mut buckets = NativeBuckets::default();
        for ms in [1_000, 2_000, 2_001, 500] {
            buckets.observe(Duration::from_millis(ms));
        }
        buckets.observe(Duration::ZERO);
        let by_hand = [(-32, 1), (0, 1), (32, 1), (33, 1)];
        assert_eq!((counted(&buckets), buckets.zeros()), (by_hand.to_vec(), 1));
    }

    #[test]
    fn none_yet_is_one_empty_span() {
        let spans = NativeBuckets::default().spans();
        assert_eq!(
            spans,
            [Span {
                offset: 0,
                length: 0
            }]
        );
    }

    proptest! {
        #[test]
        fn every_latency_is_in_its_bucket_however_many_there_are(
            latencies in prop::collection::vec(1_u64..7_200_000_000_000, 1..2_000)
        ) {
            let mut buckets = NativeBuckets::default();
            for ns in &latencies {
                buckets.observe(Duration::from_nanos(*ns));
            }
            let counted = counted(&buckets);
            prop_assert!(counted.len() <= BUCKETS_MAX);
            for (number, count) in counted {
                let schema = buckets.schema();
                let (from, to) = (upper(number - 1, schema), upper(number, schema));
                let within = latencies.iter().filter(|ns| {
                    let seconds = Duration::from_nanos(**ns).as_secs_f64();
                    from < seconds && seconds <= to
                });
                prop_assert_eq!(within.count() as u64, count);
            }
        }
    }
}
