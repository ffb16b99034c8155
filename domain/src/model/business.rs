//! Business days: Monday to Friday of a time zone without the federal holidays of the United States
//! (5 U.S.C. 6103).

use chrono::{DateTime, Datelike, Days, Month, NaiveDate, NaiveTime, Utc, Weekday};

use super::Zone;

/// So many business days of a time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BusinessDays {
    /// How many; at least one.
    pub days: u32,
    /// Whose clocks show them.
    pub zone: Zone,
}

impl BusinessDays {
    /// When they are over: at the same time of day so many business days later. What begins on another day
    /// begins with the first instant of the next business day.
    pub fn after(self, began: DateTime<Utc>) -> DateTime<Utc> {
        let local = self.zone.local(began);
        let (mut day, time) = if is_business_day(local.date()) {
            (local.date(), local.time())
        } else {
            (next_business_day(local.date()), NaiveTime::MIN)
        };
        for _ in 0..self.days {
            day = next_business_day(day);
        }
        self.zone.first_at(day.and_time(time))
    }
}

impl std::fmt::Display for BusinessDays {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let noun = if self.days == 1 { "day" } else { "days" };
        write!(f, "{} business {noun} in {}", self.days, self.zone.name())
    }
}

/// Whether offices are open: neither weekend nor federal holiday.
pub fn is_business_day(day: NaiveDate) -> bool {
    !is_weekend(day) && !is_holiday(day)
}

fn next_business_day(day: NaiveDate) -> NaiveDate {
    let later = day.iter_days().skip(1);
    // No stretch of holidays comes near a fortnight.
    later
        .take(14)
        .find(|day| is_business_day(*day))
        .unwrap_or(day)
}

fn is_weekend(day: NaiveDate) -> bool {
    matches!(day.weekday(), Weekday::Sat | Weekday::Sun)
}

/// Where in a year a holiday lies.
#[derive(Clone, Copy, Debug)]
enum Rule {
    /// On this day; where that is a Saturday the Friday before is free, where it is a Sunday the Monday after.
    On(Month, u32),
    /// On the n-th such weekday of the month.
    Nth(Month, Weekday, u8),
    /// On the last such weekday of the month.
    Last(Month, Weekday),
}

/// The holidays of 5 U.S.C. 6103(a).
const HOLIDAYS: [Rule; 11] = [
    // New Year's Day
    Rule::On(Month::January, 1),
    // Birthday of Martin Luther King, Jr.
    Rule::Nth(Month::January, Weekday::Mon, 3),
    // Washington's Birthday
    Rule::Nth(Month::February, Weekday::Mon, 3),
    // Memorial Day
    Rule::Last(Month::May, Weekday::Mon),
    // Juneteenth National Independence Day
    Rule::On(Month::June, 19),
    // Independence Day
    Rule::On(Month::July, 4),
    // Labor Day
    Rule::Nth(Month::September, Weekday::Mon, 1),
    // Columbus Day
    Rule::Nth(Month::October, Weekday::Mon, 2),
    // Veterans Day
    Rule::On(Month::November, 11),
    // Thanksgiving Day
    Rule::Nth(Month::November, Weekday::Thu, 4),
    // Christmas Day
    Rule::On(Month::December, 25),
];

impl Rule {
    /// The free day of a year. New Year's Day may lie in the year before.
    fn of_year(self, year: i32) -> Option<NaiveDate> {
        match self {
            Self::On(month, day) => {
                let day = NaiveDate::from_ymd_opt(year, month.number_from_month(), day)?;
                match day.weekday() {
                    Weekday::Sat => day.checked_sub_days(Days::new(1)),
                    Weekday::Sun => day.checked_add_days(Days::new(1)),
                    Weekday::Mon | Weekday::Tue | Weekday::Wed | Weekday::Thu | Weekday::Fri => {
                        Some(day)
                    }
                }
            }
            Self::Nth(month, weekday, n) => {
                NaiveDate::from_weekday_of_month_opt(year, month.number_from_month(), weekday, n)
            }
            Self::Last(month, weekday) => {
                let of = |n| {
                    let month = month.number_from_month();
                    NaiveDate::from_weekday_of_month_opt(year, month, weekday, n)
                };
                of(5).or_else(|| of(4))
            }
        }
    }
}

fn is_holiday(day: NaiveDate) -> bool {
    let years = [day.year(), day.year().saturating_add(1)];
    let mut all = HOLIDAYS
        .iter()
        .flat_map(|rule| years.map(|year| rule.of_year(year)));
    all.any(|free| free == Some(day))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn at(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    /// The free days as the Office of Personnel Management lists them.
    const FREE: [&str; 23] = [
        "2026-01-01",
        "2026-01-19",
        "2026-02-16",
        "2026-05-25",
        "2026-06-19",
        "2026-07-03",
        "2026-09-07",
        "2026-10-12",
        "2026-11-11",
        "2026-11-26",
        "2026-12-25",
        "2027-01-01",
        "2027-01-18",
        "2027-02-15",
        "2027-05-31",
        "2027-06-18",
        "2027-07-05",
        "2027-09-06",
        "2027-10-11",
        "2027-11-11",
        "2027-11-25",
        "2027-12-24",
        "2027-12-31",
    ];

    #[test]
    fn every_federal_holiday_of_two_years_and_no_other_day_is_free() {
        let free: Vec<String> = date("2026-01-01")
            .iter_days()
            .take_while(|day| *day <= date("2027-12-31"))
            .filter(|day| is_holiday(*day))
            .map(|day| day.to_string())
            .collect();
        assert_eq!(free, FREE);
    }

    #[test]
    fn a_business_day_is_over_at_the_same_time_of_the_next_one() {
        let zone = Zone::named("America/New_York").unwrap();
        let end = |days, text| BusinessDays { days, zone }.after(at(text)).to_rfc3339();
        // From Wednesday before Thanksgiving to Friday.
        assert_eq!(end(1, "2026-11-25T15:00:00Z"), "2026-11-27T15:00:00+00:00");
        // From Friday over the weekend, and over the clock change on Sunday.
        assert_eq!(end(1, "2026-10-30T15:00:00Z"), "2026-11-02T16:00:00+00:00");
        assert_eq!(end(3, "2026-10-30T15:00:00Z"), "2026-11-04T16:00:00+00:00");
        // What begins on a Saturday begins with Monday.
        assert_eq!(end(1, "2026-11-21T15:00:00Z"), "2026-11-24T05:00:00+00:00");
        // Late on a Friday in New York is Saturday elsewhere.
        assert_eq!(end(1, "2026-11-21T03:00:00Z"), "2026-11-24T03:00:00+00:00");
        // New Year's Day of a Saturday is kept on the last day of the year before.
        assert_eq!(end(1, "2027-12-30T15:00:00Z"), "2028-01-03T15:00:00+00:00");
    }
}
