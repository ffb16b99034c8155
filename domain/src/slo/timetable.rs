//! How long so many due runs take on the clock, through nights, weekends and pauses.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::run_rate::RunRate;
use crate::model::Cadence;

/// Days that uneven schedules are looked at for, the longest first: they come again and again then.
const SPANS: [u64; 3] = [28, 7, 1];
/// Starts that the first of these spans that fits may hold.
const STARTS_MAX: [usize; 3] = [10_080, 60_480, 100_000];
/// Instants, spread over the span, at which something may begin.
const BEGINS: u32 = 336;
const DAY_MS: u64 = 86_400_000;
/// 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The starts that enter alerts' windows.
#[derive(Clone, Debug)]
pub(super) enum Timetable {
    /// At fixed intervals.
    Even {
        /// From one run of a probe to its next.
        every: Duration,
        /// Probes that run at this interval, each at its own offset.
        probes: u32,
    },
    /// Milliseconds after the begin of a span that comes again and again.
    Listed {
        /// In order, at least one.
        starts: Vec<u64>,
        /// Its length.
        span: u64,
    },
}

impl Timetable {
    /// Of the probes of an objective. Where starts are too many to list they are taken as even.
    pub(super) fn of(run_rate: &RunRate<'_>) -> Self {
        if let Some((every, probes)) = run_rate.even() {
            return Self::Even { every, probes };
        }
        let spans = SPANS.iter().zip(STARTS_MAX);
        let mut listed = spans.filter_map(|(days, most)| {
            let starts = listed(run_rate, *days, most)?;
            (!starts.is_empty()).then_some(Self::Listed {
                starts,
                span: days * DAY_MS,
            })
        });
        listed.next().unwrap_or_else(|| {
            let day = Duration::from_millis(DAY_MS);
            let runs = u32::try_from(run_rate.judged_in(day)).unwrap_or(u32::MAX);
            Self::Even {
                every: day / runs.max(1),
                probes: 1,
            }
        })
    }

    /// From an instant until so many runs have begun: for instants all over the span, in no order.
    pub(super) fn until(&self, runs: u64) -> Vec<Duration> {
        match self {
            Self::Even { every, probes } => {
                let gap = *every / *probes;
                let whole = times(gap, runs.saturating_sub(1));
                let parts = (1..=BEGINS).map(|part| whole.saturating_add(gap * part / BEGINS));
                parts.collect()
            }
            Self::Listed { starts, span } => {
                let begins = (0..u64::from(BEGINS)).map(|part| {
                    // Steps of the golden ratio spread evenly and fall on no hour.
                    (part.wrapping_mul(GOLDEN) >> 32).wrapping_mul(*span) >> 32
                });
                let until = begins.map(|begin| {
                    let first = starts.partition_point(|start| *start <= begin);
                    let first = u64::try_from(first).unwrap_or(0);
                    let last = start(starts, *span, first.saturating_add(runs.max(1) - 1));
                    Duration::from_millis(last.saturating_sub(begin))
                });
                until.collect()
            }
        }
    }

    /// The longest from a start until so many more have begun.
    pub(super) fn longest(&self, runs: u64) -> Duration {
        match self {
            // The probes of an objective may all be due at the same time.
            Self::Even { every, probes } => times(*every, runs.div_ceil(u64::from(*probes))),
            Self::Listed { .. } => self
                .after_starts(runs)
                .into_iter()
                .max()
                .unwrap_or_default(),
        }
    }

    /// From a start until so many more have begun: for each start of the span.
    pub(super) fn after_starts(&self, runs: u64) -> Vec<Duration> {
        match self {
            Self::Even { every, probes } => vec![times(*every / *probes, runs)],
            Self::Listed { starts, span } => (0..)
                .zip(starts)
                .map(|(place, begin)| {
                    let last = start(starts, *span, runs.saturating_add(place));
                    Duration::from_millis(last.saturating_sub(*begin))
                })
                .collect(),
        }
    }
}

/// The start of a number, counted from the first of the span.
fn start(starts: &[u64], span: u64, number: u64) -> u64 {
    let many = u64::try_from(starts.len()).unwrap_or(u64::MAX).max(1);
    let place = usize::try_from(number % many).unwrap_or(0);
    let within = starts.get(place).copied().unwrap_or(0);
    (number / many).saturating_mul(span).saturating_add(within)
}

fn times(gap: Duration, runs: u64) -> Duration {
    gap.saturating_mul(u32::try_from(runs).unwrap_or(u32::MAX))
}

/// Every start within so many days that enters a window; none when there are more than `most`.
fn listed(run_rate: &RunRate<'_>, days: u64, most: usize) -> Option<Vec<u64>> {
    let from = RunRate::reference();
    let to = from + TimeDelta::days(i64::try_from(days).unwrap_or(1));
    let mut starts = Vec::new();
    for cadence in run_rate.cadences() {
        let all = starts_of(cadence, from, to).take(most + 1);
        let kept = all.filter(|start| run_rate.enters_windows(*start));
        starts.extend(
            kept.map(|start| u64::try_from((start - from).num_milliseconds()).unwrap_or(0)),
        );
        if starts.len() > most {
            return None;
        }
    }
    starts.sort_unstable();
    Some(starts)
}

fn starts_of(
    cadence: &Cadence,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> impl Iterator<Item = DateTime<Utc>> + '_ {
    let first = cadence.next_after(0, from);
    let all = std::iter::successors(first, |start| cadence.next_after(0, *start));
    all.take_while(move |start| *start <= to)
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;
    use crate::model::{Civil, Zone};

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn an_even_schedule_takes_half_a_gap_less_on_average_than_at_most() {
        let minute = Cadence::Every(Duration::from_secs(60));
        let timetable = Timetable::of(&RunRate::of_cadence(&minute, Duration::ZERO));
        let until = timetable.until(26);
        let mean = until.iter().sum::<Duration>() / BEGINS;
        assert!((mean.as_secs_f64() - 25.5 * 60.0).abs() < 1.0, "{mean:?}");
        assert_eq!(timetable.longest(26), 26 * Duration::from_secs(60));
    }

    #[test]
    fn office_hours_take_nights_and_weekends() {
        let hours = cron::Schedule::from_str("0 */5 9-17 * * Mon-Fri").unwrap();
        let hours = Cadence::Cron(Box::new(Civil::new(hours, Zone::UTC)));
        let timetable = Timetable::of(&RunRate::of_cadence(&hours, Duration::ZERO));
        // From the last run of Friday, 17:55, to the third of Monday, 09:10.
        let weekend = 63 * HOUR + Duration::from_secs(15 * 60);
        assert_eq!(timetable.longest(3), weekend);
        let mut until = timetable.until(3);
        until.sort();
        // 45 of the 168 hours of a week have runs.
        let in_hours = until.iter().filter(|one| **one <= HOUR).count();
        assert!((85..=95).contains(&in_hours), "{in_hours}");
        // A week has 540 runs, wherever one begins.
        let week = timetable.after_starts(540);
        assert!(week.iter().all(|one| *one == 168 * HOUR), "{week:?}");
    }
}
