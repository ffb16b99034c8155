//! Declared windows: when nothing runs, when alerts are muted, what the SLA leaves out.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday};

use super::closed::closed;
use super::{Disposition, Zone};

closed!(
    /// What a declared window does. Each by itself.
    Effect {
        /// Nothing is run.
        Blackout = "blackout",
        /// Runs go on; their alerts are muted.
        NoAlert = "no_alert",
        /// What runs is left out of net figures; raw counts hold it.
        Exclude = "exclude",
    }
);

/// One entry of a calendar.
#[derive(Clone, Debug, PartialEq)]
pub struct Calendar {
    /// Why, in a person's words.
    pub reason: String,
    /// What it does.
    pub effects: BTreeSet<Effect>,
    /// When.
    pub span: CalendarSpan,
}

/// When a declared window is.
#[derive(Clone, Debug, PartialEq)]
pub enum CalendarSpan {
    /// Once: from the first instant up to, and not with, the second.
    Once(DateTime<Utc>, DateTime<Utc>),
    /// Each week.
    Weekly(Weekly),
}

/// A window that comes back each week, in civil time.
#[derive(Clone, Debug, PartialEq)]
pub struct Weekly {
    /// The days on which it begins.
    pub days: Vec<Weekday>,
    /// When on these days.
    pub from: NaiveTime,
    /// When it ends: on the next day when this is not after its begin; none for midnight.
    pub to: Option<NaiveTime>,
    /// Whose wall clocks.
    pub zone: Zone,
}

impl Weekly {
    /// The window that begins on a day.
    fn of_day(&self, day: NaiveDate) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        if !self.days.contains(&day.weekday()) {
            return None;
        }
        let next = day.checked_add_days(Days::new(1))?;
        let end = match self.to {
            Some(to) if to > self.from => day.and_time(to),
            Some(to) => next.and_time(to),
            None => next.and_time(NaiveTime::MIN),
        };
        let (begin, end) = (
            self.zone.first_at(day.and_time(self.from)),
            self.zone.first_at(end),
        );
        (begin < end).then_some((begin, end))
    }
}

impl Calendar {
    /// Its windows that reach into `[from, to)`, in order, cut to it.
    pub fn windows(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
        let cut = |(begin, end): (DateTime<Utc>, DateTime<Utc>)| {
            let (begin, end) = (begin.max(from), end.min(to));
            (begin < end).then_some((begin, end))
        };
        match &self.span {
            CalendarSpan::Once(begin, end) => cut((*begin, *end)).into_iter().collect(),
            CalendarSpan::Weekly(weekly) => {
                // One that began the day before may still last.
                let first = weekly.zone.local(from).date() - TimeDelta::days(2);
                let last = weekly.zone.local(to).date();
                let days = first.iter_days().take_while(|day| *day <= last);
                days.filter_map(|day| weekly.of_day(day))
                    .filter_map(cut)
                    .collect()
            }
        }
    }

    /// The end of its window that holds an instant.
    pub fn until(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match &self.span {
            CalendarSpan::Once(begin, end) => (*begin <= at && at < *end).then_some(*end),
            CalendarSpan::Weekly(weekly) => {
                let today = weekly.zone.local(at).date();
                let days = (0..=1).filter_map(|back| today.checked_sub_days(Days::new(back)));
                let held = days
                    .filter_map(|day| weekly.of_day(day))
                    .filter(|(begin, end)| *begin <= at && at < *end);
                held.map(|(_, end)| end).max()
            }
        }
    }

    /// Whether it has an effect at an instant.
    pub fn has(&self, effect: Effect, at: DateTime<Utc>) -> bool {
        self.effects.contains(&effect) && self.until(at).is_some()
    }
}

/// How calendars hold a start back: `maintenance` where one that does is left out of the SLA too,
/// else `blackout`; none where it runs.
pub fn held<'a>(
    calendars: impl IntoIterator<Item = &'a Calendar>,
    at: DateTime<Utc>,
) -> Option<Disposition> {
    let holding = calendars
        .into_iter()
        .filter(|one| one.has(Effect::Blackout, at));
    let all: Vec<&Calendar> = holding.collect();
    if all.is_empty() {
        return None;
    }
    let is_maintenance = all.iter().any(|one| one.effects.contains(&Effect::Exclude));
    Some(if is_maintenance {
        Disposition::Maintenance
    } else {
        Disposition::Blackout
    })
}

/// What declared windows say of an intended start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "three effects that do not exclude each other"
)]
pub struct Excuse {
    /// It is held back.
    pub held: bool,
    /// Its alerts are muted.
    pub no_alert: bool,
    /// The SLA leaves it out.
    pub excluded: bool,
}

impl Excuse {
    /// What calendars say of an intended start.
    pub fn of<'a>(
        calendars: impl IntoIterator<Item = &'a Calendar>,
        due_at: DateTime<Utc>,
    ) -> Self {
        let mut excuse = Self::default();
        for one in calendars {
            if one.until(due_at).is_some() {
                excuse.held |= one.effects.contains(&Effect::Blackout);
                excuse.no_alert |= one.effects.contains(&Effect::NoAlert);
                excuse.excluded |= one.effects.contains(&Effect::Exclude);
            }
        }
        excuse
    }

    /// Whether its run enters no alert's window.
    pub fn is_quiet(self) -> bool {
        self.no_alert || self.excluded
    }
}

/// Windows of an effect within `[from, to)`, none touching another.
pub fn merged<'a>(
    calendars: impl IntoIterator<Item = &'a Calendar>,
    effect: Effect,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
    let calendars = calendars.into_iter();
    declared(
        calendars.filter(|one| one.effects.contains(&effect)),
        from,
        to,
    )
}

/// Windows of any effect within `[from, to)`, none touching another.
pub fn declared<'a>(
    calendars: impl IntoIterator<Item = &'a Calendar>,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
    let calendars = calendars.into_iter();
    let mut windows: Vec<_> = calendars.flat_map(|one| one.windows(from, to)).collect();
    windows.sort();
    let mut merged: Vec<(DateTime<Utc>, DateTime<Utc>)> = Vec::new();
    for (begin, end) in windows {
        match merged.last_mut() {
            Some(last) if begin <= last.1 => last.1 = last.1.max(end),
            _ => merged.push((begin, end)),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    fn weekly(days: &[Weekday], from: &str, to: &str, effects: &[Effect]) -> Calendar {
        Calendar {
            reason: "work".to_owned(),
            effects: effects.iter().copied().collect(),
            span: CalendarSpan::Weekly(Weekly {
                days: days.to_vec(),
                from: from.parse().unwrap(),
                to: (to != "24:00").then(|| to.parse().unwrap()),
                zone: Zone::named("America/New_York").unwrap(),
            }),
        }
    }

    #[test]
    fn a_weekly_window_over_midnight_ends_on_the_next_day() {
        let night = weekly(&[Weekday::Sat], "22:00:00", "02:00:00", &[Effect::Blackout]);
        // Saturday 22:00 to Sunday 02:00 in New York, in summer.
        assert_eq!(night.until(at("2026-07-05T01:59:59Z")), None);
        let end = Some(at("2026-07-05T06:00:00Z"));
        assert_eq!(night.until(at("2026-07-05T02:00:00Z")), end);
        assert_eq!(night.until(at("2026-07-05T05:59:59Z")), end);
        assert_eq!(night.until(at("2026-07-05T06:00:00Z")), None);
        let windows = night.windows(at("2026-07-01T00:00:00Z"), at("2026-07-15T00:00:00Z"));
        assert_eq!(windows.len(), 2);
        assert_eq!(
            windows[0],
            (at("2026-07-05T02:00:00Z"), at("2026-07-05T06:00:00Z"))
        );
        let cut = night.windows(at("2026-07-05T05:00:00Z"), at("2026-07-05T05:30:00Z"));
        assert_eq!(
            cut,
            [(at("2026-07-05T05:00:00Z"), at("2026-07-05T05:30:00Z"))]
        );
    }

    #[test]
    fn a_window_over_a_clock_change_is_as_long_as_wall_clocks_say() {
        let sunday = weekly(&[Weekday::Sun], "00:00:00", "04:00:00", &[Effect::NoAlert]);
        let hours = |day: &str| {
            let from = at(day);
            let windows = sunday.windows(from, from + TimeDelta::days(1));
            windows
                .iter()
                .map(|(begin, end)| (*end - *begin).num_hours())
                .sum::<i64>()
        };
        assert_eq!(hours("2026-03-08T04:00:00Z"), 3);
        assert_eq!(hours("2026-11-01T04:00:00Z"), 5);
        assert_eq!(hours("2026-06-07T04:00:00Z"), 4);
        // One that begins in the hour that is skipped begins when that hour ends.
        let skipped = weekly(&[Weekday::Sun], "02:30:00", "03:30:00", &[Effect::NoAlert]);
        assert_eq!(skipped.until(at("2026-03-08T06:59:59Z")), None);
        assert!(skipped.until(at("2026-03-08T07:00:00Z")).is_some());
    }

    #[test]
    fn what_is_held_is_maintenance_where_the_sla_leaves_it_out() {
        let all = [Weekday::Mon, Weekday::Tue];
        let pause = weekly(&all, "01:00:00", "03:00:00", &[Effect::Blackout]);
        let work = weekly(
            &all,
            "02:00:00",
            "24:00",
            &[Effect::Blackout, Effect::Exclude],
        );
        let told = weekly(
            &all,
            "00:00:00",
            "24:00",
            &[Effect::NoAlert, Effect::Exclude],
        );
        let calendars = [pause, work, told];
        let held = |text| super::held(&calendars, at(text));
        // Tuesday in New York, four hours behind in summer.
        assert_eq!(held("2026-07-07T04:30:00Z"), None);
        assert_eq!(held("2026-07-07T05:30:00Z"), Some(Disposition::Blackout));
        assert_eq!(held("2026-07-07T06:30:00Z"), Some(Disposition::Maintenance));
        let (from, to) = (at("2026-07-07T04:00:00Z"), at("2026-07-08T04:00:00Z"));
        assert_eq!(
            merged(&calendars, Effect::Blackout, from, to),
            [(at("2026-07-07T05:00:00Z"), to)]
        );
        assert!(merged(&calendars, Effect::Blackout, to, from).is_empty());
    }
}
