//! The status of an objective: what was promised, what was counted, what remains, what may come. One computation
//! for the exported numbers, `slo status` and reports.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::forecast::{Evidence, Forecast, exhausted_after};
use super::objective::Objective;
use super::period::Period;
use super::probability::{float, whole};
use crate::model::{Plan, Window};

/// How far ahead the breach of a rolling window is looked for, and how much of the past speaks for it.
pub const HORIZON: Duration = Duration::from_secs(3 * 86_400);
/// The shorter past that a rolling window's exhaustion is worked out from.
const RECENT: Duration = Duration::from_secs(6 * 3_600);
const MILLION: f64 = 1e6;

/// What declared windows leave out of an objective.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Runs.
    pub runs: u64,
    /// Judged ones, as the objective counts.
    pub events: u64,
    /// Bad ones.
    pub bad: u64,
}

/// What the ledger counted for an objective.
#[derive(Clone, Debug, Default)]
pub struct LedgerCounts {
    /// Bad runs within the window, oldest first, with their weight.
    pub bad: Vec<(DateTime<Utc>, u64)>,
    /// Judged runs within the window.
    pub events: u64,
    /// Judged runs since the time that [`counted_periods`] gives.
    pub recent_events: u64,
    /// Ticks within the window that declared blackout or maintenance left out.
    pub excused: u64,
    /// What runs within the window were declared to be left out of the SLA.
    pub left_out: LeftOut,
    /// The first tick of one of its probes.
    pub since: Option<DateTime<Utc>>,
}

/// Runs of an objective by its schedule.
#[derive(Clone, Copy, Debug, Default)]
pub struct Due {
    /// Runs in the whole window (N).
    pub in_all: u64,
    /// Those of them that are due by now.
    pub by_now: u64,
    /// Runs still to come: until the window's end, or within [`HORIZON`] for a rolling one.
    pub remaining: u64,
}

/// How fast a budget goes over a stretch of time.
#[derive(Clone, Debug)]
pub struct Burn {
    /// The stretch.
    pub over: Duration,
    /// Bad runs in it.
    pub bad: u64,
    /// Times as fast as promised: 1 spends just the budget in the window.
    pub factor: f64,
}

/// An objective's counts without what was declared to be left out of the SLA.
#[derive(Clone, Copy, Debug)]
pub struct Net {
    /// Runs that were left out.
    pub left_out: u64,
    /// Bad runs that the window may hold: the same share of what remains due.
    pub budget: f64,
    /// Judged runs.
    pub events: u64,
    /// Bad runs.
    pub bad: u64,
    /// What remains of the budget, as a share.
    pub remaining: f64,
}

/// The status of an objective. Its own counts are raw: what alerts and counters are made of.
#[derive(Clone, Debug)]
pub struct SloStatus {
    /// Where its window lies.
    pub period: Period,
    /// Runs due in it (N).
    pub due: u64,
    /// Bad runs that it may hold (B).
    pub budget: f64,
    /// Judged runs.
    pub events: u64,
    /// Bad runs.
    pub bad: u64,
    /// What remains of the budget, as a share: 1 is untouched, below 0 the promise is broken.
    pub remaining: f64,
    /// The same without what was left out of the SLA.
    pub net: Net,
    /// Judged runs ÷ runs due by now, without those that were excused.
    pub coverage: f64,
    /// Runs that were excused.
    pub excused: u64,
    /// Since when it is watched.
    pub since: Option<DateTime<Utc>>,
    /// How fast the budget goes, over each alarm's long window.
    pub burns: Vec<Burn>,
    /// Whether the promise will hold: at the end of a calendar window, or [`HORIZON`] ahead.
    pub forecast: Forecast,
    /// When a rolling budget is used up at the rate of the last hours and of the last days; none for calendar
    /// windows, or when it lasts.
    pub exhausted_after: [Option<Duration>; 2],
}

/// Where an objective's window lies now, and from when on recent judged runs are asked for.
pub fn counted_periods(plan: &Plan, window: Window, now: DateTime<Utc>) -> (Period, DateTime<Utc>) {
    let period = Period::of(window, now);
    let recent = match window {
        Window::Rolling(length) => back(now, plan.scale.of(HORIZON).min(length)),
        Window::Month(_) | Window::Quarter(_) => period.from,
    };
    (period, recent)
}

fn back(now: DateTime<Utc>, by: Duration) -> DateTime<Utc> {
    now - TimeDelta::from_std(by).unwrap_or(TimeDelta::MAX)
}

impl Net {
    /// Bad runs that the window may hold besides those that it does.
    pub fn bad_remaining(&self) -> f64 {
        self.budget - float(self.bad)
    }
}

impl SloStatus {
    /// Bad runs that the window may hold besides those that it does.
    pub fn bad_remaining(&self) -> f64 {
        self.budget - float(self.bad)
    }

    /// Works it out.
    pub fn new(
        plan: &Plan,
        objective: &Objective<'_>,
        now: DateTime<Utc>,
        counts: &LedgerCounts,
        due: Due,
    ) -> Self {
        let (period, recent_from) = counted_periods(plan, objective.slo.window, now);
        let left = 1.0 - f64::from(objective.slo.objective_ppm) / MILLION;
        let budget = match objective.slo.window {
            Window::Rolling(_) => objective.budget_runs(),
            Window::Month(_) | Window::Quarter(_) => float(due.in_all) * left,
        };
        let bad = weight(&counts.bad);
        let burns = objective.alarms.iter().map(|alarm| {
            let bad = weight(since(&counts.bad, back(now, alarm.long)));
            let may = float(alarm.expected) * left;
            Burn {
                over: alarm.long,
                bad,
                factor: float(bad) / may,
            }
        });
        let expected = due.by_now.saturating_sub(counts.excused);
        let view = View {
            plan,
            objective,
            now,
            counts,
            due,
        };
        Self {
            period,
            due: due.in_all,
            budget,
            events: counts.events,
            bad,
            remaining: 1.0 - float(bad) / budget,
            net: net(counts, bad, budget, left),
            coverage: if expected == 0 {
                1.0
            } else {
                float(counts.events) / float(expected)
            },
            excused: counts.excused,
            since: counts.since,
            burns: burns.collect(),
            forecast: view.forecast(budget, recent_from),
            exhausted_after: view.exhausted(budget),
        }
    }
}

/// `share` of the runs due may be bad.
fn net(counts: &LedgerCounts, bad: u64, budget: f64, share: f64) -> Net {
    let LeftOut {
        runs,
        events,
        bad: left_out,
    } = counts.left_out;
    let bad = bad.saturating_sub(left_out);
    let budget = (budget - float(runs) * share).max(0.0);
    Net {
        left_out: runs,
        budget,
        events: counts.events.saturating_sub(events),
        bad,
        remaining: match bad {
            0 => 1.0,
            // Everything else was left out: each bad run is one too many.
            _ if budget <= 0.0 => -float(bad),
            _ => 1.0 - float(bad) / budget,
        },
    }
}

struct View<'a> {
    plan: &'a Plan,
    objective: &'a Objective<'a>,
    now: DateTime<Utc>,
    counts: &'a LedgerCounts,
    due: Due,
}

impl View<'_> {
    fn forecast(&self, budget: f64, recent_from: DateTime<Utc>) -> Forecast {
        let slo = self.objective.slo;
        let gap = self.plan.scale.of(super::forecast::EPISODE_GAP);
        let most = most(budget);
        match slo.window {
            Window::Rolling(length) => {
                let recent = since(&self.counts.bad, recent_from);
                let horizon = self.plan.scale.of(HORIZON).min(length);
                // What is in the window now and will be at the horizon.
                let leaves = back(self.now, length.saturating_sub(horizon));
                let stays = weight(since(&self.counts.bad, leaves));
                let evidence = Evidence {
                    bad: recent,
                    events: self.counts.recent_events,
                    gap,
                };
                let mut ahead = evidence.ahead(slo, most, stays, self.due.remaining);
                if weight(&self.counts.bad) > most {
                    // It is broken now, whatever it will be then.
                    ahead.breach = 1.0;
                }
                ahead
            }
            Window::Month(_) | Window::Quarter(_) => {
                let evidence = Evidence {
                    bad: &self.counts.bad,
                    events: self.counts.events,
                    gap,
                };
                evidence.at_the_end(slo, most, self.due.remaining)
            }
        }
    }

    fn exhausted(&self, budget: f64) -> [Option<Duration>; 2] {
        let Window::Rolling(length) = self.objective.slo.window else {
            return [None, None];
        };
        [RECENT, HORIZON].map(|over| {
            let over = self.plan.scale.of(over).min(length);
            let bad = weight(since(&self.counts.bad, back(self.now, over)));
            let rate = float(bad) / over.as_secs_f64();
            exhausted_after(length, self.now, &self.counts.bad, budget, rate)
        })
    }
}

fn weight(bad: &[(DateTime<Utc>, u64)]) -> u64 {
    bad.iter().map(|(_, count)| count).sum()
}

/// Those after a time.
fn since(bad: &[(DateTime<Utc>, u64)], from: DateTime<Utc>) -> &[(DateTime<Utc>, u64)] {
    &bad[bad.partition_point(|(at, _)| *at <= from)..]
}

/// The most bad runs that are no more than the budget.
fn most(budget: f64) -> u64 {
    // A whole number of runs may come out a hair below itself.
    whole(budget + 1e-9)
}
