//! The period of a report: a month, a quarter, an ISO week or a range of dates, as the contract's calendar has it.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, Utc, Weekday};

use crate::model::{ReportingWindow, Zone};

/// The longest range of dates: reports are of months and quarters, not of a ledger's whole life.
const RANGE_DAYS_MAX: i64 = 366;

/// A stretch of whole civil days, its begin inside and its end outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportPeriod {
    /// As it is written: `2026-10`, `2026-Q4`, `2026-W45`, `2026-10-01..2026-10-15`.
    pub name: String,
    /// The reporting window that it is one of; none for a range of dates.
    pub window: Option<ReportingWindow>,
    /// The first day.
    pub first: NaiveDate,
    /// The day after the last.
    pub end: NaiveDate,
}

/// Why a text is no period.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeriodMistake {
    /// Of no known form.
    #[error(
        "\"{0}\" is no period. Write a month (2026-10), a quarter (2026-Q4), an ISO week (2026-W45) \
         or days (2026-10-01..2026-10-15, without the last)"
    )]
    Form(String),
    /// Of a known form, and not in the calendar.
    #[error("the calendar has no {0}")]
    NoSuchDay(String),
    /// A range that holds no day.
    #[error("{0} ends before it begins. The second date is the day after the last")]
    Empty(String),
    /// A range that is too long.
    #[error("{name} has {days} days. A report is of {RANGE_DAYS_MAX} days at most")]
    Long {
        /// As it is written.
        name: String,
        /// How many days it has.
        days: i64,
    },
}

impl ReportPeriod {
    /// Reads one.
    ///
    /// # Errors
    /// It is none, or the calendar does not have it.
    pub fn parse(text: &str) -> Result<Self, PeriodMistake> {
        let form = || PeriodMistake::Form(text.to_owned());
        let no_such = || PeriodMistake::NoSuchDay(text.to_owned());
        if let Some((first, end)) = text.split_once("..") {
            return range(text, first, end);
        }
        let (year, rest) = text.split_once('-').ok_or_else(form)?;
        let year = digits(year, 4).ok_or_else(form)?;
        let year = i32::try_from(year).map_err(|_| form())?;
        let (window, first) = if let Some(quarter) = rest.strip_prefix('Q') {
            let quarter = digits(quarter, 1).ok_or_else(form)?;
            let month = quarter.checked_sub(1).map(|quarter| quarter * 3 + 1);
            let first = month.and_then(|month| NaiveDate::from_ymd_opt(year, month, 1));
            (ReportingWindow::Quarter, first)
        } else if let Some(week) = rest.strip_prefix('W') {
            let week = digits(week, 2).ok_or_else(form)?;
            let first = NaiveDate::from_isoywd_opt(year, week, Weekday::Mon);
            (ReportingWindow::Week, first)
        } else {
            let month = digits(rest, 2).ok_or_else(form)?;
            let first = NaiveDate::from_ymd_opt(year, month, 1);
            (ReportingWindow::Month, first)
        };
        first
            .and_then(|first| Self::of(window, first))
            .ok_or_else(no_such)
    }

    /// The reporting window that begins on a day.
    fn of(window: ReportingWindow, first: NaiveDate) -> Option<Self> {
        let end = match window {
            ReportingWindow::Month => first.checked_add_months(Months::new(1)),
            ReportingWindow::Quarter => first.checked_add_months(Months::new(3)),
            ReportingWindow::Week => first.checked_add_days(Days::new(7)),
        }?;
        let name = match window {
            ReportingWindow::Month => first.format("%Y-%m").to_string(),
            ReportingWindow::Quarter => format!("{}-Q{}", first.year(), first.month0() / 3 + 1),
            ReportingWindow::Week => first.format("%G-W%V").to_string(),
        };
        Some(Self {
            name,
            window: Some(window),
            first,
            end,
        })
    }

    /// The reporting window that holds a day.
    pub fn holding(window: ReportingWindow, day: NaiveDate) -> Option<Self> {
        let first = match window {
            ReportingWindow::Month => day.with_day(1),
            ReportingWindow::Quarter => {
                let month = day.month0() / 3 * 3 + 1;
                NaiveDate::from_ymd_opt(day.year(), month, 1)
            }
            ReportingWindow::Week => Some(day.week(Weekday::Mon).first_day()),
        };
        Self::of(window, first?)
    }

    /// The window before this one; none of a range of dates.
    pub fn before(&self) -> Option<Self> {
        let window = self.window?;
        let first = match window {
            ReportingWindow::Month => self.first.checked_sub_months(Months::new(1)),
            ReportingWindow::Quarter => self.first.checked_sub_months(Months::new(3)),
            ReportingWindow::Week => self.first.checked_sub_days(Days::new(7)),
        };
        Self::of(window, first?)
    }

    /// The instants of a zone at which it begins and at which it is over: the first inside, the second outside.
    pub fn instants(&self, zone: Zone) -> (DateTime<Utc>, DateTime<Utc>) {
        (midnight(zone, self.first), midnight(zone, self.end))
    }

    /// Each of its days with the instants of a zone at which it begins and is over.
    pub fn days(
        &self,
        zone: Zone,
    ) -> impl Iterator<Item = (NaiveDate, DateTime<Utc>, DateTime<Utc>)> {
        let days = self.first.iter_days().take_while(|day| *day < self.end);
        days.map(move |day| {
            let next = day.succ_opt().unwrap_or(day);
            (day, midnight(zone, day), midnight(zone, next))
        })
    }
}

/// The first instant of a day. Some zones begin daylight saving at midnight: then the day begins an hour later.
fn midnight(zone: Zone, day: NaiveDate) -> DateTime<Utc> {
    zone.first_at(day.and_time(NaiveTime::MIN))
}

/// A number of just so many digits.
fn digits(text: &str, count: usize) -> Option<u32> {
    let is_number = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

fn range(name: &str, first: &str, end: &str) -> Result<ReportPeriod, PeriodMistake> {
    let date = |text: &str| {
        let is_date = text.len() == 10 && text.is_ascii();
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
        match (is_date, date) {
            (true, Some(date)) => Ok(date),
            (true, None) if text.bytes().filter(|byte| *byte == b'-').count() == 2 => {
                Err(PeriodMistake::NoSuchDay(text.to_owned()))
            }
            _ => Err(PeriodMistake::Form(name.to_owned())),
        }
    };
    let (first, end) = (date(first)?, date(end)?);
    let days = (end - first).num_days();
    if days <= 0 {
        return Err(PeriodMistake::Empty(name.to_owned()));
    }
    if days > RANGE_DAYS_MAX {
        let name = name.to_owned();
        return Err(PeriodMistake::Long { name, days });
    }
    Ok(ReportPeriod {
        name: name.to_owned(),
        window: None,
        first,
        end,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(text: &str) -> (String, String) {
        let period = ReportPeriod::parse(text).unwrap();
        (period.first.to_string(), period.end.to_string())
    }

    fn pair(first: &str, end: &str) -> (String, String) {
        (first.to_owned(), end.to_owned())
    }

    #[test]
    fn months_quarters_weeks_and_ranges_are_whole_days() {
        assert_eq!(days("2026-10"), pair("2026-10-01", "2026-11-01"));
        assert_eq!(days("2026-12"), pair("2026-12-01", "2027-01-01"));
        assert_eq!(days("2028-02"), pair("2028-02-01", "2028-03-01"));
        assert_eq!(days("2026-Q4"), pair("2026-10-01", "2027-01-01"));
        assert_eq!(days("2026-W45"), pair("2026-11-02", "2026-11-09"));
        // 2026 has 53 ISO weeks, the first of which begins in 2025.
        assert_eq!(days("2026-W01"), pair("2025-12-29", "2026-01-05"));
        assert_eq!(days("2026-W53"), pair("2026-12-28", "2027-01-04"));
        let range = "2026-10-01..2026-10-15";
        assert_eq!(days(range), pair("2026-10-01", "2026-10-15"));
        for text in ["2026-10", "2026-Q4", "2026-W01", "2026-W53", range] {
            assert_eq!(ReportPeriod::parse(text).unwrap().name, text);
        }
    }

    #[test]
    fn the_window_before_is_its_neighbour() {
        for (text, before) in [
            ("2026-03", "2026-02"),
            ("2026-01", "2025-12"),
            ("2026-Q1", "2025-Q4"),
            ("2026-W01", "2025-W52"),
            ("2027-W01", "2026-W53"),
        ] {
            let period = ReportPeriod::parse(text).unwrap();
            let found = period.before().unwrap();
            assert_eq!(found.name, before);
            assert_eq!(found.end, period.first);
        }
        let range = ReportPeriod::parse("2026-10-01..2026-10-15").unwrap();
        assert_eq!(range.before(), None);
    }

    #[test]
    fn what_is_no_period_is_refused_with_the_reason() {
        let form = |text: &str| PeriodMistake::Form(text.to_owned());
        for text in [
            "",
            "2026",
            "october",
            "2026-1",
            "2026-010",
            "26-10",
            "2026-Q",
            "2026-q4",
            "2026-W5",
            "+026-10",
            "2026-10-01",
            "2026-10-1..2026-10-15",
            "2026-10-01..",
            "2026-10-01...2026-10-15",
        ] {
            assert_eq!(ReportPeriod::parse(text), Err(form(text)), "{text}");
        }
        for text in [
            "2026-00", "2026-13", "2026-Q0", "2026-Q5", "2026-W00", "2025-W53",
        ] {
            let none = PeriodMistake::NoSuchDay(text.to_owned());
            assert_eq!(ReportPeriod::parse(text), Err(none), "{text}");
        }
        let none = ReportPeriod::parse("2026-02-01..2026-02-30");
        assert_eq!(none, Err(PeriodMistake::NoSuchDay("2026-02-30".to_owned())));
        let empty = "2026-10-15..2026-10-15";
        assert!(matches!(
            ReportPeriod::parse(empty),
            Err(PeriodMistake::Empty(_))
        ));
        let long = ReportPeriod::parse("2025-01-01..2026-10-15");
        assert!(matches!(long, Err(PeriodMistake::Long { days: 652, .. })));
    }

    #[test]
    fn a_day_of_a_clock_change_has_23_or_25_hours() {
        let zone = Zone::named("America/New_York").unwrap();
        let hours = |text: &str| {
            let period = ReportPeriod::parse(text).unwrap();
            let (from, to) = period.instants(zone);
            (to - from).num_hours()
        };
        assert_eq!(hours("2026-03-08..2026-03-09"), 23);
        assert_eq!(hours("2026-11-01..2026-11-02"), 25);
        assert_eq!(hours("2026-03"), 31 * 24 - 1);
        assert_eq!(hours("2026-11"), 30 * 24 + 1);
        assert_eq!(hours("2026-10"), 31 * 24);
    }
}
