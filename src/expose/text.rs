//! Prometheus text format 0.0.4, with numbers as Go prints them.

use std::fmt::Write;

use prometheus::proto::{LabelPair, Metric, MetricFamily, MetricType};

/// The content type of the format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Families as text.
pub fn encode(families: &[MetricFamily]) -> String {
    let mut text = String::new();
    for family in families {
        let (name, kind) = (family.name(), family.get_field_type());
        let word = match kind {
            MetricType::COUNTER => "counter",
            MetricType::GAUGE => "gauge",
            MetricType::HISTOGRAM => "histogram",
            MetricType::SUMMARY | MetricType::UNTYPED => "untyped",
        };
        let help = family.help().replace('\\', "\\\\").replace('\n', "\\n");
        write_line(&mut text, format_args!("# HELP {name} {help}"));
        write_line(&mut text, format_args!("# TYPE {name} {word}"));
        for metric in family.get_metric() {
            match kind {
                MetricType::COUNTER => {
                    sample(&mut text, name, metric, None, metric.get_counter().value())
                }
                MetricType::GAUGE => {
                    sample(&mut text, name, metric, None, metric.get_gauge().value())
                }
                MetricType::HISTOGRAM => histogram(&mut text, name, metric),
                MetricType::SUMMARY | MetricType::UNTYPED => {}
            }
        }
    }
    text
}

fn write_line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing into a string cannot fail.
    text.write_fmt(line).unwrap_or_default();
    text.push('\n');
}

#[expect(
    clippy::cast_precision_loss,
    reason = "exact below 2^53, which no count here reaches"
)]
fn histogram(text: &mut String, name: &str, metric: &Metric) {
    let histogram = metric.get_histogram();
    let bucket_name = format!("{name}_bucket");
    for bucket in histogram.get_bucket() {
        let bound = number(bucket.upper_bound());
        sample(
            text,
            &bucket_name,
            metric,
            Some(&bound),
            bucket.cumulative_count() as f64,
        );
    }
    let count = histogram.get_sample_count() as f64;
    sample(text, &bucket_name, metric, Some("+Inf"), count);
    sample(
        text,
        &format!("{name}_sum"),
        metric,
        None,
        histogram.get_sample_sum(),
    );
    sample(text, &format!("{name}_count"), metric, None, count);
}

fn sample(text: &mut String, name: &str, metric: &Metric, le: Option<&str>, value: f64) {
    text.push_str(name);
    let pairs = metric
        .get_label()
        .iter()
        .map(|pair: &LabelPair| (pair.name(), pair.value()));
    let all: Vec<(&str, &str)> = pairs.chain(le.map(|le| ("le", le))).collect();
    if !all.is_empty() {
        text.push('{');
        for (place, (name, value)) in all.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(text, "{comma}{name}=\"{}\"", escape(value)).unwrap_or_default();
        }
        text.push('}');
    }
    write_line(text, format_args!(" {}", number(value)));
}

fn escape(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// A number as Go's `strconv.FormatFloat(v, 'g', -1, 64)` prints it, so that `le` is spelled alike
/// wherever it is read.
fn number(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let magnitude = value.abs();
    if magnitude == 0.0 || (1e-4..1e21).contains(&magnitude) {
        return format!("{value}");
    }
    let scientific = format!("{value:e}");
    match scientific.split_once('e') {
        Some((mantissa, exponent)) => {
            let (sign, digits) = match exponent.strip_prefix('-') {
                Some(digits) => ('-', digits),
                None => ('+', exponent),
            };
            format!("{mantissa}e{sign}{digits:0>2}")
        }
        None => scientific,
    }
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
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn labels_are_escaped() {
        assert_eq!(escape("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }
}
