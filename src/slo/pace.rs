//! How many runs a stretch of time holds: known beforehand, because we own the schedule.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::{Cadence, Plan, Probe, Slo};

/// Civil starts looked at: a year of one every fifty minutes, a week of one a minute.
const STARTS_MAX: usize = 10_080;
/// Where looking begins, so that the same files give the same numbers on any day: a Thursday.
const REFERENCE_S: i64 = 1_767_225_600;

/// The schedule of one or more probes, seen together.
#[derive(Clone, Debug)]
pub struct Pace<'a> {
    cadences: Vec<&'a Cadence>,
    /// The longest time that one of their runs may take.
    pub deadline: Duration,
}

impl<'a> Pace<'a> {
    /// Of one probe.
    pub fn of_probe(probe: &'a Probe) -> Self {
        Self {
            cadences: vec![&probe.cadence],
            deadline: probe.deadline,
        }
    }

    /// Of the probes that an objective counts.
    pub fn of_slo(plan: &'a Plan, partner: &crate::model::PartnerId, slo: &Slo) -> Self {
        let probes = plan.probes.values().filter(|probe| {
            probe.id.partner == *partner && slo.journeys.contains(&probe.id.journey)
        });
        let (cadences, deadlines): (Vec<_>, Vec<_>) =
            probes.map(|probe| (&probe.cadence, probe.deadline)).unzip();
        Self {
            cadences,
            deadline: deadlines.into_iter().max().unwrap_or_default(),
        }
    }

    /// Runs due within a stretch; for civil times, in the stretch that begins 2026.
    pub fn runs_in(&self, stretch: Duration) -> u64 {
        let of_one = |cadence: &&Cadence| match cadence {
            Cadence::Every(every) => {
                u64::try_from(stretch.as_nanos() / every.as_nanos().max(1)).unwrap_or(u64::MAX)
            }
            Cadence::Cron(schedule) => civil(schedule, stretch),
        };
        self.cadences.iter().map(of_one).sum()
    }

    /// The longest time until so many runs have begun, wherever one starts to count.
    pub fn time_of(&self, runs: u64) -> Duration {
        let shares = u64::try_from(self.cadences.len()).unwrap_or(1).max(1);
        let each = runs.div_ceil(shares);
        let of_one = |cadence: &&Cadence| match cadence {
            Cadence::Every(every) => every.saturating_mul(u32::try_from(each).unwrap_or(u32::MAX)),
            Cadence::Cron(schedule) => longest(schedule, each),
        };
        self.cadences.iter().map(of_one).max().unwrap_or_default()
    }
}

fn reference() -> DateTime<Utc> {
    DateTime::from_timestamp(REFERENCE_S, 0).unwrap_or_default()
}

/// Starts within a stretch; where there are more than we look at, their number at the same pace.
fn civil(schedule: &cron::Schedule, stretch: Duration) -> u64 {
    let from = reference();
    let Some(to) = TimeDelta::from_std(stretch)
        .ok()
        .and_then(|stretch| from.checked_add_signed(stretch))
    else {
        return 0;
    };
    let mut last = from;
    let mut count = 0_u64;
    for start in schedule.after(&from).take(STARTS_MAX) {
        if start > to {
            return count;
        }
        (last, count) = (start, count + 1);
    }
    let looked_at = (last - from).num_seconds().max(1);
    let whole = i128::from(count) * i128::from((to - from).num_seconds());
    u64::try_from(whole / i128::from(looked_at)).unwrap_or(count)
}

fn longest(schedule: &cron::Schedule, runs: u64) -> Duration {
    let Ok(runs) = usize::try_from(runs) else {
        return Duration::MAX;
    };
    let starts: Vec<_> = schedule.after(&reference()).take(STARTS_MAX).collect();
    let spans = starts.windows(runs + 1).map(|all| all[runs] - all[0]);
    let longest = spans.max().and_then(|span| span.to_std().ok());
    longest.unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn pace(cadence: &Cadence) -> Pace<'_> {
        Pace {
            cadences: vec![cadence],
            deadline: Duration::ZERO,
        }
    }

    #[test]
    fn runs_of_a_fixed_interval_are_divided_out() {
        let minute = Cadence::Every(Duration::from_secs(60));
        assert_eq!(pace(&minute).runs_in(30 * 24 * HOUR), 43_200);
        assert_eq!(pace(&minute).time_of(26), 26 * Duration::from_secs(60));
        let both = Pace {
            cadences: vec![&minute, &minute],
            deadline: Duration::ZERO,
        };
        assert_eq!(both.runs_in(HOUR), 120);
        assert_eq!(both.time_of(5), Duration::from_secs(180));
    }

    #[test]
    fn runs_at_civil_times_are_counted() {
        let hours = cron::Schedule::from_str("0 0 9-17 * * Mon-Fri").unwrap();
        let hours = Cadence::Cron(Box::new(hours));
        // 2026 begins on a Thursday; seven days hold five working days of nine starts.
        assert_eq!(pace(&hours).runs_in(7 * 24 * HOUR), 45);
        // From Friday 17:00 to Monday 09:00.
        assert_eq!(pace(&hours).time_of(1), 64 * HOUR);
        let seconds = Cadence::Cron(Box::new(cron::Schedule::from_str("* * * * * *").unwrap()));
        assert_eq!(pace(&seconds).runs_in(30 * 24 * HOUR), 30 * 86_400);
    }
}
