//! Numbers as people read them, and tables whose columns stand below each other.

use std::time::Duration;

use outrider_domain::model::format_duration;
use outrider_domain::view::Paint;

/// A share as a percentage with two digits that matter at least, such as `0.61 %` or `103 %`.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let decimals = match percent.abs() {
        most if most >= 99.995 => 0,
        most if most >= 10.0 => 1,
        _ => 2,
    };
    format!("{} %", plain(percent, decimals))
}

/// A number with so many decimals, without zeros at its end.
pub(super) fn plain(number: f64, decimals: usize) -> String {
    let text = format!("{number:.decimals$}");
    let text = if decimals > 0 {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    if text == "-0" {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}

/// A duration of at most its two largest units: the seconds of a day matter to no reader. Below 10 ms with a digit
/// after the point: a run takes time, however little.
pub(super) fn about(time: Duration) -> String {
    let tenths = time.as_micros().div_ceil(100);
    if (1..100).contains(&tenths) {
        return format!("{}.{}ms", tenths / 10, tenths % 10);
    }
    let grain = match time.as_secs() {
        0 => Duration::from_millis(1),
        1..=9 => Duration::from_millis(10),
        10..=3_599 => Duration::from_secs(1),
        3_600..=86_399 => Duration::from_secs(60),
        _ => Duration::from_secs(3_600),
    };
    let past =
        Duration::from_nanos(u64::try_from(time.as_nanos() % grain.as_nanos()).unwrap_or_default());
    format_duration(time.saturating_sub(past))
}

/// Lines whose columns stand below each other: the first column to the left, others to the right.
pub(super) fn table(head: &[&str], rows: &[Vec<String>], paint: Paint) -> String {
    let head: Vec<String> = head.iter().map(|word| (*word).to_owned()).collect();
    let wide = |column: usize| {
        let cells = rows.iter().chain([&head]).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(wide).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate();
        let cells: Vec<String> = cells
            .map(|(place, (cell, width))| {
                if place == 0 {
                    format!("{cell:<width$}")
                } else {
                    format!("{cell:>width$}")
                }
            })
            .collect();
        format!("  {}", cells.join("   ")).trim_end().to_owned()
    };
    let mut lines = vec![paint.dim(&line(&head))];
    lines.extend(rows.iter().map(line));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_long_as_they_tell_something() {
        assert_eq!(percent(0.006_1), "0.61 %");
        assert_eq!(percent(0.139), "13.9 %");
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(percent(-0.25), "-25 %");
        assert_eq!(plain(-0.001, 2), "0");
        assert_eq!(about(Duration::from_millis(8_640)), "8s640ms");
        assert_eq!(about(Duration::from_micros(4_210)), "4.3ms");
        assert_eq!(about(Duration::from_micros(30)), "0.1ms");
        assert_eq!(about(Duration::from_micros(17_500)), "17ms");
        assert_eq!(about(Duration::ZERO), "0s");
        assert_eq!(about(Duration::from_secs(93_784)), "1d2h");
        assert_eq!(about(Duration::from_secs(3_661)), "1h1m");
    }
}
