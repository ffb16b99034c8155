//! Quantiles of sketches, and sketches as a log that HDR tools read.

use std::time::{Duration, SystemTime};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use super::sketch::{Sketch, SketchKey};

/// The quantiles that are shown and exported: their names as labels, and their shares.
pub const QUANTILES: [(&str, f64); 4] =
    [("0.5", 0.5), ("0.9", 0.9), ("0.95", 0.95), ("0.99", 0.99)];
/// Hours of a sketch, in seconds.
const HOUR: Duration = Duration::from_secs(3_600);
/// Microseconds, in which latencies are recorded, in a millisecond, in which a log states the largest of an hour.
const MAX_VALUE_DIVISOR: f64 = 1_000.0;

/// What a sketch says of its latencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantiles {
    /// Latencies taken in.
    pub count: u64,
    /// Each of [`QUANTILES`]: the latency that so many do not exceed.
    pub values: [Duration; QUANTILES.len()],
    /// The longest.
    pub max: Duration,
    /// Those that were longer than a sketch tells apart.
    pub overflow: u64,
}

impl Quantiles {
    /// Of a sketch; none of an empty one.
    pub fn of(sketch: &Sketch) -> Option<Self> {
        let histogram = sketch.histogram();
        (!histogram.is_empty()).then(|| Self {
            count: histogram.len(),
            values: QUANTILES
                .map(|(_, share)| Duration::from_micros(histogram.value_at_quantile(share))),
            max: Duration::from_micros(histogram.max()),
            overflow: sketch.overflow(),
        })
    }
}

/// Sketches as an HDR interval log, version 1.3: one line an hour and series, its tag the journey and the series.
/// Latencies are in microseconds, the largest of each line is in milliseconds.
///
/// # Errors
/// A sketch cannot be encoded.
pub fn interval_log(sketches: &[(SketchKey, Sketch)]) -> Result<String, String> {
    let mut log = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut builder = IntervalLogWriterBuilder::new();
    builder
        .add_comment(
            "[Logged by outrider; latencies in microseconds, Interval_Max in milliseconds]",
        )
        .with_max_value_divisor(MAX_VALUE_DIVISOR);
    if let Some(first) = sketches.iter().map(|(key, _)| begin(key)).min() {
        builder.with_start_time(SystemTime::UNIX_EPOCH + first);
    }
    let mut writer = builder
        .begin_log_with(&mut log, &mut serializer)
        .map_err(|why| why.to_string())?;
    for (key, sketch) in sketches {
        let (kind, name) = key.series.parts();
        let tag = format!("{}:{kind}:{name}", key.journey);
        writer
            .write_histogram(&sketch.histogram(), begin(key), HOUR, Tag::new(&tag))
            .map_err(|why| format!("{why:?}"))?;
    }
    Ok(String::from_utf8_lossy(&log).into_owned())
}

fn begin(key: &SketchKey) -> Duration {
    Duration::from_secs(u64::try_from(key.hour).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::*;
    use crate::model::{JourneyId, PartnerId};
    use crate::sli::Series;

    fn sketch(samples: impl Iterator<Item = u64>) -> Sketch {
        let mut sketch = Sketch::new(&Series::Journey);
        samples.for_each(|us| sketch.record(Duration::from_micros(us)));
        sketch
    }

    #[test]
    fn quantiles_are_those_of_the_sorted_list() {
        for count in [1_u64, 10, 511, 512, 513, 4_000] {
            let found = Quantiles::of(&sketch((1..=count).map(|n| n * 1_000))).unwrap();
            assert_eq!(found.count, count);
            for ((name, share), found) in QUANTILES.iter().zip(found.values) {
                #[expect(
                    clippy::cast_precision_loss,
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "small numbers"
                )]
                let place = (share * count as f64).ceil() as u64;
                let exact = Duration::from_millis(place.max(1)).as_secs_f64();
                let off = found.as_secs_f64() / exact - 1.0;
                assert!((0.0..0.001).contains(&off), "{count} {name}: {off}");
            }
            let off = found.max.as_secs_f64() / Duration::from_millis(count).as_secs_f64() - 1.0;
            assert!((0.0..0.001).contains(&off), "{count}: {off}");
        }
        assert_eq!(Quantiles::of(&sketch(std::iter::empty())), None);
    }

    #[test]
    fn a_log_is_read_back_line_by_line() {
        let key = |hour: i64| SketchKey {
            hour: hour * 3_600,
            partner: PartnerId::new("keystone"),
            journey: JourneyId::new("bulk-exchange"),
            series: Series::Journey,
        };
        let sketches = [
            (key(3), sketch([1_750_000, 2_080_000].into_iter())),
            (key(4), sketch((1..=1_000).map(|n| n * 10))),
        ];
        let log = interval_log(&sketches).unwrap();
        let mut lines = Vec::new();
        for entry in IntervalLogIterator::new(log.as_bytes()) {
            if let LogEntry::Interval(line) = entry.unwrap() {
                use base64::Engine as _;
                let bytes = base64::engine::general_purpose::STANDARD
                    .decode(line.encoded_histogram())
                    .unwrap();
                let read: Histogram<u32> =
                    Deserializer::new().deserialize(&mut &bytes[..]).unwrap();
                assert_eq!(
                    line.tag().map(|tag| tag.as_str().to_owned()).as_deref(),
                    Some("bulk-exchange:journey:service")
                );
                lines.push((line.start_timestamp().as_secs(), read.len(), read.max()));
            }
        }
        let max = |place: usize| sketches[place].1.histogram().max();
        assert_eq!(lines, [(3 * 3_600, 2, max(0)), (4 * 3_600, 1_000, max(1))]);
        assert!(log.starts_with("#[Logged by outrider"), "{log}");
    }
}
