//! Cron expressions in civil time: every start once, in order, through both clock changes of a year.
//!
//! One time a day (`0 30 2 * * *`) runs once on each of its days: after the gap when clocks skip it,
//! at the first of the two when they show it twice. All else (`0 */30 * * * *`) follows the wall
//! clock: what is skipped is not run, what is shown twice is run twice.

use chrono::{DateTime, TimeDelta, Utc};
use cron::TimeUnitSpec;

use super::zone::{Shown, Zone};

/// A cron expression in a time zone.
#[derive(Clone, Debug, PartialEq)]
pub struct Civil {
    schedule: cron::Schedule,
    zone: Zone,
}

impl Civil {
    /// At the occurrences of an expression (seconds first), as wall clocks of a zone show them.
    pub fn new(schedule: cron::Schedule, zone: Zone) -> Self {
        Self { schedule, zone }
    }

    /// Whose wall clocks.
    pub fn zone(&self) -> Zone {
        self.zone
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        self.schedule.source()
    }

    fn is_once_a_day(&self) -> bool {
        let (seconds, minutes) = (self.schedule.seconds(), self.schedule.minutes());
        seconds.count() == 1 && minutes.count() == 1 && self.schedule.hours().count() == 1
    }

    /// The first start after an instant; none when there is no more.
    pub fn next_after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if self.zone == Zone::UTC {
            // The guard is for an expression whose iterator would stand still.
            return self.schedule.after(&after).find(|due| *due > after);
        }
        // The expression is asked in wall time as if that had no clock changes.
        let ahead = self.zone.ahead(after);
        let first = self.shown_after(after + ahead)?;
        let Some(change) = self.zone.change_soon(after) else {
            return self.begins(first, after);
        };
        // A change is near. Before it, clocks go on as they do now.
        if first - ahead < change {
            return Some(first - ahead);
        }
        let then = self.zone.ahead(change);
        if then < ahead && self.is_once_a_day() {
            // What was shown before the change and is shown again has run.
            return self.begins(
                self.shown_after(change + ahead - TimeDelta::nanoseconds(1))?,
                after,
            );
        }
        if then > ahead && self.is_once_a_day() && first < change + then {
            return Some(change);
        }
        let shown = self.shown_after(change + then - TimeDelta::nanoseconds(1))?;
        self.begins(shown, change - TimeDelta::nanoseconds(1))
    }

    /// The next time that matches after one that clocks show, both as if UTC.
    fn shown_after(&self, shown: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.schedule.after(&shown).find(|due| *due > shown)
    }

    /// When a time that matches is, or the next that is at all.
    fn begins(&self, mut shown: DateTime<Utc>, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        loop {
            let at = match self.zone.instants(shown.naive_utc()) {
                Shown::Once(at) => at,
                Shown::Twice(one, _) if one > after => one,
                // The first of the two has been: what runs once a day has run.
                Shown::Twice(one, _) if self.is_once_a_day() => one,
                Shown::Twice(_, other) => other,
                Shown::Never => {
                    let end = self.zone.after_skip(shown.naive_utc());
                    if self.is_once_a_day() {
                        end
                    } else {
                        let resumed = end + self.zone.ahead(end);
                        shown = self.shown_after(resumed - TimeDelta::nanoseconds(1))?;
                        continue;
                    }
                }
            };
            if at > after {
                return Some(at);
            }
            shown = self.shown_after(shown)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use chrono::Timelike;
    use proptest::prelude::*;

    use super::*;

    const NEW_YORK: &str = "America/New_York";

    fn at(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    fn civil(text: &str, zone: &str) -> Civil {
        let schedule = cron::Schedule::from_str(text).unwrap();
        Civil::new(schedule, Zone::named(zone).unwrap())
    }

    fn starts(civil: &Civil, from: &str, many: usize) -> Vec<String> {
        let first = civil.next_after(at(from));
        let all = std::iter::successors(first, |start| civil.next_after(*start));
        all.take(many)
            .map(|start| start.format("%dT%H:%M").to_string())
            .collect()
    }

    #[test]
    fn a_skipped_time_runs_after_the_gap_and_a_doubled_one_runs_once() {
        let skipped = civil("0 30 2 * * *", NEW_YORK);
        assert_eq!(
            starts(&skipped, "2026-03-07T12:00:00Z", 2),
            ["08T07:00", "09T06:30"]
        );
        let doubled = civil("0 30 1 * * *", NEW_YORK);
        assert_eq!(
            starts(&doubled, "2026-10-31T12:00:00Z", 2),
            ["01T05:30", "02T06:30"]
        );
        // Asked between the two, it has run.
        assert_eq!(starts(&doubled, "2026-11-01T05:45:00Z", 1), ["02T06:30"]);
    }

    #[test]
    fn half_hours_follow_the_wall_clock_in_order() {
        let halves = civil("0 */30 * * * *", NEW_YORK);
        assert_eq!(
            starts(&halves, "2026-11-01T04:59:00Z", 5),
            ["01T05:00", "01T05:30", "01T06:00", "01T06:30", "01T07:00"]
        );
        assert_eq!(
            starts(&halves, "2026-03-08T06:29:00Z", 3),
            ["08T06:30", "08T07:00", "08T07:30"]
        );
        // Only the skipped hour: not on that day.
        let twos = civil("0 */30 2 * * *", NEW_YORK);
        assert_eq!(starts(&twos, "2026-03-07T12:00:00Z", 1), ["09T06:00"]);
    }

    /// croner's next start, as a second opinion.
    fn croner_next(text: &str, zone: &str, after: DateTime<Utc>) -> DateTime<Utc> {
        let parser = croner::parser::CronParser::builder()
            .seconds(croner::parser::Seconds::Required)
            .dom_and_dow(true)
            .build();
        let zone: chrono_tz::Tz = zone.parse().unwrap();
        let cron = parser.parse(text).unwrap();
        let after = after.with_timezone(&zone);
        cron.find_next_occurrence(&after, false).unwrap().to_utc()
    }

    /// Fields that both libraries read alike.
    fn expression() -> impl Strategy<Value = String> {
        let minute = prop_oneof![
            Just("*".to_owned()),
            Just("*/7".to_owned()),
            Just("*/30".to_owned()),
            Just("5,35,50".to_owned()),
            (0u32..60).prop_map(|minute| minute.to_string()),
        ];
        let hour = prop_oneof![
            Just("*".to_owned()),
            Just("*/2".to_owned()),
            Just("0-4".to_owned()),
            (0u32..24).prop_map(|hour| hour.to_string()),
            (0u32..4).prop_map(|hour| hour.to_string()),
        ];
        let weekday = prop_oneof![Just("*"), Just("Sun"), Just("Mon-Fri"), Just("Sat,Sun")];
        let second = prop_oneof![
            Just("0".to_owned()),
            Just("*/20".to_owned()),
            Just("7".to_owned())
        ];
        (second, minute, hour, weekday).prop_map(|(second, minute, hour, weekday)| {
            format!("{second} {minute} {hour} * * {weekday}")
        })
    }

    fn zone() -> impl Strategy<Value = &'static str> {
        prop_oneof![
            Just(NEW_YORK),
            Just("America/Los_Angeles"),
            Just("Europe/Berlin"),
            Just("Australia/Lord_Howe"),
            Just("America/Phoenix"),
            Just("UTC"),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn croner_says_the_same_around_every_clock_change(
            text in expression(), zone in zone(), is_autumn in any::<bool>(), hours in -60i64..60, seconds in 0i64..3600,
        ) {
            let civil = civil(&text, zone);
            let half = if is_autumn { "2026-07-01T00:00:00Z" } else { "2026-01-01T00:00:00Z" };
            let from = at(half);
            let zone_of = civil.zone();
            let days = (0..184).find_map(|day| {
                let begin = from + TimeDelta::days(day);
                zone_of.change_in(begin, begin + TimeDelta::days(1))
            });
            let near = days.unwrap_or(from + TimeDelta::days(80));
            let mut after = near + TimeDelta::hours(hours) + TimeDelta::seconds(seconds);
            for _ in 0..6 {
                let next = civil.next_after(after).unwrap();
                prop_assert!(next > after, "{} is not after {}", next, after);
                prop_assert_eq!(next, croner_next(&text, zone, after), "{} in {} after {}", text, zone, after);
                after = next;
            }
        }

        #[test]
        fn whoever_asks_from_wherever_hears_the_same_starts(
            text in expression(), zone in zone(), seconds in 0i64..(8 * 3600),
        ) {
            // From before the change and from any time within it, no start is lost or comes twice.
            let civil = civil(&text, zone);
            for begin in ["2026-03-08T04:00:00Z", "2026-11-01T04:00:00Z"] {
                let middle = at(begin) + TimeDelta::seconds(seconds);
                let end = at(begin) + TimeDelta::hours(10);
                let until = |from| {
                    std::iter::successors(civil.next_after(from), |start| civil.next_after(*start))
                        .take_while(move |start| *start <= end)
                };
                let whole: Vec<_> = until(at(begin)).filter(|start| *start > middle).collect();
                let late: Vec<_> = until(middle).collect();
                prop_assert!(whole.windows(2).all(|pair| pair[0] < pair[1]));
                prop_assert_eq!(whole, late);
            }
        }
    }

    #[test]
    fn a_zone_asked_at_any_second_is_in_order() {
        let every = civil("*/10 * * * * *", NEW_YORK);
        let mut last = at("2026-11-01T05:58:00Z");
        for _ in 0..60 {
            let next = every.next_after(last).unwrap();
            assert_eq!((next - last).num_seconds(), 10);
            assert_eq!(next.second() % 10, 0);
            last = next;
        }
    }
}
