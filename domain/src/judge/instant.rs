//! The one reader of FHIR instants that a partner wrote.

use chrono::{DateTime, Datelike, Utc};

/// The farthest zone from UTC that FHIR knows, in seconds.
const OFFSET_MAX_S: i32 = 14 * 3600;

/// Reads an `instant` (R4, "Primitive Types"): a day, `T`, a time with seconds, and a zone. What a lenient reader would
/// take besides (a space, small letters) is none: the next partner may not take it back as `_since`.
pub fn instant(text: &str) -> Option<DateTime<Utc>> {
    let is_plain = |byte: u8| byte.is_ascii_digit() || b"-:.+TZ".contains(&byte);
    if !text.bytes().all(is_plain) || text.as_bytes().get(10) != Some(&b'T') {
        return None;
    }
    let time = DateTime::parse_from_rfc3339(text).ok()?;
    let is_zone = time.offset().local_minus_utc().abs() <= OFFSET_MAX_S;
    (time.year() > 0 && is_zone).then(|| time.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    #[test]
    fn an_instant_has_a_day_a_time_with_seconds_and_a_zone() {
        let table = include_str!("../../../tests/cases/field/instants.json");
        let cases: Vec<Value> = serde_json::from_str(table).unwrap();
        assert!(cases.len() > 10);
        for case in cases {
            let read = instant(case["value"].as_str().unwrap());
            let is = read.map(|time| time.timestamp_millis());
            assert_eq!(is, case["millis"].as_i64(), "{case}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_nothing_without_its_parts(seconds in 0i64..4_000_000_000, cut in 1usize..25) {
            let time = DateTime::from_timestamp(seconds, 0).unwrap();
            let text = time.to_rfc3339();
            prop_assert_eq!(instant(&text), Some(time));
            prop_assert_eq!(instant(&text[..text.len() - cut]), None);
            prop_assert_eq!(instant(&text.replace('T', " ")), None);
        }
    }
}
