//! The status of every objective, from the ledger, the schedule and the time: for the exported numbers and for
//! `slo status` alike.

use chrono::{DateTime, TimeDelta, Utc};
use outrider_domain::model::{Plan, Probe, Window};
use outrider_domain::schedule::count_judged;
use outrider_domain::sli::{Series, Sketch, hour_of, slo_bucket};
use outrider_domain::slo::{
    Due, HORIZON, LedgerCounts, Objective, SloStatus, counted_periods, over_deadline,
};

use crate::ledger::{Ledger, LedgerError};
use crate::render::FlightLine;

/// The status of one objective now.
///
/// # Errors
/// The ledger is unavailable.
pub fn slo_status(
    plan: &Plan,
    ledger: &Ledger,
    objective: &Objective<'_>,
    now: DateTime<Utc>,
) -> Result<SloStatus, LedgerError> {
    let counts = counts(plan, ledger, objective, now)?;
    let due = due(plan, objective, now);
    Ok(SloStatus::new(plan, objective, now, &counts, due))
}

/// The probes whose runs an objective counts.
fn probes<'p>(plan: &'p Plan, objective: &'p Objective<'_>) -> impl Iterator<Item = &'p Probe> {
    plan.probes.values().filter(|probe| {
        probe.id.partner == objective.partner.id
            && objective.slo.journeys.contains(&probe.id.journey)
    })
}

fn counts(
    plan: &Plan,
    ledger: &Ledger,
    objective: &Objective<'_>,
    now: DateTime<Utc>,
) -> Result<LedgerCounts, LedgerError> {
    let (period, recent) = counted_periods(plan, objective.slo.window, now);
    let (partner, slo) = (&objective.partner.id, objective.slo.name);
    let judged = |from| ledger.slo_judged(partner, slo, slo_bucket(plan, from));
    let bad = ledger.slo_bad(partner, slo, (period.from, now))?;
    let mut counts = LedgerCounts {
        bad: bad.into_iter().map(|one| (one.at, one.bad)).collect(),
        events: judged(period.from)?,
        recent_events: judged(recent)?,
        excused: 0,
        left_out: ledger.slo_excluded(partner, slo, (slo_bucket(plan, period.from), now))?,
        since: None,
    };
    for probe in probes(plan, objective) {
        counts.excused += ledger.excused(&probe.id, (period.from, now))?;
        let first = ledger.first_tick(&probe.id)?;
        counts.since = [counts.since, first].into_iter().flatten().min();
    }
    Ok(counts)
}

fn due(plan: &Plan, objective: &Objective<'_>, now: DateTime<Utc>) -> Due {
    let (period, _) = counted_periods(plan, objective.slo.window, now);
    let count = |from, to| -> u64 {
        let all = probes(plan, objective).map(|probe| probe.count(from, to));
        all.sum()
    };
    let free = |from, to| -> u64 {
        let all = probes(plan, objective).map(|probe| count_judged(plan, probe, from, to));
        all.sum()
    };
    match objective.slo.window {
        Window::Rolling(length) => {
            let horizon = TimeDelta::from_std(plan.scale.of(HORIZON).min(length));
            let ahead = now + horizon.unwrap_or_default();
            // The same number that rules and thresholds are made of.
            Due {
                in_all: objective.runs,
                by_now: count(period.from, now),
                remaining: free(now, ahead),
            }
        }
        Window::Month(_) | Window::Quarter(_) => Due {
            in_all: free(period.from, period.to),
            by_now: count(period.from, now),
            remaining: free(now, period.to),
        },
    }
}

/// How far back runs are compared with those in flight.
const COMPARED: TimeDelta = TimeDelta::days(1);

/// Runs that go on, against their deadlines and what this partner's runs took in the last day.
///
/// # Errors
/// The ledger is unavailable.
pub fn in_flight(
    plan: &Plan,
    ledger: &Ledger,
    now: DateTime<Utc>,
) -> Result<Vec<FlightLine>, LedgerError> {
    let open = ledger.open_ticks()?;
    if open.is_empty() {
        return Ok(Vec::new());
    }
    let stored = ledger.sketches(hour_of(now - COMPARED))?;
    let lines = open.into_iter().filter_map(|tick| {
        let probe = plan.probes.get(&tick.probe)?;
        let mut took = Sketch::new(&Series::Journey);
        let own = stored.iter().filter(|(key, _)| {
            key.series == Series::Journey
                && key.partner == tick.probe.partner
                && key.journey == tick.probe.journey
        });
        own.for_each(|(_, sketch)| took.merge(sketch));
        let age = (now - tick.due_at).to_std().unwrap_or_default();
        let as_old = took.count_above(age);
        let over = took.count_above(probe.deadline.max(age));
        Some(FlightLine {
            age_s: age.as_secs_f64(),
            deadline_s: probe.deadline.as_secs_f64(),
            late: over_deadline(as_old, over),
            as_old,
            probe: tick.probe,
        })
    });
    Ok(lines.collect())
}
