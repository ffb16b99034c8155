//! The two text formats: Prometheus 0.0.4 and OpenMetrics 1.0
//! (github.com/prometheus/OpenMetrics, specification 1.0.0), with numbers as Go prints them.

use std::fmt::Write as _;
use std::io::{self, Write};

use outrider_domain::model::names::Kind;
use outrider_domain::sli::{Buckets, Exemplar};

use super::snapshot::{Family, Snapshot, Value};

/// Bytes that are gathered before they go on.
const BLOCK: usize = 16 * 1024;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Text 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0: counters are named without `_total`, exemplars are told, the end is marked.
    OpenMetrics,
}

/// Writes every family. Of native histograms it has sums and counts alone, where the settings ask for them.
///
/// # Errors
/// What the writer says.
pub(super) fn write(snapshot: &Snapshot, dialect: Dialect, to: &mut impl Write) -> io::Result<()> {
    let mut text = String::with_capacity(2 * BLOCK);
    for family in snapshot.families() {
        if family.metric.kind != Kind::NativeHistogram || snapshot.has_step_sums() {
            write_family(&mut text, dialect, &family, to)?;
        }
    }
    if dialect == Dialect::OpenMetrics {
        text.push_str("# EOF\n");
    }
    to.write_all(text.as_bytes())
}

fn write_family(
    text: &mut String,
    dialect: Dialect,
    family: &Family<'_>,
    to: &mut impl Write,
) -> io::Result<()> {
    let metric = family.metric;
    let named = match dialect {
        Dialect::OpenMetrics => metric.name.strip_suffix("_total").unwrap_or(metric.name),
        Dialect::Prometheus => metric.name,
    };
    let kind = match metric.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
        // Sum and count without buckets are a summary without quantiles.
        Kind::NativeHistogram => "summary",
    };
    text.extend(["# HELP ", named, " "]);
    match dialect {
        Dialect::OpenMetrics => escape(text, metric.help),
        // A quotation mark stays as it is.
        Dialect::Prometheus => text.push_str(&metric.help.replace('\\', "\\\\")),
    }
    text.extend(["\n# TYPE ", named, " ", kind, "\n"]);
    let mut labels = String::new();
    for (name, value) in &family.common {
        label(&mut labels, name, value);
    }
    let common = labels.len();
    for series in family.series() {
        labels.truncate(common);
        for (name, value) in series.labels() {
            label(&mut labels, name, value);
        }
        match series.value {
            Value::Count(count, exemplar) => {
                sample(text, [metric.name, ""], &labels, whole(count));
                end_line(text, dialect, exemplar);
            }
            Value::Level(level) => {
                sample(text, [metric.name, ""], &labels, level);
                text.push('\n');
            }
            Value::Latencies(buckets) => {
                if metric.kind == Kind::Histogram {
                    write_buckets(text, dialect, metric.name, &labels, buckets);
                }
                sample(text, [metric.name, "_sum"], &labels, buckets.sum_seconds());
                text.push('\n');
                sample(
                    text,
                    [metric.name, "_count"],
                    &labels,
                    whole(buckets.count()),
                );
                text.push('\n');
            }
        }
        if text.len() >= BLOCK {
            to.write_all(text.as_bytes())?;
            text.clear();
        }
    }
    Ok(())
}

fn write_buckets(text: &mut String, dialect: Dialect, name: &str, labels: &str, buckets: &Buckets) {
    for (bound, count, exemplar) in buckets.cumulative() {
        text.extend([name, "_bucket{", labels]);
        if !labels.is_empty() {
            text.push(',');
        }
        text.push_str("le=\"");
        number(text, bound);
        // Numbers that only name a bucket are written with a point in OpenMetrics.
        if dialect == Dialect::OpenMetrics && bound.is_finite() && bound.fract() == 0.0 {
            text.push_str(".0");
        }
        text.push_str("\"} ");
        number(text, whole(count));
        end_line(text, dialect, exemplar);
    }
}

/// Ends a line; in OpenMetrics with the run that shows what it counted.
fn end_line(text: &mut String, dialect: Dialect, exemplar: Option<&Exemplar>) {
    if let (Dialect::OpenMetrics, Some(exemplar)) = (dialect, exemplar) {
        text.push_str(" # {run_id=\"");
        escape(text, exemplar.run.as_str());
        text.push_str("\"} ");
        number(text, exemplar.value);
        let at = exemplar.at;
        // Writing into a string cannot fail.
        write!(
            text,
            " {}.{:03}",
            at.timestamp(),
            at.timestamp_subsec_millis()
        )
        .unwrap_or_default();
    }
    text.push('\n');
}

fn sample(text: &mut String, name: [&str; 2], labels: &str, value: f64) {
    text.extend(name);
    if !labels.is_empty() {
        text.extend(["{", labels, "}"]);
    }
    text.push(' ');
    number(text, value);
}

fn label(labels: &mut String, name: &str, value: &str) {
    if !labels.is_empty() {
        labels.push(',');
    }
    labels.push_str(name);
    labels.push_str("=\"");
    escape(labels, value);
    labels.push('"');
}

#[expect(
    clippy::cast_precision_loss,
    reason = "exact below 2^53, which no count here reaches"
)]
fn whole(count: u64) -> f64 {
    count as f64
}

fn escape(to: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '\\' => to.push_str("\\\\"),
            '"' => to.push_str("\\\""),
            '\n' => to.push_str("\\n"),
            c => to.push(c),
        }
    }
}

/// Writes a number as Go's `strconv.FormatFloat(v, 'g', -1, 64)` prints it, so that `le` is spelled
/// alike wherever it is read.
fn number(to: &mut String, value: f64) {
    let magnitude = value.abs();
    if value.is_nan() {
        to.push_str("NaN");
    } else if value.is_infinite() {
        to.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    } else if magnitude == 0.0 || (1e-4..1e21).contains(&magnitude) {
        // Writing into a string cannot fail.
        write!(to, "{value}").unwrap_or_default();
    } else {
        scientific(to, value);
    }
}

fn scientific(to: &mut String, value: f64) {
    let scientific = format!("{value:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return to.push_str(&scientific);
    };
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    write!(to, "{mantissa}e{sign}{digits:0>2}").unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_look_as_prometheus_prints_them() {
        let cases = [
            (0.0, "0"),
            (1.0, "1"),
            (0.25, "0.25"),
            (0.001, "0.001"),
            (0.000_000_1, "1e-07"),
            (1e21, "1e+21"),
            (1_795_293_717.0, "1795293717"),
            (f64::INFINITY, "+Inf"),
            (f64::NAN, "NaN"),
        ];
        for (value, text) in cases {
            let mut written = String::new();
            number(&mut written, value);
            assert_eq!(written, text);
        }
    }

    #[test]
    fn labels_are_escaped() {
        let mut written = String::new();
        escape(&mut written, "a\"b\\c\nd");
        assert_eq!(written, "a\\\"b\\\\c\\nd");
    }
}
