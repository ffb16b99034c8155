//! What each alarm of an objective means: how soon it fires, how soon it resolves, how often it fires falsely.

use std::time::Duration;

use super::alarm::{Alarm, SHORT_RUNS};
use super::detection::{Detection, median};
use super::false_alerts::{FalseAlerts, false_alerts};
use super::objective::Objective;
use super::probability::{float, whole};
use super::run_rate::RunRate;
use super::timetable::Timetable;
use crate::model::{Plan, Scale};

/// Partial outages that are shown: so many percent of the runs are bad.
pub const PARTIAL_PERCENT: [u32; 2] = [50, 10];
const MILLION: f64 = 1e6;
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
    /// What its schedule and its numbers make of it.
    pub behaviour: Behaviour,
    /// How it departs from its tier, and why.
    pub adjustment: Option<Adjustment>,
}

/// How soon an alarm fires and ends, and how often for nothing.
#[derive(Clone, Copy, Debug)]
pub struct Behaviour {
    /// In an outage of everything.
    pub total: Detection,
    /// In an outage of so many percent of the runs.
    pub partial: [(u32, Detection); 2],
    /// From the last bad run until it has ended: typical, and at the worst moment of the week.
    pub reset: [Duration; 2],
    /// How often it fires in 30 days at a partner that just keeps its promise.
    pub false_alerts: FalseAlerts,
}

/// How an alarm departs from its tier, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adjustment {
    /// The share of the budget is fewer bad runs than the floor. At this cadence it would not be.
    Floor(Duration),
    /// The tier's own long window cannot hold so many bad runs, even if all of its runs are bad: it is
    /// longer here. More runs would not help.
    Impossible,
    /// A run may take longer than the tier's own window, which is longer here.
    Deadline,
    /// The tier's own windows hold too few runs, and are longer here. At this cadence they would not be.
    Rare(Duration),
}

/// Explains objectives. What it worked out for one it tells again of others with the same schedule and numbers,
/// as most partners have.
#[derive(Debug)]
pub struct Explainer<'p> {
    plan: &'p Plan,
    known: Vec<Known<'p>>,
}

/// What the behaviour of an objective's alarms follows from, and what it is.
#[derive(Debug)]
struct Known<'p> {
    run_rate: RunRate<'p>,
    objective_ppm: u32,
    runs: u64,
    period: Duration,
    alarms: Vec<Alarm>,
    behaviours: Vec<Behaviour>,
}

impl<'p> Explainer<'p> {
    /// Nothing is worked out yet.
    pub fn new(plan: &'p Plan) -> Self {
        Self {
            plan,
            known: Vec::new(),
        }
    }

    /// Explains every alarm of an objective of the plan, fastest first.
    pub fn explain<'a>(&mut self, objective: &'a Objective<'_>) -> Vec<Explained<'a>> {
        let run_rate = RunRate::of_slo(self.plan, &objective.partner.id, objective.slo);
        let plan = self.plan;
        let behaviours = self.behaviours(objective, run_rate.clone());
        let alarms = objective.alarms.iter().zip(behaviours);
        alarms
            .map(|(alarm, behaviour)| {
                Explained::new(plan, &run_rate, objective, (alarm, *behaviour))
            })
            .collect()
    }

    fn behaviours(&mut self, objective: &Objective<'_>, run_rate: RunRate<'p>) -> &[Behaviour] {
        let slo = objective.slo;
        let period = slo.window.nominal();
        let is_known = |one: &Known<'_>| {
            one.objective_ppm == slo.objective_ppm
                && (one.runs, one.period) == (objective.runs, period)
                && one.alarms == objective.alarms
                && one.run_rate == run_rate
        };
        let place = self.known.iter().position(is_known).unwrap_or_else(|| {
            let left = 1.0 - f64::from(slo.objective_ppm) / MILLION;
            let schedule = Schedule {
                timetable: Timetable::of(&run_rate),
                runs: objective.runs,
                period,
                scale: self.plan.scale,
            };
            self.known.push(Known {
                behaviours: schedule.behaviours(&objective.alarms, left),
                run_rate,
                objective_ppm: slo.objective_ppm,
                runs: objective.runs,
                period,
                alarms: objective.alarms.clone(),
            });
            self.known.len() - 1
        });
        self.known.get(place).map_or(&[], |one| &one.behaviours)
    }
}

/// When the runs of an objective are due.
pub(super) struct Schedule {
    pub(super) timetable: Timetable,
    /// Within the objective's window.
    pub(super) runs: u64,
    pub(super) period: Duration,
    pub(super) scale: Scale,
}

impl Schedule {
    /// Of every alarm of an objective of which this share may be bad.
    pub(super) fn behaviours(&self, alarms: &[Alarm], left: f64) -> Vec<Behaviour> {
        let month =
            float(self.runs) * self.scale.of(MONTH).as_secs_f64() / self.period.as_secs_f64();
        let gap = median(self.timetable.after_starts(1)).as_secs_f64();
        let keep = alarms.first().map_or(0.0, |one| one.keep.as_secs_f64());
        let false_alerts = false_alerts(alarms, left, month, whole(keep / gap.max(1e-3)));
        let each = alarms.iter().zip(false_alerts);
        each.map(|(alarm, false_alerts)| {
            let ends = median(self.timetable.after_starts(alarm.short_runs));
            let ends_at_worst = self.timetable.longest(alarm.short_runs);
            Behaviour {
                total: Detection::of_all(alarm, &self.timetable),
                partial: PARTIAL_PERCENT.map(|percent| {
                    let share = f64::from(percent) / 100.0;
                    let found = Detection::of_share(alarm, &self.timetable, share, self.runs);
                    (percent, found)
                }),
                reset: [ends + alarm.keep, ends_at_worst + alarm.keep],
                false_alerts,
            }
        })
        .collect()
    }
}

impl<'a> Explained<'a> {
    /// Explains every alarm of an objective, fastest first.
    pub fn all(plan: &Plan, objective: &'a Objective<'_>) -> Vec<Self> {
        Explainer::new(plan).explain(objective)
    }

    fn new(
        plan: &Plan,
        run_rate: &RunRate<'_>,
        objective: &Objective<'_>,
        (alarm, behaviour): (&'a Alarm, Behaviour),
    ) -> Self {
        let (k, budget) = (float(alarm.bad_runs), objective.budget_runs());
        let period = objective.slo.window.nominal().as_secs_f64();
        let left = 1.0 - f64::from(objective.slo.objective_ppm) / MILLION;
        let asked = plan.scale.of(alarm.tier.long).as_secs_f64();
        let factor = f64::from(alarm.tier.share_ppm) / MILLION * period / asked;
        Self {
            alarm,
            factor,
            ratio: factor * left,
            spent: k / budget,
            behaviour,
            adjustment: adjustment(plan, run_rate, objective, alarm),
        }
    }
}

fn adjustment(
    plan: &Plan,
    run_rate: &RunRate<'_>,
    objective: &Objective<'_>,
    alarm: &Alarm,
) -> Option<Adjustment> {
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
    let fits = |window: Duration| window.as_secs_f64() / cadence;
    if share >= fits(long) {
        return Some(Adjustment::Impossible);
    }
    // The windows as they are, the tier's own, and the runs that they need.
    let windows = [
        (alarm.long_runs, long, alarm.bad_runs),
        (alarm.short_runs, short, SHORT_RUNS),
    ];
    let is_longer = |(runs, own, _): &&(u64, Duration, u64)| float(*runs) >= fits(*own) + 1.0;
    let longer: Vec<_> = windows.iter().filter(is_longer).collect();
    if longer.iter().any(|(_, own, _)| *own <= run_rate.deadline) {
        return Some(Adjustment::Deadline);
    }
    let needed = longer.iter().map(|(_, own, runs)| {
        let each = own.as_secs_f64() / float(*runs);
        Duration::from_secs_f64(each).min(own.saturating_sub(run_rate.deadline))
    });
    needed.min().map(Adjustment::Rare)
}
