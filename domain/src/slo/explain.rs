//! What each alarm of an objective means: how soon it fires, how soon it resolves, how often it fires falsely.

use std::time::Duration;

use super::alarm::Alarm;
use super::false_alerts::false_alerts;
use super::objective::Objective;
use super::probability::float;
use super::run_rate::RunRate;
use crate::model::Plan;

/// Partial outages that are shown: so many percent of the runs are bad.
pub const PARTIAL_PERCENT: [u32; 2] = [50, 10];
const MILLION: f64 = 1e6;
/// Cadences that a short window holds at least.
const SHORT_CADENCES: f64 = 5.0;
/// What a month of false alerts is: 30 days.
const MONTH: Duration = Duration::from_secs(30 * 86_400);

/// One alarm, explained.
#[derive(Clone, Debug)]
pub struct Explained<'a> {
    /// The alarm.
    pub alarm: &'a Alarm,
    /// F: how many times as fast as promised the budget goes where the alarm begins to fire.
    pub factor: f64,
    /// The share of bad runs in the long window that this is, F · (1 − objective); above 1 no outage could
    /// reach it in the tier's own window.
    pub ratio: f64,
    /// k ÷ B: the share of the budget that is gone when it fires.
    pub spent: f64,
    /// From the begin of an outage of everything until its k-th run has begun.
    pub total: Duration,
    /// The same for an outage of so many percent of the runs; none when such an outage does not reach k.
    pub partial: [(u32, Option<Duration>); 2],
    /// From the last bad run until it has ended.
    pub reset: Duration,
    /// How often it fires in 30 days at a partner that just keeps its promise, bad runs independent.
    pub false_alerts: f64,
    /// How it departs from its tier, and why.
    pub adjustment: Option<Adjustment>,
}

/// How an alarm departs from its tier, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adjustment {
    /// The share of the budget is fewer bad runs than the floor. At this cadence it would not be.
    Floor(Duration),
    /// The tier's own long window cannot hold so many bad runs, even if all of its runs are bad: it is
    /// longer here. More runs would not help.
    Impossible,
    /// The tier's own windows hold too few runs, and are longer here. At this cadence they would not be.
    Rare(Duration),
}

impl<'a> Explained<'a> {
    /// Explains every alarm of an objective, fastest first.
    pub fn all(plan: &Plan, objective: &'a Objective<'_>) -> Vec<Self> {
        let run_rate = RunRate::of_slo(plan, &objective.partner.id, objective.slo);
        let alarms = objective.alarms.iter();
        alarms
            .map(|alarm| Self::new(plan, &run_rate, objective, alarm))
            .collect()
    }

    fn new(
        plan: &Plan,
        run_rate: &RunRate<'_>,
        objective: &Objective<'_>,
        alarm: &'a Alarm,
    ) -> Self {
        let (k, budget) = (float(alarm.bad_runs), objective.budget_runs());
        let period = objective.slo.window.nominal().as_secs_f64();
        let left = 1.0 - f64::from(objective.slo.objective_ppm) / MILLION;
        let asked = plan.scale.of(alarm.tier.long).as_secs_f64();
        let factor = f64::from(alarm.tier.share_ppm) / MILLION * period / asked;
        let partial = PARTIAL_PERCENT.map(|percent| {
            // On average; by chance a little earlier or later.
            let runs = (alarm.bad_runs * 100).div_ceil(u64::from(percent));
            (
                percent,
                (runs <= alarm.expected).then(|| run_rate.time_of(runs)),
            )
        });
        Self {
            alarm,
            factor,
            ratio: factor * left,
            spent: k / budget,
            total: run_rate.time_of(alarm.bad_runs),
            partial,
            reset: alarm.short.min(alarm.long) + alarm.keep,
            false_alerts: false_alerts(alarm, left, run_rate.runs_in(plan.scale.of(MONTH))),
            adjustment: adjustment(plan, objective, alarm),
        }
    }
}

fn adjustment(plan: &Plan, objective: &Objective<'_>, alarm: &Alarm) -> Option<Adjustment> {
    let share = f64::from(alarm.tier.share_ppm) / MILLION * objective.budget_runs();
    let floor = f64::from(objective.slo.floor);
    let nominal = objective.slo.window.nominal();
    let cadence = nominal.as_secs_f64() / float(objective.runs.max(1));
    if share < floor - 1.0 {
        // Its share alone would be the floor at this cadence.
        return Some(Adjustment::Floor(Duration::from_secs_f64(
            cadence * share / floor,
        )));
    }
    let (long, short) = (
        plan.scale.of(alarm.tier.long),
        plan.scale.of(alarm.tier.short),
    );
    let fits = long.as_secs_f64() / cadence;
    if share >= fits {
        return Some(Adjustment::Impossible);
    }
    let is_short = alarm.short > short;
    let is_long = alarm.long > long;
    // The windows need so many cadences, and the time that a run may take.
    let run_rate = RunRate::of_slo(plan, &objective.partner.id, objective.slo);
    let interval = |window: Duration, runs: f64| {
        window.saturating_sub(run_rate.deadline).as_secs_f64() / runs.max(1.0)
    };
    let needed = match (is_long, is_short) {
        (false, false) => return None,
        (true, _) => interval(long, float(alarm.bad_runs)).min(interval(short, SHORT_CADENCES)),
        (false, true) => interval(short, SHORT_CADENCES),
    };
    Some(Adjustment::Rare(Duration::from_secs_f64(needed)))
}
