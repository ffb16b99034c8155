//! Will the budget hold? Calendar windows by the runs that are left, rolling ones by what comes in and what
//! rolls off, runs in flight by how long the partner takes.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::probability::{BetaBinomial, float, whole};
use crate::model::Slo;

/// Bad runs further apart than this are of different episodes.
pub(super) const EPISODE_GAP: Duration = Duration::from_secs(600);
/// A budget of fewer bad runs than this makes every forecast coarse.
const INDICATIVE_BELOW: u64 = 5;
/// What the promise itself is worth as evidence: half a bad run.
const PRIOR_BAD: f64 = 0.5;
/// Shares of the distribution that the told span leaves out below and above.
const OUTSIDE: f64 = 0.1;
const MILLION: f64 = 1e6;

/// Bad runs of an objective, each with its time and weight, oldest first.
pub type BadRuns = [(DateTime<Utc>, u64)];

/// What is known when a forecast is made.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// Bad runs seen, oldest first.
    pub bad: &'a BadRuns,
    /// Judged runs that they are out of.
    pub events: u64,
    /// Bad runs further apart than this are of different episodes (in scaled time).
    pub gap: Duration,
}

/// What may come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    /// The probability that the budget is overspent at the end.
    pub breach: f64,
    /// Bad runs at the end, with a probability of 80 % between these.
    pub bad_at_end: (u64, u64),
    /// Runs that are left until then.
    pub runs_remaining: u64,
    /// Whether the budget is so small that the number is coarse.
    pub is_indicative: bool,
}

impl Evidence<'_> {
    fn bad_runs(&self) -> u64 {
        self.bad.iter().map(|(_, count)| count).sum()
    }

    /// Mean bad runs of an episode, at least one: bad runs come together, so they are less evidence of a
    /// rate than as many on their own.
    fn episode(&self) -> f64 {
        let gap = TimeDelta::from_std(self.gap).unwrap_or(TimeDelta::MAX);
        let breaks = self.bad.windows(2);
        let breaks = breaks.filter(|pair| pair[1].0 - pair[0].0 > gap).count();
        let episodes = u64::try_from(breaks).unwrap_or(u64::MAX).saturating_add(1);
        (float(self.bad_runs()) / float(episodes)).max(1.0)
    }

    /// What comes of `runs` more, when `allowed` of them may be bad and `spent` were before.
    fn forecast(&self, slo: &Slo, runs: u64, allowed: Option<u64>, spent: u64) -> Forecast {
        let bad = float(self.bad_runs());
        let good = (float(self.events) - bad).max(0.0);
        let episode = self.episode();
        let prior_good = PRIOR_BAD / (1.0 - f64::from(slo.objective_ppm) / MILLION);
        // Everything in episodes: the runs that come, what may come, and what was seen.
        let episodes = BetaBinomial {
            runs: whole(float(runs) / episode),
            a: PRIOR_BAD + bad / episode,
            b: prior_good + good / episode,
        };
        let breach = match allowed {
            None => 1.0,
            Some(allowed) => {
                let first = whole((float(allowed + 1) / episode).ceil());
                1.0 - episodes.below(first)
            }
        };
        let at = |share| spent + whole(float(episodes.quantile(share)) * episode);
        Forecast {
            breach,
            bad_at_end: (at(OUTSIDE), at(1.0 - OUTSIDE)),
            runs_remaining: runs,
            is_indicative: allowed.unwrap_or(0) + spent < INDICATIVE_BELOW,
        }
    }

    /// Of a calendar window: everything seen lies in it, and `left` of its runs are to come. `budget` is the
    /// most that may be bad in all.
    pub fn at_the_end(&self, slo: &Slo, budget: u64, left: u64) -> Forecast {
        let spent = self.bad_runs();
        self.forecast(slo, left, budget.checked_sub(spent), spent)
    }

    /// Of a rolling window some time ahead: `stays` of its bad runs will still lie in it, and `runs` are to
    /// come until then.
    pub fn ahead(&self, slo: &Slo, budget: u64, stays: u64, runs: u64) -> Forecast {
        self.forecast(slo, runs, budget.checked_sub(stays), stays)
    }
}

/// When a rolling budget is used up, if bad runs go on coming at this rate and old ones leave as they came;
/// none when it lasts for the whole window. `bad` is what lies in the window now, oldest first.
pub fn exhausted_after(
    window: Duration,
    now: DateTime<Utc>,
    bad: &BadRuns,
    budget: f64,
    rate_per_s: f64,
) -> Option<Duration> {
    let spent: u64 = bad.iter().map(|(_, count)| count).sum();
    let mut left = budget - float(spent);
    if left < 0.0 {
        return Some(Duration::ZERO);
    }
    if rate_per_s <= 0.0 {
        return None;
    }
    let mut since = Duration::ZERO;
    let window_delta = TimeDelta::from_std(window).ok()?;
    let leaving = bad.iter().map(|(at, count)| {
        let leaves = *at + window_delta - now;
        (leaves.to_std().unwrap_or_default(), float(*count))
    });
    for (at, back) in leaving.chain([(window, 0.0)]) {
        let stretch = at.saturating_sub(since);
        let lasts = left / rate_per_s;
        if lasts < stretch.as_secs_f64() {
            return Some(since + Duration::from_secs_f64(lasts));
        }
        left += back - rate_per_s * stretch.as_secs_f64();
        since = since.max(at);
    }
    None
}

/// The probability that a run which is that old will be over its deadline, of how many of the partner's runs
/// were as old, and how many of these were over it. Half a run of each is added, so that it is never certain.
pub fn over_deadline(as_old: u64, over: u64) -> f64 {
    (float(over.min(as_old)) + 0.5) / (float(as_old) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{SloName, Window, Zone};
    use crate::slo::probability::Rng;

    const DAY_RUNS: u64 = 1_440;

    fn slo(objective_ppm: u32) -> Slo {
        Slo {
            name: SloName::Transport,
            journeys: Vec::new(),
            objective_ppm,
            window: Window::Month(Zone::UTC),
            floor: 3,
            tiers: Default::default(),
            thresholds: Default::default(),
        }
    }

    fn begin() -> DateTime<Utc> {
        DateTime::from_timestamp(1_767_225_600, 0).unwrap()
    }

    /// So many bad runs, each on its own.
    fn alone(count: u64) -> Vec<(DateTime<Utc>, u64)> {
        let hours = i64::try_from(count).unwrap();
        (0..hours)
            .map(|hour| (begin() + TimeDelta::hours(hour), 1))
            .collect()
    }

    fn on_day(day: u64, bad: &BadRuns) -> Forecast {
        let evidence = Evidence {
            bad,
            events: day * DAY_RUNS,
            gap: EPISODE_GAP,
        };
        evidence.at_the_end(&slo(999_500), 21, (30 - day) * DAY_RUNS)
    }

    #[test]
    fn a_month_at_a_run_a_minute_and_99_95_percent() {
        // Day, bad runs so far, probability that more than 21 of the month's are bad.
        let cases = [
            (3, 5, 0.94),
            (7, 5, 0.44),
            (7, 8, 0.90),
            (15, 10, 0.33),
            (15, 14, 0.90),
            (25, 21, 0.98),
        ];
        for (day, bad, wanted) in cases {
            let breach = on_day(day, &alone(bad)).breach;
            assert!(
                (breach - wanted).abs() < 0.006,
                "day {day} with {bad}: {breach}"
            );
        }
    }

    #[test]
    fn what_is_overspent_stays_so_and_what_is_over_does_not_come() {
        assert!((on_day(20, &alone(22)).breach - 1.0).abs() < f64::EPSILON);
        assert!(on_day(30, &alone(21)).breach < f64::EPSILON);
        let on_time = on_day(30, &alone(3));
        assert_eq!((on_time.bad_at_end, on_time.runs_remaining), ((3, 3), 0));
    }

    #[test]
    fn one_long_episode_says_less_than_as_many_bad_runs_on_their_own() {
        let minutes = |from: i64| move |minute| (begin() + TimeDelta::minutes(from + minute), 1);
        let together: Vec<_> = (0..8).map(minutes(0)).collect();
        let apart = on_day(7, &alone(8));
        let at_once = on_day(7, &together);
        assert!(at_once.breach < apart.breach, "{at_once:?} {apart:?}");
        assert!(at_once.bad_at_end.1 > apart.bad_at_end.1);
        // Two episodes of four: in between.
        let twice: Vec<_> = (0..4)
            .map(minutes(0))
            .chain((0..4).map(minutes(600)))
            .collect();
        let twice = on_day(7, &twice);
        assert!(at_once.breach < twice.breach && twice.breach < apart.breach);
    }

    #[test]
    fn a_small_budget_is_called_indicative() {
        let few = Evidence {
            bad: &alone(1),
            events: 100,
            gap: EPISODE_GAP,
        };
        assert!(few.at_the_end(&slo(990_000), 4, 300).is_indicative);
        assert!(!few.at_the_end(&slo(990_000), 5, 300).is_indicative);
    }

    /// Months whose partners have rates from a tenth of what is promised to ten times that, asked on days of all
    /// kinds: of those said to break their promise with about 80 %, 70 to 90 % do.
    #[test]
    fn of_months_said_to_break_with_four_fifths_so_many_do() {
        const MONTHS: u32 = 20_000;
        let mut rng = Rng(7);
        let (mut near, mut broken, mut brier) = (0_u32, 0_u32, 0.0);
        let all = 30 * DAY_RUNS;
        for _ in 0..MONTHS {
            let rate = 0.0005 * 10_f64.powf(2.0 * rng.next() - 1.0);
            let day = 1 + whole(rng.next() * 28.0);
            let mut bad = Vec::new();
            let mut run = 0;
            loop {
                // Runs until the next bad one are geometric.
                run += 1 + whole(rng.next().ln() / (1.0 - rate).ln());
                if run > all {
                    break;
                }
                bad.push((begin() + TimeDelta::minutes(i64::try_from(run).unwrap()), 1));
            }
            let until = begin() + TimeDelta::days(i64::try_from(day).unwrap());
            let seen: Vec<_> = bad.iter().copied().filter(|(at, _)| *at <= until).collect();
            let said = on_day(day, &seen).breach;
            let is_broken = bad.len() > 21;
            brier += (said - f64::from(u8::from(is_broken))).powi(2) / f64::from(MONTHS);
            if (0.75..0.85).contains(&said) {
                near += 1;
                broken += u32::from(is_broken);
            }
        }
        let share = f64::from(broken) / f64::from(near);
        println!(
            "{near} months said to break with about 0.8: {share:.3} did; Brier score {brier:.4}"
        );
        assert!(near > 300, "only {near}");
        assert!((0.7..=0.9).contains(&share), "{share}");
        assert!(brier < 0.1, "{brier}");
    }

    #[test]
    fn a_rolling_budget_lasts_longer_for_what_rolls_off() {
        let hour = Duration::from_secs(3_600);
        let now = begin();
        let window = 10 * hour;
        let ago = |hours: i64, count| (now - TimeDelta::hours(hours), count);
        let per_hour = |rate: f64| rate / 3_600.0;
        let lasts = |bad: &BadRuns, rate| exhausted_after(window, now, bad, 10.0, per_hour(rate));
        // Four are left, two an hour come: two hours.
        assert_eq!(lasts(&[ago(1, 6)], 2.0), Some(2 * hour));
        // After an hour four come back: then six are left, for three hours more.
        assert_eq!(lasts(&[ago(9, 4), ago(1, 2)], 2.0), Some(4 * hour));
        // It never ends when what leaves is as much as what comes.
        assert_eq!(lasts(&[], 0.9), None);
        assert_eq!(lasts(&[], 0.0), None);
        assert_eq!(lasts(&[ago(1, 11)], 0.0), Some(Duration::ZERO));
    }

    #[test]
    fn a_run_in_flight_is_compared_with_those_that_were_as_old() {
        assert!((over_deadline(0, 0) - 0.5).abs() < f64::EPSILON);
        assert!((over_deadline(99, 99) - 0.995).abs() < 1e-9);
        assert!(over_deadline(1_000, 0) < 0.001);
    }
}
