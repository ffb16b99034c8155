//! The status of an objective: what was promised, what was counted, what remains, what may come. One computation
//! for the exported numbers, `slo status` and reports.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::counts::{Counts, LedgerCounts, LeftOut};
use super::epoch::Epoch;
use super::forecast::{Evidence, Forecast, exhausted_after};
use super::objective::Objective;
use super::period::Period;
use super::probability::{float, whole};
use super::run_rate::RunRate;
use crate::model::{Plan, Window};

/// How far ahead the breach of a rolling window is looked for, and how much of the past speaks for it.
pub const HORIZON: Duration = Duration::from_secs(3 * 86_400);
/// The shorter past that a rolling window's exhaustion is worked out from.
const RECENT: Duration = Duration::from_secs(6 * 3_600);
const MILLION: f64 = 1e6;

/// Runs of an objective by its present schedule, without those that declared windows hold back.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scheduled {
    /// Runs within the window before it was watched, as if the present schedule had held then.
    pub unwatched: u64,
    /// Runs still to come: until the window's end, or within [`HORIZON`] for a rolling one.
    pub to_come: u64,
}

/// The part of a window under one promise and schedule.
#[derive(Clone, Debug)]
pub struct Part {
    /// The epoch that it is of.
    pub epoch: Epoch,
    /// After this.
    pub from: DateTime<Utc>,
    /// Up to this.
    pub to: DateTime<Utc>,
    /// What was due in it, and what came of it.
    pub counts: Counts,
    /// Bad runs that what was due may hold.
    pub budget: f64,
    /// What remains of that, as a share; 1 before anything was due.
    pub remaining: f64,
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
    /// Runs due in it (N): the recorded past, and the present schedule for the rest.
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
    /// Runs that declared blackout or maintenance held back.
    pub excused: u64,
    /// Runs whose verdict our own delay could have made; they lower coverage.
    pub inconclusive: u64,
    /// The window's epochs, oldest first.
    pub parts: Vec<Part>,
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
        scheduled: Scheduled,
    ) -> Self {
        let (period, recent_from) = counted_periods(plan, objective.slo.window, now);
        let left = 1.0 - f64::from(objective.slo.objective_ppm) / MILLION;
        let total = counts.total();
        let rest = scheduled.unwatched
            + match objective.slo.window {
                Window::Rolling(_) => 0,
                Window::Month(_) | Window::Quarter(_) => scheduled.to_come,
            };
        let parts = parts(counts, now);
        let recorded: f64 = parts.iter().map(|part| part.budget).sum();
        let budget = recorded + float(rest) * left;
        let bad = weight(&counts.bad);
        let burns = objective.alarms.iter().map(|alarm| {
            let bad = weight(since(&counts.bad, back(now, alarm.long)));
            let may = float(alarm.long_runs) * left;
            Burn {
                over: alarm.long,
                bad,
                factor: float(bad) / may,
            }
        });
        let by_now = total.owed() + scheduled.unwatched;
        let view = View {
            plan,
            objective,
            now,
            counts,
            scheduled,
        };
        Self {
            period,
            due: total.owed() + rest,
            budget,
            events: total.judged,
            bad,
            remaining: remaining(bad, budget),
            net: net(counts, bad, budget),
            coverage: if by_now == 0 {
                1.0
            } else {
                float(total.judged) / float(by_now)
            },
            excused: total.held,
            inconclusive: total.inconclusive,
            parts,
            since: counts.since,
            burns: burns.collect(),
            forecast: view.forecast(budget, recent_from),
            exhausted_after: view.exhausted(budget),
        }
    }
}

/// What remains of a budget, as a share: where nothing may be bad, each bad run is one too many.
fn remaining(bad: u64, budget: f64) -> f64 {
    match bad {
        0 => 1.0,
        _ if budget <= 0.0 => -float(bad),
        _ => 1.0 - float(bad) / budget,
    }
}

/// Each epoch of the window up to the next, with the budget of what was due in it.
fn parts(counts: &LedgerCounts, now: DateTime<Utc>) -> Vec<Part> {
    let ends = counts.epochs.iter().skip(1).map(|next| next.from);
    let ends = ends.chain(std::iter::once(now));
    let parts = counts.epochs.iter().zip(ends).map(|(one, to)| {
        let budget = float(one.counts.owed()) * one.epoch.promise.may_be_bad();
        Part {
            epoch: one.epoch.clone(),
            from: one.from,
            to,
            counts: one.counts,
            budget,
            remaining: remaining(one.counts.bad, budget),
        }
    });
    parts.collect()
}

/// The share of what was left out of each epoch leaves its budget.
fn net(counts: &LedgerCounts, bad: u64, budget: f64) -> Net {
    let LeftOut {
        runs,
        events,
        bad: left_out,
    } = counts.total().excluded;
    let gone = counts.epochs.iter().map(|one| {
        let share = one.epoch.promise.may_be_bad();
        float(one.counts.excluded.runs) * share
    });
    let budget = (budget - gone.sum::<f64>()).max(0.0);
    let bad = bad.saturating_sub(left_out);
    Net {
        left_out: runs,
        budget,
        events: counts.total().judged.saturating_sub(events),
        bad,
        remaining: remaining(bad, budget),
    }
}

struct View<'a> {
    plan: &'a Plan,
    objective: &'a Objective<'a>,
    now: DateTime<Utc>,
    counts: &'a LedgerCounts,
    scheduled: Scheduled,
}

impl View<'_> {
    fn forecast(&self, budget: f64, recent_from: DateTime<Utc>) -> Forecast {
        let slo = self.objective.slo;
        let run_rate = RunRate::of_slo(self.plan, &self.objective.partner.id, slo);
        let interval = run_rate.shortest_gap();
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
                    interval,
                };
                let mut ahead = evidence.ahead(slo, most, stays, self.scheduled.to_come);
                if weight(&self.counts.bad) > most {
                    // It is broken now, whatever it will be then.
                    ahead.breach = 1.0;
                }
                ahead
            }
            Window::Month(_) | Window::Quarter(_) => {
                let evidence = Evidence {
                    bad: &self.counts.bad,
                    events: self.counts.total().judged,
                    interval,
                };
                evidence.at_the_end(slo, most, self.scheduled.to_come)
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::counts::EpochCounts;
    use super::super::epoch::Promise;
    use super::*;

    fn day(day: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(day * 86_400, 0).unwrap()
    }

    fn epoch(number: u32, from: DateTime<Utc>, objective_ppm: u32, counts: Counts) -> EpochCounts {
        let promise = Promise {
            objective_ppm,
            window: "30d".to_owned(),
            journeys: BTreeMap::new(),
        };
        EpochCounts {
            epoch: Epoch {
                number,
                from,
                promise,
            },
            from,
            counts,
        }
    }

    /// Twenty days at a run a minute and 99 %, then ten at one in five minutes and 99.5 %.
    fn two_epochs() -> LedgerCounts {
        let first = Counts {
            due: 28_800,
            held: 800,
            judged: 28_000,
            bad: 140,
            excluded: LeftOut {
                runs: 1_000,
                events: 900,
                bad: 40,
            },
            ..Counts::default()
        };
        let second = Counts {
            due: 2_880,
            judged: 2_800,
            bad: 7,
            inconclusive: 80,
            ..Counts::default()
        };
        LedgerCounts {
            bad: Vec::new(),
            epochs: vec![
                epoch(1, day(0), 990_000, first),
                epoch(2, day(20), 995_000, second),
            ],
            recent_events: 0,
            since: Some(day(0)),
        }
    }

    #[test]
    fn each_part_has_the_budget_of_what_was_due_under_its_own_promise() {
        let parts = parts(&two_epochs(), day(30));
        let seen: Vec<_> = parts
            .iter()
            .map(|part| (part.from, part.to, part.budget.round(), part.counts.bad))
            .collect();
        // 1 % of 28,000 runs, and half a percent of 2,880.
        assert_eq!(
            seen,
            [(day(0), day(20), 280.0, 140), (day(20), day(30), 14.0, 7)]
        );
        assert!((parts[0].remaining - 0.5).abs() < 1e-9);
        assert!((parts[1].remaining - (1.0 - 7.0 / 14.4)).abs() < 1e-9);
    }

    #[test]
    fn what_was_left_out_leaves_the_budget_at_the_share_of_its_time() {
        let net = net(&two_epochs(), 147, 294.4);
        assert_eq!((net.left_out, net.events, net.bad), (1_000, 29_900, 107));
        assert!((net.budget - 284.4).abs() < 1e-9);
    }

    #[test]
    fn where_nothing_may_be_bad_each_bad_run_is_one_too_many() {
        assert!((remaining(0, 0.0) - 1.0).abs() < 1e-9);
        assert!((remaining(2, 0.0) + 2.0).abs() < 1e-9);
        assert!((remaining(2, 4.0) - 0.5).abs() < 1e-9);
    }
}
