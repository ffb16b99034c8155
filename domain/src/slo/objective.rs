//! One objective of one partner, worked out: its budget in runs, its alarms, or why it cannot be
//! watched.

use std::time::Duration;

use super::alarm::Alarm;
use super::probability::float;
use super::run_rate::RunRate;
use super::tier::{TIERS, Urgency};
use crate::model::{Partner, Plan, Scale, Slo, format_duration};

const PPM: u128 = 1_000_000;

/// An objective with its numbers.
#[derive(Clone, Debug)]
pub struct Objective<'a> {
    /// Whose.
    pub partner: &'a Partner,
    /// As promised.
    pub slo: &'a Slo,
    /// Runs due within its window (N); of a calendar window, within the shortest one.
    pub runs: u64,
    /// When each tier fires, fastest first.
    pub alarms: Vec<Alarm>,
    /// Whether its runs come at fixed intervals all week: then its windows in runs are stretches of time.
    pub is_even: bool,
}

/// When so many runs say nothing that alerts may be silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unseen {
    /// The newest due runs that are looked at: the long window of the first tier that pages, else of the first tier.
    pub runs: u64,
    /// So many of them that stayed inconclusive or failed by our own fault: half, no less than the floor. Of a young
    /// partner as many as of any other.
    pub threshold: u64,
}

/// An objective whose floor of bad runs in a row lasts longer than this is not watched: probes that fail in a
/// row alert sooner.
const FLOOR_LASTS_MAX: Duration = Duration::from_secs(7 * 86_400);
/// What the mean gap of rare runs is taken over: 52 weeks.
const YEAR: Duration = Duration::from_secs(364 * 86_400);

/// Why an objective cannot be watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unwatchable {
    /// Its runs come so rarely that the floor of bad runs in a row takes more than a week.
    TooRare {
        /// From one run to the next on average.
        gap: Duration,
        /// How long the floor of bad runs in a row takes.
        lasts: Duration,
        /// The cadence that would suffice.
        every: Duration,
    },
    /// Its whole budget is smaller than the floor: every alert would come too late.
    BudgetBelowFloor {
        /// Runs due within the window.
        runs: u64,
        /// The budget in thousandths of a run.
        budget_milli: u64,
        /// The cadence that would suffice.
        every: Duration,
        /// The objective that would suffice, per million; none when there is none.
        objective_ppm: Option<u32>,
    },
    /// A tier looks further back than the window is long.
    WindowShorterThanTier {
        /// The tier's name.
        tier: &'static str,
        /// What it looks at.
        long: Duration,
    },
}

impl<'a> Objective<'a> {
    /// Works one out.
    ///
    /// # Errors
    /// It cannot be watched.
    pub fn new(plan: &'a Plan, partner: &'a Partner, slo: &'a Slo) -> Result<Self, Unwatchable> {
        let run_rate = RunRate::of_slo(plan, &partner.id, slo);
        let runs = run_rate.judged_in(slo.window.nominal());
        if let Some(too_rare) = too_rare(slo, &run_rate, runs, plan.scale) {
            return Err(too_rare);
        }
        let left = PPM - u128::from(slo.objective_ppm);
        let budget = u128::from(runs) * left;
        let floor = u128::from(slo.floor) * PPM;
        if budget < floor {
            let needed = u64::try_from(floor.div_ceil(left)).unwrap_or(u64::MAX);
            let shares = u32::try_from(slo.journeys.len()).unwrap_or(1);
            let every =
                slo.window.nominal().saturating_mul(shares).as_nanos() / u128::from(needed.max(1));
            let bad = floor.div_ceil(u128::from(runs.max(1)));
            return Err(Unwatchable::BudgetBelowFloor {
                runs,
                budget_milli: u64::try_from(budget / 1_000).unwrap_or(u64::MAX),
                every: Duration::from_nanos(u64::try_from(every).unwrap_or(u64::MAX)),
                objective_ppm: PPM
                    .checked_sub(bad)
                    .filter(|ppm| *ppm > 0)
                    .and_then(|ppm| u32::try_from(ppm).ok()),
            });
        }
        let alarms: Vec<Alarm> = TIERS
            .iter()
            .filter(|tier| slo.tiers.contains(&tier.id))
            .map(|tier| Alarm::new(slo, &run_rate, runs, plan.scale, tier))
            .collect();
        if let Some(alarm) = alarms.iter().find(|alarm| alarm.long_runs > runs) {
            return Err(Unwatchable::WindowShorterThanTier {
                tier: alarm.tier.name(),
                long: alarm.long,
            });
        }
        Ok(Self {
            partner,
            slo,
            runs,
            alarms,
            is_even: run_rate.is_even(),
        })
    }

    /// When alerts of it may be silent; none where it has none.
    pub fn unseen(&self) -> Option<Unseen> {
        let paging = |alarm: &&Alarm| alarm.tier.urgency == Urgency::Page;
        let first = self.alarms.iter().find(paging).or(self.alarms.first())?;
        Some(Unseen {
            runs: first.long_runs,
            threshold: first.long_runs.div_ceil(2).max(u64::from(self.slo.floor)),
        })
    }

    /// Bad runs that the window may hold (B).
    pub fn budget_runs(&self) -> f64 {
        float(self.runs) * (1e6 - f64::from(self.slo.objective_ppm)) / 1e6
    }

    /// Bad runs that the window may hold, in words, such as `21.6`.
    pub fn budget(&self) -> String {
        let milli = u128::from(self.runs) * (PPM - u128::from(self.slo.objective_ppm)) / 1_000;
        thousandths(u64::try_from(milli).unwrap_or(u64::MAX))
    }

    /// What share of the budget so many bad runs are, in words, such as `13.9 %`; one decimal, cut off.
    pub fn spent(&self, bad_runs: u64) -> String {
        let budget = u128::from(self.runs) * (PPM - u128::from(self.slo.objective_ppm));
        let mille = u128::from(bad_runs) * PPM * 1_000 / budget.max(1);
        format!("{}.{} %", mille / 10, mille % 10)
    }

    /// The promise in words, such as `99.95 %`.
    pub fn promise(&self) -> String {
        format!("{} %", f64::from(self.slo.objective_ppm) / 10_000.0)
    }
}

/// Where the floor of bad runs in a row takes too long.
fn too_rare(slo: &Slo, run_rate: &RunRate<'_>, runs: u64, scale: Scale) -> Option<Unwatchable> {
    let longest = scale.of(FLOOR_LASTS_MAX);
    let is_rare = |gap: Duration| gap.saturating_mul(slo.floor) > longest;
    let mean = |stretch: Duration, runs: u64| {
        let gap = stretch.as_nanos() / u128::from(runs.max(1));
        Duration::from_nanos(u64::try_from(gap).unwrap_or(u64::MAX))
    };
    if !is_rare(mean(slo.window.nominal(), runs)) {
        return None;
    }
    // A short window holds by chance one run more or less.
    let year = scale.of(YEAR);
    let gap = mean(year, run_rate.judged_in(year));
    is_rare(gap).then(|| Unwatchable::TooRare {
        gap,
        lasts: gap.saturating_mul(slo.floor),
        every: longest / slo.floor.max(1),
    })
}

/// Thousandths as a number, without zeros at the end.
pub(super) fn thousandths(milli: u64) -> String {
    let text = format!("{}.{:03}", milli / 1_000, milli % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Rounded to hours where there are many: nobody needs the minutes of a week.
fn whole_hours(time: Duration) -> Duration {
    const HOUR: u64 = 3_600;
    match time.as_secs() {
        0..=86_399 => time,
        seconds => Duration::from_secs((seconds + HOUR / 2) / HOUR * HOUR),
    }
}

impl std::fmt::Display for Unwatchable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooRare { gap, lasts, .. } => write!(
                f,
                "its runs come every {}, so bad ones in a row take {} until an alert",
                format_duration(whole_hours(*gap)),
                format_duration(whole_hours(*lasts)),
            ),
            Self::BudgetBelowFloor {
                runs, budget_milli, ..
            } => write!(
                f,
                "{runs} runs in its window {} may be bad, and alerts begin",
                thousandths(*budget_milli)
            ),
            Self::WindowShorterThanTier { tier, .. } => {
                write!(f, "tier {tier} looks further back than the window")
            }
        }
    }
}

/// Every objective of a plan in order of partner and layer.
///
/// # Errors
/// One of them cannot be watched, which reading the files refuses.
pub fn objectives(plan: &Plan) -> Result<Vec<Objective<'_>>, Unwatchable> {
    let all = plan
        .partners
        .values()
        .flat_map(|partner| partner.slos.values().map(move |slo| (partner, slo)));
    all.map(|(partner, slo)| Objective::new(plan, partner, slo))
        .collect()
}
