//! The quarter hours that history is counted by: what was due, and what came of it, by intended start.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::Scale;

/// The length of one, in real time.
const QUARTER: Duration = Duration::from_secs(15 * 60);

/// The begin of the quarter hour (in scaled time) that an intended start lies in: a whole number of them
/// since 1970.
pub fn quarter_of(scale: Scale, due_at: DateTime<Utc>) -> DateTime<Utc> {
    let length = quarter_length(scale);
    let past = due_at
        .timestamp_micros()
        .rem_euclid(length.num_microseconds().unwrap_or(i64::MAX).max(1));
    due_at - TimeDelta::microseconds(past) - TimeDelta::nanoseconds(below_micros(due_at))
}

/// How long a quarter hour is in scaled time.
pub fn quarter_length(scale: Scale) -> TimeDelta {
    TimeDelta::from_std(scale.of(QUARTER)).unwrap_or(TimeDelta::MAX)
}

/// Nanoseconds beyond the last whole microsecond.
fn below_micros(at: DateTime<Utc>) -> i64 {
    i64::from(at.timestamp_subsec_nanos() % 1_000)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn a_quarter_begins_at_a_whole_number_of_them_since_1970() {
        let at = |us| DateTime::from_timestamp_micros(us).unwrap();
        let quarter = 900_000_000;
        for (due, begin) in [
            (0, 0),
            (quarter - 1, 0),
            (quarter, quarter),
            (-1, -quarter),
            (7 * quarter + 5, 7 * quarter),
        ] {
            assert_eq!(quarter_of(Scale::REAL, at(due)), at(begin));
        }
        let fast = Scale::new(NonZeroU32::new(60).unwrap());
        assert_eq!(quarter_of(fast, at(31_000_000)), at(30_000_000));
        let odd = DateTime::from_timestamp_nanos(900_000_000_000 + 7);
        assert_eq!(quarter_of(Scale::REAL, odd), at(quarter));
    }
}
