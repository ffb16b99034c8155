//! Will the budget hold? Calendar windows by the runs that are left, rolling ones by what comes in and what
//! rolls off, runs in flight by how long the partner takes.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::chance::{BetaBinomial, float, whole};
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
    pub runs_left: u64,
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
            runs_left: runs,
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
mod tests;
