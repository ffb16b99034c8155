//! Durations as people and Prometheus write them.

use std::time::Duration;

const UNITS: &[(&str, u128)] = &[
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// A duration such as `30d`, `1h30m` or `250ms`, cut to milliseconds; `0s` for less. The configuration's
/// notation and PromQL's alike.
pub fn format_duration(duration: Duration) -> String {
    let mut left = duration.as_millis();
    let mut text = String::new();
    for (unit, size) in UNITS {
        if left >= *size {
            text.push_str(&format!("{}{unit}", left / size));
            left %= size;
        }
    }
    if text.is_empty() {
        "0s".to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_in_whole_units() {
        let of = |ms| format_duration(Duration::from_millis(ms));
        assert_eq!(of(30 * 86_400_000), "30d");
        assert_eq!(of(3_600_000), "1h");
        assert_eq!(of(432_000), "7m12s");
        assert_eq!(of(1_250), "1s250ms");
        assert_eq!(of(0), "0s");
    }
}
