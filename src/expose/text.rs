//! Prometheus text format 0.0.4, with numbers as Go prints them.

use std::fmt::Write;

use prometheus::proto::{Metric, MetricFamily, MetricType};

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
                    let value = metric.get_counter().value();
                    sample(&mut text, name, "", &labels_of(metric), value);
                }
                MetricType::GAUGE => {
                    let value = metric.get_gauge().value();
                    sample(&mut text, name, "", &labels_of(metric), value);
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
    let labels = labels_of(metric);
    let comma = if labels.is_empty() { "" } else { "," };
    let mut bucket = |bound: f64, count: f64| {
        text.push_str(name);
        text.push_str("_bucket{");
        text.push_str(&labels);
        text.push_str(comma);
        text.push_str("le=\"");
        number(text, bound);
        text.push_str("\"} ");
        number(text, count);
        text.push('\n');
    };
    for one in histogram.get_bucket() {
        bucket(one.upper_bound(), one.cumulative_count() as f64);
    }
    let count = histogram.get_sample_count() as f64;
    bucket(f64::INFINITY, count);
    sample(text, name, "_sum", &labels, histogram.get_sample_sum());
    sample(text, name, "_count", &labels, count);
}

fn sample(text: &mut String, name: &str, ending: &str, labels: &str, value: f64) {
    text.push_str(name);
    text.push_str(ending);
    if !labels.is_empty() {
        text.push('{');
        text.push_str(labels);
        text.push('}');
    }
    text.push(' ');
    number(text, value);
    text.push('\n');
}

/// The labels of a series between braces, once for all its samples.
fn labels_of(metric: &Metric) -> String {
    let mut labels = String::new();
    for pair in metric.get_label() {
        if !labels.is_empty() {
            labels.push(',');
        }
        labels.push_str(pair.name());
        labels.push_str("=\"");
        escape(&mut labels, pair.value());
        labels.push('"');
    }
    labels
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
