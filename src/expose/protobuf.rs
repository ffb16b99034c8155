//! Messages of `io.prometheus.client`, each after its length, with native histograms
//! (prometheus/client_model, `metrics.proto`).

use std::io::{self, Write};

use outrider_domain::model::names::Kind;
use outrider_domain::sli::{Buckets, Exemplar};
use prometheus::proto;
use protobuf::rt::{compute_raw_varint64_size, tag_size};
use protobuf::{CodedOutputStream, Message, UnknownFields, UnknownValue};

use super::snapshot::{Family, Series, Snapshot, Value};

/// The fields that the crate's messages lack, by their numbers in `metrics.proto`.
mod field {
    pub(super) const FAMILY_METRIC: u32 = 4;
    pub(super) const COUNTER_EXEMPLAR: u32 = 2;
    pub(super) const BUCKET_EXEMPLAR: u32 = 3;
    pub(super) const EXEMPLAR_LABEL: u32 = 1;
    pub(super) const EXEMPLAR_VALUE: u32 = 2;
    pub(super) const EXEMPLAR_TIMESTAMP: u32 = 3;
    pub(super) const TIMESTAMP_SECONDS: u32 = 1;
    pub(super) const TIMESTAMP_NANOS: u32 = 2;
    pub(super) const SCHEMA: u32 = 5;
    pub(super) const ZERO_THRESHOLD: u32 = 6;
    pub(super) const ZERO_COUNT: u32 = 7;
    pub(super) const POSITIVE_SPAN: u32 = 12;
    pub(super) const POSITIVE_DELTA: u32 = 13;
    pub(super) const SPAN_OFFSET: u32 = 1;
    pub(super) const SPAN_LENGTH: u32 = 2;
}

/// Values up to this, in seconds, are zero: 2^-128, as servers take it where nothing is said.
const ZERO_THRESHOLD: f64 = 2.938_735_877_055_719e-39;

/// Writes every family. A family is measured, then written series by series: its length comes first.
///
/// # Errors
/// What the writer says.
pub(super) fn write(snapshot: &Snapshot, to: &mut impl Write) -> io::Result<()> {
    for family in snapshot.families() {
        let head = head(&family).write_to_bytes()?;
        let lengths = family.series().map(|one| {
            let length = metric(&family, &one).compute_size();
            tag_size(field::FAMILY_METRIC) + compute_raw_varint64_size(length) + length
        });
        let length = head.len() as u64 + lengths.sum::<u64>();
        let mut out = CodedOutputStream::new(to);
        out.write_raw_varint64(length)?;
        out.write_raw_bytes(&head)?;
        for series in family.series() {
            let bytes = metric(&family, &series).write_to_bytes()?;
            out.write_bytes(field::FAMILY_METRIC, &bytes)?;
        }
        out.flush()?;
    }
    Ok(())
}

fn head(family: &Family<'_>) -> proto::MetricFamily {
    let mut head = proto::MetricFamily::default();
    head.set_name(family.metric.name.to_owned());
    head.set_help(family.metric.help.to_owned());
    head.set_field_type(match family.metric.kind {
        Kind::Counter => proto::MetricType::COUNTER,
        Kind::Gauge => proto::MetricType::GAUGE,
        Kind::Histogram | Kind::NativeHistogram => proto::MetricType::HISTOGRAM,
    });
    head
}

fn metric(family: &Family<'_>, series: &Series<'_>) -> proto::Metric {
    let mut metric = proto::Metric::default();
    let labels = family.common.iter().copied().chain(series.labels());
    metric.set_label(labels.map(|(name, value)| pair(name, value)).collect());
    match series.value {
        Value::Count(count, exemplar) => metric.set_counter(counter(count, exemplar)),
        Value::Level(level) => {
            let mut gauge = proto::Gauge::default();
            gauge.set_value(level);
            metric.set_gauge(gauge);
        }
        Value::Latencies(buckets) => {
            metric.set_histogram(histogram(family.metric.kind, buckets));
        }
    }
    metric
}

fn pair(name: &str, value: &str) -> proto::LabelPair {
    let mut pair = proto::LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value.to_owned());
    pair
}

#[expect(
    clippy::cast_precision_loss,
    reason = "exact below 2^53, which no count here reaches"
)]
fn counter(count: u64, exemplar: Option<&Exemplar>) -> proto::Counter {
    let mut counter = proto::Counter::default();
    counter.set_value(count as f64);
    if let Some(exemplar) = exemplar {
        let more = counter.special_fields.mut_unknown_fields();
        more.add_length_delimited(field::COUNTER_EXEMPLAR, exemplar_bytes(exemplar));
    }
    counter
}

fn histogram(kind: Kind, buckets: &Buckets) -> proto::Histogram {
    let mut histogram = proto::Histogram::default();
    histogram.set_sample_count(buckets.count());
    histogram.set_sample_sum(buckets.sum_seconds());
    if kind == Kind::Histogram {
        let classic = buckets.cumulative().map(|(bound, count, exemplar)| {
            let mut bucket = proto::Bucket::default();
            bucket.set_upper_bound(bound);
            bucket.set_cumulative_count(count);
            if let Some(exemplar) = exemplar {
                let more = bucket.special_fields.mut_unknown_fields();
                more.add_length_delimited(field::BUCKET_EXEMPLAR, exemplar_bytes(exemplar));
            }
            bucket
        });
        histogram.set_bucket(classic.collect());
    }
    let native = buckets.native();
    let more = histogram.special_fields.mut_unknown_fields();
    more.add_value(field::SCHEMA, UnknownValue::sint32(native.schema()));
    more.add_value(field::ZERO_THRESHOLD, UnknownValue::double(ZERO_THRESHOLD));
    more.add_varint(field::ZERO_COUNT, native.zeros());
    for span in native.spans() {
        let mut of_span = UnknownFields::new();
        of_span.add_value(field::SPAN_OFFSET, UnknownValue::sint32(span.offset));
        of_span.add_varint(field::SPAN_LENGTH, span.length.into());
        more.add_length_delimited(field::POSITIVE_SPAN, of_span.write_to_bytes());
    }
    for delta in native.deltas() {
        more.add_value(field::POSITIVE_DELTA, UnknownValue::sint64(delta));
    }
    histogram
}

fn exemplar_bytes(exemplar: &Exemplar) -> Vec<u8> {
    let mut time = UnknownFields::new();
    let seconds = exemplar.at.timestamp();
    time.add_varint(field::TIMESTAMP_SECONDS, seconds.cast_unsigned());
    let nanos = exemplar.at.timestamp_subsec_nanos();
    time.add_varint(field::TIMESTAMP_NANOS, nanos.into());
    let label = pair("run_id", exemplar.run.as_str());
    let mut of = UnknownFields::new();
    // A message in memory is written without error.
    let label = label.write_to_bytes().unwrap_or_default();
    of.add_length_delimited(field::EXEMPLAR_LABEL, label);
    of.add_value(field::EXEMPLAR_VALUE, UnknownValue::double(exemplar.value));
    of.add_length_delimited(field::EXEMPLAR_TIMESTAMP, time.write_to_bytes());
    of.write_to_bytes()
}
