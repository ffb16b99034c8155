//! Durations as people write them.

use std::time::Duration;

/// Longest duration taken: ten years, so that sums of durations cannot overflow.
const LONGEST_S: u64 = 3650 * 24 * 3600;

/// A duration in the notation of the files, such as `90s` or `7d`; none for anything else.
pub fn duration(text: &str) -> Option<Duration> {
    parse_duration(text).ok()
}

/// Reads `500ms`, `90s`, `1h30m`, `7d`.
///
/// # Errors
/// What is wrong, as a fragment.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let mut rest = text.trim();
    let mut sum = Duration::ZERO;
    if rest.is_empty() {
        return Err("it is empty".to_owned());
    }
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        if number.is_empty() {
            return Err("a number is missing".to_owned());
        }
        // What does not even fit into 64 bits is longer than anything allowed.
        let number: u64 = number.parse().unwrap_or(u64::MAX);
        let unit_length = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_length);
        let milliseconds = match unit.trim() {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "" => return Err("a unit is missing".to_owned()),
            other => return Err(format!("`{other}` is no unit")),
        };
        let part = number.checked_mul(milliseconds).map(Duration::from_millis);
        sum = part
            .and_then(|part| sum.checked_add(part))
            .filter(|sum| sum.as_secs() <= LONGEST_S)
            .ok_or("it is longer than ten years")?;
        rest = tail.trim_start();
    }
    if sum.is_zero() {
        Err("it is zero".to_owned())
    } else {
        Ok(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::parse_duration;

    #[test]
    fn durations_are_read_or_refused_with_a_reason() {
        let ms = |text| parse_duration(text).map(|d| d.as_millis());
        assert_eq!(ms("500ms"), Ok(500));
        assert_eq!(ms("1h30m"), Ok(5_400_000));
        assert_eq!(ms("7d"), Ok(604_800_000));
        for (text, why) in [
            ("", "it is empty"),
            ("0s", "it is zero"),
            ("5", "a unit is missing"),
            ("s", "a number is missing"),
            ("5 weeks", "`weeks` is no unit"),
            ("99999999999999999999s", "it is longer than ten years"),
            ("9999999999999999d", "it is longer than ten years"),
            ("-1s", "a number is missing"),
        ] {
            assert_eq!(parse_duration(text), Err(why.to_owned()), "{text}");
        }
    }
}
