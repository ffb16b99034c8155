//! The holidays of the United States' federal government, by rule (5 U.S.C. 6103). Pure.

use chrono::{Datelike as _, NaiveDate, Weekday};

/// Whether that day is a federal holiday: one of the eleven, or the Friday or Monday on which one that falls
/// on a Saturday or Sunday is observed.
pub fn is_holiday(day: NaiveDate) -> bool {
    let is_observed = match day.weekday() {
        Weekday::Fri => day.succ_opt().is_some_and(is_fixed),
        Weekday::Mon => day.pred_opt().is_some_and(is_fixed),
        Weekday::Tue | Weekday::Wed | Weekday::Thu | Weekday::Sat | Weekday::Sun => false,
    };
    is_fixed(day) || is_of_week(day) || is_observed
}

/// New Year's Day, Juneteenth, Independence Day, Veterans Day, Christmas Day.
fn is_fixed(day: NaiveDate) -> bool {
    matches!(
        (day.month(), day.day()),
        (1, 1) | (6, 19) | (7, 4) | (11, 11) | (12, 25)
    )
}

/// Those that are a certain weekday of their month.
fn is_of_week(day: NaiveDate) -> bool {
    matches!(
        (day.month(), day.weekday(), day.day()),
        // Martin Luther King Jr., Washington: the third.
        (1 | 2, Weekday::Mon, 15..=21)
            // Memorial Day: the last.
            | (5, Weekday::Mon, 25..=31)
            // Labor Day: the first.
            | (9, Weekday::Mon, 1..=7)
            // Columbus Day: the second.
            | (10, Weekday::Mon, 8..=14)
            // Thanksgiving Day: the fourth.
            | (11, Weekday::Thu, 22..=28)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The days off of a year, as `MM-DD`, weekends aside.
    fn days_off(year: i32) -> Vec<String> {
        let first = NaiveDate::from_ymd_opt(year, 1, 1).unwrap();
        let days = first.iter_days().take_while(|day| day.year() == year);
        days.filter(|day| !matches!(day.weekday(), Weekday::Sat | Weekday::Sun))
            .filter(|day| is_holiday(*day))
            .map(|day| day.format("%m-%d").to_string())
            .collect()
    }

    #[test]
    fn the_published_days_are_found_and_no_others() {
        let of_2026 = [
            "01-01", "01-19", "02-16", "05-25", "06-19", "07-03", "09-07", "10-12", "11-11",
            "11-26", "12-25",
        ];
        assert_eq!(days_off(2026), of_2026);
        // The last one is New Year's Day of 2028, a Saturday.
        let of_2027 = [
            "01-01", "01-18", "02-15", "05-31", "06-18", "07-05", "09-06", "10-11", "11-11",
            "11-25", "12-24", "12-31",
        ];
        assert_eq!(days_off(2027), of_2027);
    }
}
