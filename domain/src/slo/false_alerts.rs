//! How often an alarm fires at a partner that just keeps its promise: simulated, always with the same seed, for
//! bad runs that come independently and for bad runs that come in episodes.

use super::alarm::Alarm;
use super::probability::{Rng, float, whole};

/// Below so many in 30 days no number is told.
pub const FALSE_ALERTS_MIN: f64 = 0.05;
/// The mean length of an episode where bad runs come in episodes, in runs.
pub const EPISODE_RUNS: f64 = 15.0;
const SEED: u64 = 7;
/// Alerts that make the number precise enough: one in seventeen is its standard deviation.
const ALERTS_WANTED: u64 = 300;
/// Months that are looked at where alerts are many: some come together.
const MONTHS_MIN: f64 = 100.0;
/// Months after which even fewer are taken.
const MONTHS_MAX: f64 = 6_000.0;
/// A tier that is seen so many standard deviations below the least number that is told is not looked at longer.
const DEVIATIONS: f64 = 3.0;

/// Alerts in 30 days at a partner that just keeps its promise; none where they are fewer than
/// [`FALSE_ALERTS_MIN`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FalseAlerts {
    /// Where bad runs come independently.
    pub independent: Option<f64>,
    /// Where as many bad runs come in episodes of [`EPISODE_RUNS`] on average.
    pub bursty: Option<f64>,
}

/// How bad runs come.
#[derive(Clone, Copy, Debug)]
struct World {
    /// The probability that a run after a good one is bad.
    begins: f64,
    /// The probability that a run after a bad one is bad.
    goes_on: f64,
}

impl World {
    fn independent(bad_share: f64) -> Self {
        Self {
            begins: bad_share,
            goes_on: bad_share,
        }
    }

    fn bursty(bad_share: f64) -> Self {
        Self {
            begins: bad_share / (1.0 - bad_share) / EPISODE_RUNS,
            goes_on: 1.0 - 1.0 / EPISODE_RUNS,
        }
    }

    /// Good runs until the next bad one, after a bad one.
    fn gap(self, rng: &mut Rng) -> u64 {
        if rng.next() < self.goes_on {
            return 0;
        }
        whole(rng.next().ln() / (1.0 - self.begins).ln()).saturating_add(1)
    }
}

/// One alarm while time goes on in runs.
#[derive(Clone, Copy, Debug)]
struct Watched {
    k: u64,
    long: u64,
    short: u64,
    keep: u64,
    /// It fires until then.
    until: u64,
    alerts: u64,
    /// What came of it, once that is known.
    per_month: Option<Option<f64>>,
}

/// Of all alarms of an objective, in their order. `bad_share` of runs are bad, `month` is how many runs 30 days
/// hold, and within `keep_runs` alerts go on after their condition ended.
pub(super) fn false_alerts(
    alarms: &[Alarm],
    bad_share: f64,
    month: f64,
    keep_runs: u64,
) -> Vec<FalseAlerts> {
    let independent = simulated(alarms, World::independent(bad_share), month, keep_runs);
    let bursty = simulated(alarms, World::bursty(bad_share), month, keep_runs);
    let both = independent.into_iter().zip(bursty);
    both.map(|(independent, bursty)| FalseAlerts {
        independent,
        bursty,
    })
    .collect()
}

fn simulated(alarms: &[Alarm], world: World, month: f64, keep: u64) -> Vec<Option<f64>> {
    let mut all: Vec<Watched> = alarms
        .iter()
        .map(|alarm| Watched {
            k: alarm.bad_runs,
            long: alarm.long_runs,
            short: alarm.short_runs,
            keep,
            until: 0,
            alerts: 0,
            per_month: None,
        })
        .collect();
    let most = all.iter().map(|one| one.k).max().unwrap_or(0);
    let most = usize::try_from(most).unwrap_or(usize::MAX / 2);
    let mut rng = Rng(SEED);
    // Only bad runs are looked at: between two of them counts only fall.
    let mut bad: Vec<u64> = Vec::new();
    let mut at = 0_u64;
    let mut looked_at = 1.0;
    while all.iter().any(|one| one.per_month.is_none()) {
        at = at.saturating_add(world.gap(&mut rng)).saturating_add(1);
        if bad.len() >= 2 * most + 1_024 {
            bad.drain(..bad.len() - most);
        }
        bad.push(at);
        for one in all.iter_mut().filter(|one| one.per_month.is_none()) {
            one.look(&bad, at);
        }
        let months = float(at) / month;
        if months >= looked_at {
            // Each time a little later than in proportion: what is looked at often ends early by chance.
            looked_at = months * 1.25 + 10.0;
            all.iter_mut().for_each(|one| one.conclude(months));
        }
    }
    all.into_iter().map(|one| one.per_month.flatten()).collect()
}

impl Watched {
    /// A run was bad, the last of these.
    fn look(&mut self, bad: &[u64], at: u64) {
        let kth = usize::try_from(self.k)
            .ok()
            .and_then(|k| bad.len().checked_sub(k))
            .and_then(|place| bad.get(place));
        let Some(leaves) = kth.map(|kth| kth + self.long).filter(|leaves| *leaves > at) else {
            return;
        };
        if at > self.until {
            self.alerts += 1;
        }
        // It ends once the k-th last bad run leaves the long window, or this one the short.
        self.until = leaves.min(at + self.short) + self.keep;
    }

    /// Whether so many months are enough.
    fn conclude(&mut self, months: f64) {
        if self.per_month.is_some() {
            return;
        }
        let alerts = float(self.alerts);
        let per_month = alerts / months;
        let is_told = per_month >= FALSE_ALERTS_MIN;
        let margin = DEVIATIONS * (FALSE_ALERTS_MIN * months).sqrt();
        let is_few = alerts + margin < FALSE_ALERTS_MIN * months;
        let is_precise = self.alerts >= ALERTS_WANTED && months >= MONTHS_MIN;
        if is_few || is_precise || months >= MONTHS_MAX {
            self.per_month = Some(is_told.then_some(per_month));
        }
    }
}
