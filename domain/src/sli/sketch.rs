//! Hourly latency sketches: mergeable HDR histograms, or the plain list while they are few.

use std::time::Duration;

use chrono::{DateTime, Utc};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};

use crate::model::{JourneyId, PartnerId, Phase, RunRecord, StepId};

/// Samples above this many in one hour are promoted from a list to an HDR histogram.
const LIST_MAX: usize = 512;
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
    /// A step.
    Step(StepId),
    /// A phase of requests.
    Phase(Phase),
}

impl Series {
    /// Significant decimal digits kept: 3 for journeys and steps, 2 for phases.
    pub fn digits(&self) -> u8 {
        match self {
            Self::Journey | Self::JourneyIntended | Self::Step(_) => 3,
            Self::Phase(_) => 2,
        }
    }

    /// The kind and the name, as stored.
    pub fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Journey => ("journey", "service"),
            Self::JourneyIntended => ("journey", "intended"),
            Self::Step(step) => ("step", step.as_str()),
            Self::Phase(phase) => ("phase", phase.name()),
        }
    }

    /// The reverse of [`Series::parts`].
    pub fn from_parts(kind: &str, name: &str) -> Option<Self> {
        match (kind, name) {
            ("journey", "service") => Some(Self::Journey),
            ("journey", "intended") => Some(Self::JourneyIntended),
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

/// Every latency of one run with its series.
pub fn latencies(run: &RunRecord) -> Vec<(Series, Duration)> {
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

/// A sketch of latencies in microseconds.
#[derive(Clone, Debug)]
pub struct Sketch {
    digits: u8,
    is_changed: bool,
    samples: Samples,
    sum_us: u64,
    overflow: u64,
}

#[derive(Clone, Debug)]
enum Samples {
    List(Vec<u64>),
    /// Apart, since most sketches stay a list.
    Hdr(Box<Histogram<u32>>),
}

/// Samples above the longest latency told apart.
pub type Overflow = u64;

impl Sketch {
    /// An empty one.
    pub fn new(series: &Series) -> Self {
        Self {
            digits: series.digits(),
            is_changed: false,
            samples: Samples::List(Vec::new()),
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
        match &mut self.samples {
            Samples::List(list) if list.len() < LIST_MAX => list.push(us),
            Samples::List(_) => {
                let mut hdr = self.histogram();
                hdr.saturating_record(us);
                self.samples = Samples::Hdr(Box::new(hdr));
            }
            Samples::Hdr(hdr) => hdr.saturating_record(us),
        }
    }

    /// Whether a latency was taken in since this was asked last.
    pub fn take_change(&mut self) -> bool {
        std::mem::take(&mut self.is_changed)
    }

    /// Samples taken in.
    pub fn count(&self) -> u64 {
        match &self.samples {
            Samples::List(list) => u64::try_from(list.len()).unwrap_or(u64::MAX),
            Samples::Hdr(hdr) => hdr.len(),
        }
    }

    /// Their exact sum in microseconds (HDR itself keeps none).
    pub fn sum_us(&self) -> u64 {
        self.sum_us
    }

    /// Those that were cut to the longest latency.
    pub fn overflow(&self) -> Overflow {
        self.overflow
    }

    /// As an HDR histogram of microseconds.
    pub fn histogram(&self) -> Histogram<u32> {
        match &self.samples {
            Samples::Hdr(hdr) => hdr.as_ref().clone(),
            Samples::List(list) => {
                let mut hdr = empty(self.digits, LATENCY_MAX_US);
                list.iter().for_each(|us| hdr.saturating_record(*us));
                hdr
            }
        }
    }

    /// Adds another's samples.
    pub fn merge(&mut self, other: &Self) {
        let mut hdr = self.histogram();
        // Same bounds and digits, so this cannot fail; saturating counts are the documented worst.
        if hdr.add(other.histogram()).is_ok() {
            self.samples = Samples::Hdr(Box::new(hdr));
            self.sum_us = self.sum_us.saturating_add(other.sum_us);
            self.overflow += other.overflow;
        }
    }

    /// The latency that a share of samples does not exceed; none when empty.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let hdr = self.histogram();
        (!hdr.is_empty()).then(|| Duration::from_micros(hdr.value_at_quantile(share)))
    }

    /// Samples longer than this.
    pub fn count_above(&self, latency: Duration) -> u64 {
        let us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        match us.checked_add(1).filter(|next| *next <= LATENCY_MAX_US) {
            Some(next) => self.histogram().count_between(next, LATENCY_MAX_US),
            None => 0,
        }
    }

    /// V2-deflate bytes that every HDR tool reads.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut serializer = V2DeflateSerializer::new();
        // Writing into memory fails only for a histogram that is too large to encode; ours is not.
        let written = match &self.samples {
            Samples::Hdr(hdr) => serializer.serialize(hdr.as_ref(), &mut bytes),
            Samples::List(list) => {
                // No wider than its samples, since it is made only to be written.
                let max = list.iter().copied().max().unwrap_or_default().max(2);
                let mut hdr = empty(self.digits, max);
                list.iter().for_each(|us| hdr.saturating_record(*us));
                serializer.serialize(&hdr, &mut bytes)
            }
        };
        match written {
            Ok(_) | Err(_) => bytes,
        }
    }

    /// The reverse of [`Sketch::encode`]; none when the bytes are damaged.
    pub fn decode(series: &Series, mut bytes: &[u8], sum_us: u64, overflow: u64) -> Option<Self> {
        let hdr: Histogram<u32> = Deserializer::new().deserialize(&mut bytes).ok()?;
        let mut own = empty(series.digits(), LATENCY_MAX_US);
        own.add(hdr).ok()?;
        Some(Self {
            digits: series.digits(),
            is_changed: false,
            samples: Samples::Hdr(Box::new(own)),
            sum_us,
            overflow,
        })
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
    fn a_list_becomes_a_histogram_without_losing_a_sample() {
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
