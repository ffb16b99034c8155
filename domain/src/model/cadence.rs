//! The rhythm of starts: fixed intervals, intervals by hour of the week, and civil times.

use std::time::Duration;

use chrono::{DateTime, Timelike, Utc, Weekday};

use super::{Civil, Zone};

/// When a probe is due.
#[derive(Clone, Debug, PartialEq)]
pub enum Cadence {
    /// At a fixed interval, spread by a stable hash of the probe's id.
    Every(Duration),
    /// At a fixed interval of which some starts are left out, by hour of the week.
    Profile(Box<Profile>),
    /// At the occurrences of a cron expression.
    Cron(Box<Civil>),
}

/// Hours of a week.
pub const WEEK_HOURS: usize = 7 * 24;

/// An interval that is some times as long in some hours of the week, as production's own rate is.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// The interval where the factor is 1.
    pub every: Duration,
    /// Whose hours.
    pub zone: Zone,
    /// By what the interval is multiplied, from Monday 00:00; 0 for no start in that hour.
    pub factors: [u8; WEEK_HOURS],
}

impl Profile {
    fn factor(&self, at: DateTime<Utc>) -> u8 {
        let local = self.zone.local(at);
        let day = chrono::Datelike::weekday(&local).days_since(Weekday::Mon);
        let hour = usize::try_from(day * 24 + local.hour()).unwrap_or_default();
        self.factors.get(hour).copied().unwrap_or(1)
    }

    /// The end of the hour on the wall that holds an instant.
    fn hour_end(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        let local = self.zone.local(at);
        let left = 3600 - i64::from(local.minute() * 60 + local.second());
        let end = DateTime::from_timestamp(at.timestamp() + left, 0).unwrap_or(at);
        // A clock change within the hour ends it too.
        self.zone.change_in(at, end).unwrap_or(end)
    }
}

/// Starts at a fixed interval: `n · period + offset`, in milliseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    pub(super) period: i64,
    pub(super) offset: i64,
}

impl Grid {
    pub(super) fn new(every: Duration, hash: u64) -> Option<Self> {
        let period = i64::try_from(every.as_millis()).ok()?.max(1);
        let offset = i64::try_from(hash % u64::try_from(period).ok()?).ok()?;
        Some(Self { period, offset })
    }

    /// The first number at or after an instant.
    fn number_from(self, at_ms: i64) -> i64 {
        (at_ms - self.offset + self.period - 1).div_euclid(self.period)
    }

    fn start(self, number: i64) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_millis(number.checked_mul(self.period)?.checked_add(self.offset)?)
    }
}

/// The first whole millisecond after an instant, which may hold parts of one.
fn ms_after(after: DateTime<Utc>) -> i64 {
    after.timestamp_millis() + 1
}

impl Cadence {
    /// The first start after a time, without jitter; `hash` moves the grid of an interval.
    pub fn next_after(&self, hash: u64, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Self::Every(every) => {
                let grid = Grid::new(*every, hash)?;
                grid.start(grid.number_from(ms_after(after)))
            }
            Self::Profile(profile) => profile.next_after(hash, after),
            Self::Cron(civil) => civil.next_after(after),
        }
    }

    /// Starts in `(after, until]`, without jitter. Of an interval by division, of a profile hour by hour,
    /// of civil times one by one.
    pub fn count(&self, hash: u64, after: DateTime<Utc>, until: DateTime<Utc>) -> u64 {
        if until <= after {
            return 0;
        }
        match self {
            Self::Every(every) => Grid::new(*every, hash).map_or(0, |grid| {
                let until = grid.number_from(ms_after(until));
                u64::try_from(until - grid.number_from(ms_after(after))).unwrap_or_default()
            }),
            Self::Profile(profile) => profile.count(hash, after, until),
            Self::Cron(civil) => {
                let starts = std::iter::successors(civil.next_after(after), |start| {
                    civil.next_after(*start)
                });
                let count = starts.take_while(|start| *start <= until).count();
                u64::try_from(count).unwrap_or(u64::MAX)
            }
        }
    }
}

impl Profile {
    fn next_after(&self, hash: u64, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let grid = Grid::new(self.every, hash)?;
        let mut from = DateTime::from_timestamp_millis(ms_after(after))?;
        // A factor may leave out more starts than an hour has, so a week may hold none: the same hour
        // comes again `factor` times at most until one of its starts is not left out.
        let weeks = usize::from(u8::MAX) + 2;
        for _ in 0..weeks * WEEK_HOURS {
            let end = self.hour_end(from);
            if let Some(number) = self.first_kept(grid, from)
                && let Some(start) = grid.start(number)
                && start < end
            {
                return Some(start);
            }
            from = end;
        }
        None
    }

    /// The first number at or after an instant that the hour of that instant does not leave out.
    fn first_kept(&self, grid: Grid, from: DateTime<Utc>) -> Option<i64> {
        let factor = i64::from(self.factor(from));
        let number = grid.number_from(from.timestamp_millis());
        (factor > 0).then(|| (number + factor - 1).div_euclid(factor) * factor)
    }

    fn count(&self, hash: u64, after: DateTime<Utc>, until: DateTime<Utc>) -> u64 {
        let (Some(grid), Some(mut from), Some(end)) = (
            Grid::new(self.every, hash),
            DateTime::from_timestamp_millis(ms_after(after)),
            DateTime::from_timestamp_millis(ms_after(until)),
        ) else {
            return 0;
        };
        let mut count = 0;
        while from < end {
            let hour_end = self.hour_end(from).min(end);
            if let Some(first) = self.first_kept(grid, from) {
                let factor = i64::from(self.factor(from));
                let beyond = grid.number_from(hour_end.timestamp_millis());
                count += u64::try_from((beyond - first + factor - 1).div_euclid(factor))
                    .unwrap_or_default();
            }
            from = hour_end;
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use chrono::{Datelike, TimeDelta};
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    /// Every ten minutes, thrice as long at night, not at all on Sunday.
    fn profile(zone: &str) -> Cadence {
        let mut factors = [1; WEEK_HOURS];
        for (hour, factor) in factors.iter_mut().enumerate() {
            if hour % 24 < 6 {
                *factor = 3;
            }
            if hour >= 6 * 24 {
                *factor = 0;
            }
        }
        Cadence::Profile(Box::new(Profile {
            every: Duration::from_secs(600),
            zone: Zone::named(zone).unwrap(),
            factors,
        }))
    }

    #[test]
    fn a_profile_keeps_every_nth_start_of_its_hours() {
        let profile = profile("America/New_York");
        // Monday: 18 hours of six, 6 hours of two. Local midnight is 05:00 UTC.
        let (monday, tuesday) = (at("2026-01-05T04:59:59Z"), at("2026-01-06T04:59:59Z"));
        assert_eq!(profile.count(0, monday, tuesday), 18 * 6 + 6 * 2);
        // From late on Saturday to Monday, nothing; then the first that a night keeps.
        let last = profile.next_after(0, at("2026-01-11T04:45:00Z")).unwrap();
        assert_eq!(last, at("2026-01-11T04:50:00Z"));
        assert_eq!(
            profile.next_after(0, last).unwrap(),
            at("2026-01-12T05:00:00Z")
        );
    }

    #[test]
    fn a_factor_beyond_what_an_hour_holds_still_comes_round() {
        let hourly = |hour: usize| {
            let mut factors = [0; WEEK_HOURS];
            factors[hour] = 60;
            Cadence::Profile(Box::new(Profile {
                every: Duration::from_secs(3600),
                zone: Zone::UTC,
                factors,
            }))
        };
        let profile = hourly(12);
        let first = profile.next_after(0, at("2026-01-05T00:00:00Z")).unwrap();
        assert_eq!((first.weekday(), first.hour()), (Weekday::Mon, 12));
        let second = profile.next_after(0, first).unwrap();
        // 60 and the 168 hours of a week meet again after 840 hours: five weeks.
        assert_eq!((second - first).num_hours(), 840);
        // Every 60th hour is never the eleventh of a Monday.
        assert_eq!(hourly(10).next_after(0, first), None);
    }

    proptest! {
        #[test]
        fn a_profile_counts_what_it_starts(
            hash in 0u64..600_000, hours in 0i64..5000, length in 1i64..400, is_east in any::<bool>(),
        ) {
            let profile = profile(if is_east { "Asia/Kolkata" } else { "America/New_York" });
            let after = at("2026-01-01T00:00:00Z") + TimeDelta::hours(hours) + TimeDelta::seconds(7);
            let until = after + TimeDelta::hours(length);
            let starts = std::iter::successors(profile.next_after(hash, after), |start| {
                profile.next_after(hash, *start)
            });
            let walked = starts.take_while(|start| *start <= until).count();
            prop_assert_eq!(profile.count(hash, after, until), u64::try_from(walked).unwrap());
        }
    }
}
