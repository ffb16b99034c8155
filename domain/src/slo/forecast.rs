//! Will the budget hold? Calendar windows by the runs that are left, rolling ones by what comes in and what
//! rolls off, runs in flight by how long the partner takes.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::episodes::{BadToCome, SeenEpisodes};
use super::probability::float;
use crate::model::Slo;

/// Bad runs more than so many intervals apart are of different episodes, where bad runs are rare.
const EPISODE_GAP: f64 = 10.0;
/// And where they are not: so much of the mean distance of bad runs, so that chance puts few together.
const OF_DISTANCE: f64 = 0.1;
/// Runs next to each other are of one episode in any case.
const EPISODE_GAP_MIN: f64 = 1.5;
/// A budget of fewer bad runs than this makes every forecast coarse.
const INDICATIVE_BELOW: u64 = 5;
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
    /// From one run of a probe to its next where they come fastest (in scaled time).
    pub interval: Duration,
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

    /// Bad runs come together, so they are less evidence of a rate than as many on their own.
    fn episodes(&self) -> SeenEpisodes {
        let bad = self.bad_runs();
        let distance = float(self.events) / float(bad.max(1));
        let gap = (OF_DISTANCE * distance).clamp(EPISODE_GAP_MIN, EPISODE_GAP);
        let gap = TimeDelta::from_std(self.interval.mul_f64(gap)).unwrap_or(TimeDelta::MAX);
        let breaks = self.bad.windows(2);
        let breaks = breaks.filter(|pair| pair[1].0 - pair[0].0 > gap).count();
        let breaks = u64::try_from(breaks).unwrap_or(u64::MAX);
        SeenEpisodes {
            episodes: if self.bad.is_empty() { 0 } else { breaks + 1 },
            bad,
            events: self.events,
        }
    }

    /// What comes of `runs` more, when `allowed` of them may be bad and `spent` were before.
    fn forecast(&self, slo: &Slo, runs: u64, allowed: Option<u64>, spent: u64) -> Forecast {
        let may_be_bad = 1.0 - f64::from(slo.objective_ppm) / MILLION;
        let to_come = BadToCome::new(may_be_bad, self.episodes(), runs);
        let shares = [OUTSIDE, 1.0 - OUTSIDE];
        let (at_most, bad) = to_come.look(allowed.unwrap_or(0), shares);
        Forecast {
            breach: allowed.map_or(1.0, |_| 1.0 - at_most),
            bad_at_end: (spent + bad[0], spent + bad[1]),
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
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::{SloName, Window, Zone};
    use crate::slo::probability::{Rng, whole};

    const DAY_RUNS: u64 = 1_440;
    const MINUTE: Duration = Duration::from_secs(60);

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
            interval: MINUTE,
        };
        evidence.at_the_end(&slo(999_500), 21, (30 - day) * DAY_RUNS)
    }

    #[test]
    fn a_month_at_a_run_a_minute_and_99_95_percent() {
        // Day, bad runs so far, and what the Beta-Binomial of runs that fail independently says of more than 21 bad
        // ones in the month. Bad runs this far apart are no outage.
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
                (breach - wanted).abs() < 0.025,
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
            interval: MINUTE,
        };
        assert!(few.at_the_end(&slo(990_000), 4, 300).is_indicative);
        assert!(!few.at_the_end(&slo(990_000), 5, 300).is_indicative);
    }

    /// How bad runs come in a simulated month.
    #[derive(Clone, Copy, Debug)]
    enum World {
        Independent,
        /// Two states; a bad one lasts fifteen runs on average.
        Bursty,
    }

    impl World {
        /// The bad runs of a month, where this share is bad on average.
        fn month(self, rng: &mut Rng, share: f64, runs: u64) -> Vec<u64> {
            const EPISODE: f64 = 15.0;
            let (begins, goes_on) = match self {
                Self::Independent => (share, share),
                Self::Bursty => (share / (1.0 - share) / EPISODE, 1.0 - 1.0 / EPISODE),
            };
            let good = |rng: &mut Rng| whole(rng.next().ln() / (1.0 - begins).ln());
            let mut bad = Vec::new();
            let mut run = 1 + good(rng);
            while run <= runs {
                bad.push(run);
                run += if rng.next() < goes_on {
                    1
                } else {
                    2 + good(rng)
                };
            }
            bad
        }
    }

    /// Forecasts of a band, and how many of their months broke.
    type Bands = [(std::ops::Range<f64>, u32, u32); 3];

    /// Months of partners whose rates go from a tenth of what is promised to ten times that, forecast on days 5,
    /// 15 and 25, until every band has enough.
    fn calibrate(world: World, objective_ppm: u32, day_runs: u64, wanted: u32) -> Bands {
        let promise = slo(objective_ppm);
        let may_be_bad = 1.0 - f64::from(objective_ppm) / MILLION;
        let all = 30 * day_runs;
        let minutes = u32::try_from(1_440 / day_runs).unwrap();
        let budget = whole(float(all) * may_be_bad + 1e-9);
        let mut bands = [(0.1..0.2, 0, 0), (0.4..0.6, 0, 0), (0.75..0.85, 0, 0)];
        // What was seen alone decides.
        let mut known: BTreeMap<(u64, SeenEpisodes), f64> = BTreeMap::new();
        let mut rng = Rng(7);
        while bands.iter().any(|(_, count, _)| *count < wanted) {
            let rate = may_be_bad * 10_f64.powf(2.0 * rng.next() - 1.0);
            let bad = world.month(&mut rng, rate, all);
            let is_broken = float(u64::try_from(bad.len()).unwrap()) > float(budget);
            for day in [5, 15, 25] {
                let seen = bad.iter().take_while(|run| **run <= day * day_runs);
                let at = |run: &u64| {
                    begin() + TimeDelta::minutes(i64::try_from(*run * u64::from(minutes)).unwrap())
                };
                let seen: Vec<_> = seen.map(|run| (at(run), 1)).collect();
                let evidence = Evidence {
                    bad: &seen,
                    events: day * day_runs,
                    interval: MINUTE * minutes,
                };
                let key = (day, evidence.episodes());
                let said = *known.entry(key).or_insert_with(|| {
                    evidence
                        .at_the_end(&promise, budget, all - day * day_runs)
                        .breach
                });
                for (band, count, broken) in &mut bands {
                    if band.contains(&said) {
                        *count += 1;
                        *broken += u32::from(is_broken);
                    }
                }
            }
        }
        bands
    }

    #[test]
    fn months_break_as_often_as_is_said_whether_bad_runs_come_alone_or_together() {
        // 21 of 43,200 runs of a month may be bad, and 144 of 2,880.
        for (objective_ppm, day_runs) in [(999_500, DAY_RUNS), (950_000, 96)] {
            for world in [World::Independent, World::Bursty] {
                for (band, count, broken) in calibrate(world, objective_ppm, day_runs, 400) {
                    let share = f64::from(broken) / f64::from(count);
                    println!(
                        "{objective_ppm} ppm, {world:?}: of {count} months said to break with {} to {}, \
                         {share:.3} did",
                        band.start, band.end
                    );
                    assert!(
                        band.contains(&share),
                        "{world:?} {band:?}: {share} of {count}"
                    );
                    assert!(count >= 400);
                }
            }
        }
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
