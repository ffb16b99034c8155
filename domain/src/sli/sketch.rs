//! Hourly latency sketches: mergeable HDR histograms, of which only the bins that hold samples are kept.

use std::time::Duration;

use chrono::{DateTime, Utc};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};

use super::promise::is_apart;
use crate::model::{JourneyId, PartnerId, Phase, Plan, RunRecord, StepId};

/// The longest latency told apart: seven days. Longer ones count as that, and as overflow.
pub(super) const LATENCY_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
const LATENCY_MAX_US: u64 = 7 * 24 * 3600 * 1_000_000;

/// What a sketch is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Series {
    /// A run, from its begin.
    Journey,
    /// A run, from its intended start.
    JourneyIntended,
    /// A run that was not judged, or whose latency our own delay left open, from its begin.
    JourneyApart,
    /// A step.
    Step(StepId),
    /// A phase of requests.
    Phase(Phase),
}

impl Series {
    /// Significant decimal digits kept: 3 for journeys and steps, 2 for phases.
    pub fn digits(&self) -> u8 {
        match self {
            Self::Journey | Self::JourneyIntended | Self::JourneyApart | Self::Step(_) => 3,
            Self::Phase(_) => 2,
        }
    }

    /// The kind and the name, as stored.
    pub fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Journey => ("journey", "service"),
            Self::JourneyIntended => ("journey", "intended"),
            Self::JourneyApart => ("journey", "apart"),
            Self::Step(step) => ("step", step.as_str()),
            Self::Phase(phase) => ("phase", phase.name()),
        }
    }

    /// The reverse of [`Series::parts`].
    pub fn from_parts(kind: &str, name: &str) -> Option<Self> {
        match (kind, name) {
            ("journey", "service") => Some(Self::Journey),
            ("journey", "intended") => Some(Self::JourneyIntended),
            ("journey", "apart") => Some(Self::JourneyApart),
            ("step", step) => Some(Self::Step(StepId::new(step))),
            ("phase", phase) => Phase::named(phase).map(Self::Phase),
            _ => None,
        }
    }
}

/// Which hour of which series of which probe.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SketchKey {
    /// Begin of the hour, seconds since 1970 UTC; the hour of the run's begin.
    pub hour: i64,
    /// The partner.
    pub partner: PartnerId,
    /// The journey.
    pub journey: JourneyId,
    /// The series.
    pub series: Series,
}

/// The hour that a time lies in, as seconds since 1970 UTC.
pub fn hour_of(at: DateTime<Utc>) -> i64 {
    at.timestamp().div_euclid(3600) * 3600
}

/// Every latency of one run with its series. A run that [`is_apart`] has its duration alone.
pub fn latencies(plan: &Plan, run: &RunRecord) -> Vec<(Series, Duration)> {
    if is_apart(plan, run) {
        return vec![(Series::JourneyApart, run.duration)];
    }
    let mut all = vec![
        (Series::Journey, run.duration),
        (Series::JourneyIntended, run.duration + run.start_delay()),
    ];
    for step in run.steps.iter().filter(|step| !step.duration.is_zero()) {
        all.push((Series::Step(step.step.clone()), step.duration));
        for request in &step.requests {
            for phase in Phase::ALL {
                if let Some(time) = request.phases.get(*phase) {
                    all.push((Series::Phase(*phase), time));
                }
            }
        }
    }
    all
}

/// A sketch of latencies in microseconds. A whole histogram has a place for each of the 31,744 bins up to seven
/// days, 124 KB; a sketch takes 8 bytes for each bin that holds samples, and a series rarely has a thousand.
#[derive(Clone, Debug)]
pub struct Sketch {
    digits: u8,
    is_changed: bool,
    /// The bins that hold samples, ascending.
    bins: Vec<Bin>,
    sum_us: u64,
    overflow: u64,
}

/// A bin of an HDR histogram, and how many samples it holds.
#[derive(Clone, Copy, Debug)]
struct Bin {
    index: u32,
    count: u32,
}

impl Bin {
    /// Bits that tell the bins of one size apart: enough for twice the power of ten of the digits.
    fn bits(digits: u8) -> u32 {
        (2 * 10_u32.pow(u32::from(digits)))
            .next_power_of_two()
            .ilog2()
    }

    /// The index of the bin of a latency: latencies of up to `bits` bits have a bin each, and the next longer
    /// ones share one between two, four, eight.
    fn index(digits: u8, us: u64) -> u32 {
        let bits = Self::bits(digits);
        let shift = (u64::BITS - us.leading_zeros()).saturating_sub(bits);
        let within = u32::try_from(us >> shift).unwrap_or(u32::MAX);
        (shift << (bits - 1)) + within
    }

    /// The least latency of the bin.
    fn least_us(self, digits: u8) -> u64 {
        let half = Self::bits(digits) - 1;
        let shift = (self.index >> half).saturating_sub(1);
        u64::from(self.index - (shift << half)) << shift
    }
}

/// Samples above the longest latency told apart.
pub type Overflow = u64;

impl Sketch {
    /// An empty one.
    pub fn new(series: &Series) -> Self {
        Self {
            digits: series.digits(),
            is_changed: false,
            bins: Vec::new(),
            sum_us: 0,
            overflow: 0,
        }
    }

    /// Takes in one latency.
    pub fn record(&mut self, latency: Duration) {
        self.is_changed = true;
        self.overflow += u64::from(latency > LATENCY_MAX);
        let us = u64::try_from(latency.min(LATENCY_MAX).as_micros())
            .unwrap_or(u64::MAX)
            .max(1);
        self.sum_us = self.sum_us.saturating_add(us);
        self.add(Bin::index(self.digits, us), 1);
    }

    fn add(&mut self, index: u32, count: u32) {
        match self.bins.binary_search_by_key(&index, |bin| bin.index) {
            Ok(place) => {
                let held = &mut self.bins[place].count;
                *held = held.saturating_add(count);
            }
            Err(place) => self.bins.insert(place, Bin { index, count }),
        }
    }

    /// Whether a latency was taken in since this was asked last.
    pub fn take_change(&mut self) -> bool {
        std::mem::take(&mut self.is_changed)
    }

    /// Samples taken in.
    pub fn count(&self) -> u64 {
        self.bins.iter().map(|bin| u64::from(bin.count)).sum()
    }

    /// Their exact sum in microseconds (HDR itself keeps none).
    pub fn sum_us(&self) -> u64 {
        self.sum_us
    }

    /// Those that were cut to the longest latency.
    pub fn overflow(&self) -> Overflow {
        self.overflow
    }

    /// As an HDR histogram of microseconds, no wider than its samples.
    pub fn histogram(&self) -> Histogram<u32> {
        let longest = self.bins.last().map_or(0, |bin| bin.least_us(self.digits));
        let mut hdr = empty(self.digits, longest.max(2));
        for bin in &self.bins {
            hdr.saturating_record_n(bin.least_us(self.digits), bin.count);
        }
        hdr
    }

    /// Adds another's samples, which must have as many digits.
    pub fn merge(&mut self, other: &Self) {
        for bin in &other.bins {
            self.add(bin.index, bin.count);
        }
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
        self.overflow += other.overflow;
    }

    /// The latency that a share of samples does not exceed; none when empty.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let hdr = self.histogram();
        (!hdr.is_empty()).then(|| Duration::from_micros(hdr.value_at_quantile(share)))
    }

    /// Samples longer than this.
    pub fn count_above(&self, latency: Duration) -> u64 {
        let us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        let first = Bin::index(self.digits, us.saturating_add(1));
        let longer = self.bins.iter().filter(|bin| bin.index >= first);
        longer.map(|bin| u64::from(bin.count)).sum()
    }

    /// V2-deflate bytes that every HDR tool reads.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut serializer = V2DeflateSerializer::new();
        // Writing into memory fails only for a histogram that is too large to encode; ours is not.
        match serializer.serialize(&self.histogram(), &mut bytes) {
            Ok(_) | Err(_) => bytes,
        }
    }

    /// The reverse of [`Sketch::encode`]; none when the bytes are damaged.
    pub fn decode(series: &Series, mut bytes: &[u8], sum_us: u64, overflow: u64) -> Option<Self> {
        let hdr: Histogram<u32> = Deserializer::new().deserialize(&mut bytes).ok()?;
        let mut sketch = Self {
            sum_us,
            overflow,
            ..Self::new(series)
        };
        for bin in hdr.iter_recorded() {
            let us = bin.value_iterated_to().min(LATENCY_MAX_US);
            sketch.add(Bin::index(sketch.digits, us), bin.count_at_value());
        }
        Some(sketch)
    }
}

#[expect(
    clippy::expect_used,
    reason = "bounds of 1 and 2 or more, and two known digit counts, cannot fail"
)]
fn empty(digits: u8, max_us: u64) -> Histogram<u32> {
    Histogram::new_with_bounds(1, max_us, digits).expect("the bounds are valid")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sketch(samples: &[u64]) -> Sketch {
        let mut sketch = Sketch::new(&Series::Journey);
        samples
            .iter()
            .for_each(|us| sketch.record(Duration::from_micros(*us)));
        sketch
    }

    #[test]
    fn a_sketch_loses_no_sample() {
        let samples: Vec<u64> = (1..=2000).map(|n| n * 1000).collect();
        let sketch = sketch(&samples);
        assert_eq!(sketch.count(), 2000);
        assert_eq!(sketch.sum_us(), samples.iter().sum::<u64>());
        let p50 = sketch.quantile(0.5).unwrap().as_secs_f64();
        assert!((p50 / 1.0 - 1.0).abs() < 0.001, "{p50}");
        assert_eq!(super::Sketch::new(&Series::Journey).quantile(0.5), None);
    }

    #[test]
    fn what_is_too_long_is_counted_as_such() {
        let mut sketch = sketch(&[5]);
        sketch.record(LATENCY_MAX + Duration::from_secs(1));
        assert_eq!((sketch.count(), sketch.overflow()), (2, 1));
    }

    proptest! {
        #[test]
        fn a_sketch_counts_as_a_whole_histogram_does(
            samples in proptest::collection::vec((0u32..50, 0u64..1 << 14), 1..300),
            limit in 1u64..LATENCY_MAX_US,
        ) {
            // Of every size, up to far beyond what is told apart.
            let samples: Vec<u64> = samples.iter().map(|(size, us)| us << size).collect();
            for series in [Series::Journey, Series::Phase(Phase::Wait)] {
                let mut sketch = Sketch::new(&series);
                let mut whole = empty(series.digits(), LATENCY_MAX_US);
                for us in &samples {
                    sketch.record(Duration::from_micros(*us));
                    whole.saturating_record((*us).clamp(1, LATENCY_MAX_US));
                }
                let counts = |hdr: &Histogram<u32>| {
                    let bins = hdr.iter_recorded();
                    bins.map(|bin| (bin.value_iterated_to(), bin.count_at_value())).collect::<Vec<_>>()
                };
                prop_assert_eq!(counts(&sketch.histogram()), counts(&whole));
                let above = sketch.count_above(Duration::from_micros(limit - 1));
                prop_assert_eq!(above, whole.count_between(limit, LATENCY_MAX_US));
                for share in [0.0, 0.5, 0.99, 1.0] {
                    let exact = Duration::from_micros(whole.value_at_quantile(share));
                    prop_assert_eq!(sketch.quantile(share), Some(exact));
                }
                prop_assert!(sketch.bins.len() <= samples.len());
            }
        }

        #[test]
        fn order_of_merging_and_storing_changes_nothing(
            a in proptest::collection::vec(1u64..10_000_000_000, 0..40),
            b in proptest::collection::vec(1u64..10_000_000_000, 0..40),
        ) {
            let whole = sketch(&[a.clone(), b.clone()].concat()).histogram();
            let (mut ab, mut ba) = (sketch(&a), sketch(&b));
            ab.merge(&sketch(&b));
            ba.merge(&sketch(&a));
            prop_assert_eq!(&ab.histogram(), &whole);
            prop_assert_eq!(&ba.histogram(), &whole);
            let back = Sketch::decode(&Series::Journey, &ab.encode(), ab.sum_us(), 0).unwrap();
            prop_assert_eq!(&back.histogram(), &whole);
            prop_assert_eq!(back.sum_us(), ab.sum_us());
        }
    }
}
