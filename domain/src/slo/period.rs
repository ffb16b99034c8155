//! Where a window lies at a time: rolling ones end now, calendar ones at civil midnight of their zone.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, Utc};

use crate::model::{Window, Zone};

/// A stretch of time, its begin outside and its end inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// After this.
    pub from: DateTime<Utc>,
    /// Up to this.
    pub to: DateTime<Utc>,
}

impl Period {
    /// The stretch of a window that a time lies in, or that ends with it.
    pub fn of(window: Window, now: DateTime<Utc>) -> Self {
        match window {
            Window::Rolling(length) => Self {
                from: now - TimeDelta::from_std(length).unwrap_or(TimeDelta::MAX),
                to: now,
            },
            Window::Month(zone) => calendar(zone, now, 1),
            Window::Quarter(zone) => calendar(zone, now, 3),
        }
    }
}

/// The stretch of so many whole months that begins with a multiple of them.
fn calendar(zone: Zone, now: DateTime<Utc>, months: u32) -> Period {
    let local = zone.local(now);
    let first = local.month0() / months * months;
    let (year, next) = (local.year(), first + months);
    let (next_year, next) = if next < 12 {
        (year, next)
    } else {
        (year + 1, next - 12)
    };
    Period {
        from: midnight(zone, year, first),
        to: midnight(zone, next_year, next),
    }
}

/// The first moment of a month. Some zones begin daylight saving at midnight: then the first hour is not
/// there, and the day begins at its end.
fn midnight(zone: Zone, year: i32, month0: u32) -> DateTime<Utc> {
    let first = NaiveDate::from_ymd_opt(year, month0 + 1, 1).unwrap_or_default();
    zone.first_at(first.and_time(NaiveTime::MIN))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn zone(name: &str) -> Zone {
        Zone::named(name).unwrap()
    }

    fn at(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    fn period(window: Window, now: &str) -> (String, String) {
        let Period { from, to } = Period::of(window, at(now));
        (from.to_rfc3339(), to.to_rfc3339())
    }

    fn pair(from: &str, to: &str) -> (String, String) {
        (at(from).to_rfc3339(), at(to).to_rfc3339())
    }

    #[test]
    fn a_month_ends_at_midnight_of_its_zone_in_summer_and_in_winter() {
        let new_york = Window::Month(zone("America/New_York"));
        // The clocks go forward on 8 March and back on 1 November 2026.
        assert_eq!(
            period(new_york, "2026-03-15T12:00:00Z"),
            pair("2026-03-01T05:00:00Z", "2026-04-01T04:00:00Z")
        );
        assert_eq!(
            period(new_york, "2026-11-15T12:00:00Z"),
            pair("2026-11-01T04:00:00Z", "2026-12-01T05:00:00Z")
        );
        // An hour before midnight there, it is the next month in UTC.
        assert_eq!(
            period(new_york, "2026-12-01T04:00:00Z"),
            pair("2026-11-01T04:00:00Z", "2026-12-01T05:00:00Z")
        );
        assert_eq!(
            period(Window::Month(Zone::UTC), "2028-02-29T23:59:59Z"),
            pair("2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z")
        );
    }

    #[test]
    fn quarters_are_those_of_the_calendar() {
        let quarter = Window::Quarter(zone("America/Chicago"));
        assert_eq!(
            period(quarter, "2026-12-31T12:00:00Z"),
            pair("2026-10-01T05:00:00Z", "2027-01-01T06:00:00Z")
        );
        assert_eq!(
            period(quarter, "2026-02-01T00:00:00Z"),
            pair("2026-01-01T06:00:00Z", "2026-04-01T05:00:00Z")
        );
    }

    #[test]
    fn a_day_without_its_first_hour_begins_at_its_end() {
        // In Beirut 1 May 1984 had no hour from midnight on.
        let month = Window::Month(zone("Asia/Beirut"));
        let Period { from, .. } = Period::of(month, at("1984-05-10T00:00:00Z"));
        assert_eq!(from, at("1984-04-30T22:00:00Z"));
        let moved = midnight(zone("America/Asuncion"), 2017, 9);
        assert_eq!(moved, at("2017-10-01T04:00:00Z"));
    }

    #[test]
    fn a_rolling_window_ends_now() {
        let week = Window::Rolling(Duration::from_secs(7 * 86_400));
        assert_eq!(
            period(week, "2026-11-22T05:00:00Z"),
            pair("2026-11-15T05:00:00Z", "2026-11-22T05:00:00Z")
        );
    }
}
