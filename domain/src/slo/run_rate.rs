//! How many runs a stretch of time holds: known beforehand, because the agent owns the schedule.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::calendar::{held, merged};
use crate::model::{Cadence, Calendar, CalendarSpan, Effect, Plan, Probe, Slo, WEEK_HOURS};

/// Starts looked at one by one: a year of one every fifty minutes, a week of one a minute.
const STARTS_MAX: usize = 10_080;
/// Starts passed over and looked at, so that a calendar that holds everything back is told.
const HELD_MAX: usize = 4 * STARTS_MAX;
const DAY: Duration = Duration::from_secs(86_400);
/// Where looking begins, so that the same files give the same numbers on any day: a Thursday.
const REFERENCE_S: i64 = 1_767_225_600;

/// The run rate of one or more probes together.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRate<'a> {
    cadences: Vec<&'a Cadence>,
    /// What holds starts back each week. What does so once is in no window's budget for long.
    holds: Vec<&'a Calendar>,
    /// What keeps runs out of alerts' windows each week.
    quiet: Vec<&'a Calendar>,
    /// The longest time that one of their runs may take.
    pub deadline: Duration,
}

impl<'a> RunRate<'a> {
    /// Of one probe.
    pub fn of_probe(probe: &'a Probe) -> Self {
        Self {
            cadences: vec![&probe.cadence],
            holds: Vec::new(),
            quiet: Vec::new(),
            deadline: probe.deadline,
        }
    }

    /// Of one cadence, without calendars.
    #[cfg(test)]
    pub(super) fn of_cadence(cadence: &'a Cadence, deadline: Duration) -> Self {
        Self {
            cadences: vec![cadence],
            holds: Vec::new(),
            quiet: Vec::new(),
            deadline,
        }
    }

    /// Of the probes that an objective counts.
    pub fn of_slo(plan: &'a Plan, partner: &crate::model::PartnerId, slo: &Slo) -> Self {
        let probes = plan.probes.values().filter(|probe| {
            probe.id.partner == *partner && slo.journeys.contains(&probe.id.journey)
        });
        let (cadences, deadlines): (Vec<_>, Vec<_>) =
            probes.map(|probe| (&probe.cadence, probe.deadline)).unzip();
        let weekly = |effects: &'static [Effect]| {
            let has = move |one: &&Calendar| {
                let is_weekly = matches!(one.span, CalendarSpan::Weekly(_));
                is_weekly && effects.iter().any(|effect| one.effects.contains(effect))
            };
            plan.calendars_of(partner).filter(has).collect()
        };
        Self {
            cadences,
            holds: weekly(&[Effect::Blackout]),
            quiet: weekly(&[Effect::NoAlert, Effect::Exclude]),
            deadline: deadlines.into_iter().max().unwrap_or_default(),
        }
    }

    /// Runs due within a stretch, those that calendars hold back among them; where hours differ, in the
    /// stretch that has the fewest; for civil times, in the stretch that begins 2026.
    pub fn runs_in(&self, stretch: Duration) -> u64 {
        let of_one = |cadence: &&Cadence| match cadence {
            Cadence::Every(every) => {
                u64::try_from(stretch.as_nanos() / every.as_nanos().max(1)).unwrap_or(u64::MAX)
            }
            Cadence::Profile(_) => fewest(cadence, stretch),
            Cadence::Cron(_) => civil(cadence, stretch),
        };
        self.cadences.iter().map(of_one).sum()
    }

    /// Runs that can be judged within a window that begins 2026: due, and not held back each week. What
    /// a budget is a share of.
    pub fn judged_in(&self, window: Duration) -> u64 {
        let (from, to) = stretch_of(window);
        let windows = merged(self.holds.iter().copied(), Effect::Blackout, from, to);
        let of_one = |cadence: &&Cadence| {
            let all = match cadence {
                Cadence::Every(_) => RunRate {
                    cadences: vec![cadence],
                    holds: Vec::new(),
                    quiet: Vec::new(),
                    deadline: Duration::ZERO,
                }
                .runs_in(window),
                Cadence::Profile(_) => cadence.count(0, from, to),
                Cadence::Cron(_) => civil(cadence, window),
            };
            // Windows hold back what begins at their first instant, and not at their last.
            let before = TimeDelta::milliseconds(1);
            let held = windows
                .iter()
                .map(|(begin, end)| cadence.count(0, *begin - before, *end - before));
            all.saturating_sub(held.sum())
        };
        self.cadences.iter().map(of_one).sum()
    }

    /// The most runs that come due within a stretch that begins just after one of them, wherever it lies.
    pub fn most_in(&self, stretch: Duration) -> u64 {
        let of_one = |cadence: &&Cadence| match cadence {
            Cadence::Every(every) => {
                u64::try_from(stretch.as_nanos() / every.as_nanos().max(1)).unwrap_or(u64::MAX)
            }
            Cadence::Profile(_) | Cadence::Cron(_) => most(cadence, stretch),
        };
        self.cadences.iter().map(of_one).sum()
    }

    /// Whether runs come at fixed intervals all week, and none are excused each week: then a number of runs
    /// and a stretch of time are the same window.
    pub fn is_even(&self) -> bool {
        let is_fixed = |cadence: &&Cadence| matches!(cadence, Cadence::Every(_));
        self.holds.is_empty() && self.quiet.is_empty() && self.cadences.iter().all(is_fixed)
    }

    /// The interval and the number of probes where runs are even and all probes have one interval.
    pub(super) fn even(&self) -> Option<(Duration, u32)> {
        let mut intervals = self.cadences.iter().map(|cadence| match cadence {
            Cadence::Every(every) => Some(*every),
            Cadence::Profile(_) | Cadence::Cron(_) => None,
        });
        let first = intervals.next()??;
        let is_even = self.is_even() && intervals.all(|one| one == Some(first));
        let probes = u32::try_from(self.cadences.len()).ok()?;
        is_even.then_some((first, probes))
    }

    /// From one run of a probe to its next, where they come fastest.
    pub(super) fn shortest_gap(&self) -> Duration {
        let of_one = |cadence: &&Cadence| match cadence {
            Cadence::Every(every) => *every,
            Cadence::Profile(profile) => profile.every,
            Cadence::Cron(_) => {
                let mut two = starts(cadence, reference());
                let gap = two.next().zip(two.next()).map(|(one, next)| next - one);
                gap.and_then(|gap| gap.to_std().ok()).unwrap_or(DAY)
            }
        };
        self.cadences.iter().map(of_one).min().unwrap_or(DAY)
    }

    /// The cadences of its probes.
    pub(super) fn cadences(&self) -> impl Iterator<Item = &'a Cadence> + '_ {
        self.cadences.iter().copied()
    }

    /// Whether a run that is due then enters the windows of alerts: it is not held back or excused each week.
    pub(super) fn enters_windows(&self, start: DateTime<Utc>) -> bool {
        let mut all = self.holds.iter().chain(&self.quiet);
        all.all(|one| one.until(start).is_none())
    }

    /// Where looking at a schedule begins, so that the same files give the same numbers on any day.
    pub(super) fn reference() -> DateTime<Utc> {
        reference()
    }

    /// The longest time until so many runs have begun, wherever one starts to count.
    pub fn time_of(&self, runs: u64) -> Duration {
        let shares = u64::try_from(self.cadences.len()).unwrap_or(1).max(1);
        let each = runs.div_ceil(shares);
        let of_one = |cadence: &&Cadence| match cadence {
            Cadence::Every(every) if self.holds.is_empty() => {
                every.saturating_mul(u32::try_from(each).unwrap_or(u32::MAX))
            }
            Cadence::Every(_) | Cadence::Profile(_) | Cadence::Cron(_) => {
                self.longest(cadence, each)
            }
        };
        self.cadences.iter().map(of_one).max().unwrap_or_default()
    }

    fn longest(&self, cadence: &Cadence, runs: u64) -> Duration {
        let Ok(runs) = usize::try_from(runs) else {
            return Duration::MAX;
        };
        let starts: Vec<_> = starts(cadence, reference())
            .filter(|start| held(self.holds.iter().copied(), *start).is_none())
            .take(STARTS_MAX)
            .collect();
        let spans = starts.windows(runs + 1).map(|all| all[runs] - all[0]);
        let longest = spans.max().and_then(|span| span.to_std().ok());
        longest.unwrap_or(Duration::MAX)
    }
}

fn reference() -> DateTime<Utc> {
    DateTime::from_timestamp(REFERENCE_S, 0).unwrap_or_default()
}

/// A window of this length that begins 2026.
fn stretch_of(window: Duration) -> (DateTime<Utc>, DateTime<Utc>) {
    let from = reference();
    let length = TimeDelta::from_std(window).ok();
    let to = length.and_then(|length| from.checked_add_signed(length));
    (from, to.unwrap_or(from))
}

/// Starts after an instant, one by one, to an end.
fn starts(cadence: &Cadence, after: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> + '_ {
    let all = std::iter::successors(cadence.next_after(0, after), |start| {
        cadence.next_after(0, *start)
    });
    all.take(HELD_MAX)
}

/// Starts of a profile in the stretch that has the fewest, of those that begin at an hour of one week.
fn fewest(cadence: &Cadence, stretch: Duration) -> u64 {
    let (from, to) = stretch_of(stretch);
    let shifts = (0..WEEK_HOURS).map(|hour| TimeDelta::hours(i64::try_from(hour).unwrap_or(0)));
    let counts = shifts.map(|shift| cadence.count(0, from + shift, to + shift));
    counts.min().unwrap_or(0)
}

/// The most starts within a stretch after one of them, of those that we look at.
fn most(cadence: &Cadence, stretch: Duration) -> u64 {
    let Ok(stretch) = TimeDelta::from_std(stretch) else {
        return u64::MAX;
    };
    let starts: Vec<_> = starts(cadence, reference()).take(STARTS_MAX).collect();
    let mut until = 0;
    let within = starts.iter().enumerate().map(|(place, first)| {
        while starts
            .get(until)
            .is_some_and(|last| *last <= *first + stretch)
        {
            until += 1;
        }
        until - place - 1
    });
    u64::try_from(within.max().unwrap_or(0)).unwrap_or(u64::MAX)
}

/// Starts within a stretch; where there are more than we look at, their number at the same pace.
fn civil(cadence: &Cadence, stretch: Duration) -> u64 {
    let (from, to) = stretch_of(stretch);
    let mut last = from;
    let mut count = 0_u64;
    for start in starts(cadence, from).take(STARTS_MAX) {
        if start > to {
            return count;
        }
        (last, count) = (start, count + 1);
    }
    let looked_at = (last - from).num_seconds().max(1);
    let whole = i128::from(count) * i128::from((to - from).num_seconds());
    u64::try_from(whole / i128::from(looked_at)).unwrap_or(count)
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;
    use crate::model::{Civil, Profile, Weekly, Zone};

    const HOUR: Duration = Duration::from_secs(3600);

    fn run_rate(cadence: &Cadence) -> RunRate<'_> {
        RunRate::of_cadence(cadence, Duration::ZERO)
    }

    #[test]
    fn runs_of_a_fixed_interval_are_divided_out() {
        let minute = Cadence::Every(Duration::from_secs(60));
        assert_eq!(run_rate(&minute).runs_in(30 * 24 * HOUR), 43_200);
        assert_eq!(run_rate(&minute).time_of(26), 26 * Duration::from_secs(60));
        let both = RunRate {
            cadences: vec![&minute, &minute],
            holds: Vec::new(),
            quiet: Vec::new(),
            deadline: Duration::ZERO,
        };
        assert_eq!(both.runs_in(HOUR), 120);
        assert_eq!(both.time_of(5), Duration::from_secs(180));
    }

    #[test]
    fn runs_at_civil_times_are_counted() {
        let hours = cron::Schedule::from_str("0 0 9-17 * * Mon-Fri").unwrap();
        let hours = Cadence::Cron(Box::new(Civil::new(hours, Zone::UTC)));
        // 2026 begins on a Thursday; seven days hold five working days of nine starts.
        assert_eq!(run_rate(&hours).runs_in(7 * 24 * HOUR), 45);
        // From Friday 17:00 to Monday 09:00.
        assert_eq!(run_rate(&hours).time_of(1), 64 * HOUR);
        let seconds = cron::Schedule::from_str("* * * * * *").unwrap();
        let seconds = Cadence::Cron(Box::new(Civil::new(seconds, Zone::UTC)));
        assert_eq!(run_rate(&seconds).runs_in(30 * 24 * HOUR), 30 * 86_400);
    }

    #[test]
    fn what_is_held_back_each_week_is_in_no_budget() {
        let minute = Cadence::Every(Duration::from_secs(60));
        let night = Calendar {
            reason: "batch".to_owned(),
            effects: [Effect::Blackout].into(),
            span: CalendarSpan::Weekly(Weekly {
                days: vec![chrono::Weekday::Sun],
                from: "02:00:00".parse().unwrap(),
                to: Some("04:00:00".parse().unwrap()),
                zone: Zone::UTC,
            }),
        };
        let held = RunRate {
            holds: vec![&night],
            ..run_rate(&minute)
        };
        // 2026 begins on a Thursday; 30 days hold four Sundays.
        assert_eq!(held.judged_in(30 * 24 * HOUR), 43_200 - 4 * 120);
        assert_eq!(held.runs_in(30 * 24 * HOUR), 43_200);
        assert_eq!(held.time_of(1), 2 * HOUR + Duration::from_secs(60));
    }

    #[test]
    fn a_profile_promises_its_slowest_hours_and_counts_them_all() {
        let mut factors = [1; WEEK_HOURS];
        factors[..24].fill(2);
        let minute = Cadence::Profile(Box::new(Profile {
            every: Duration::from_secs(60),
            zone: Zone::UTC,
            factors,
        }));
        let run_rate = run_rate(&minute);
        assert_eq!(run_rate.judged_in(7 * 24 * HOUR), 6 * 1440 + 720);
        assert_eq!(run_rate.runs_in(HOUR), 30);
        assert_eq!(run_rate.time_of(3), Duration::from_secs(360));
    }
}
