//! The status of every objective, from the ledger, the schedule and the time: for the exported numbers and for
//! `slo status` alike.

use chrono::{DateTime, TimeDelta, Utc};
use outrider_domain::model::{Plan, Probe, Window};
use outrider_domain::schedule::{count_judged, due_counts};
use outrider_domain::sli::{Series, Sketch, hour_of};
use outrider_domain::slo::{
    Counts, HORIZON, LedgerCounts, LeftOut, Objective, Period, Scheduled, SloStatus,
    counted_periods, over_deadline,
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
    let (period, _) = counted_periods(plan, objective.slo.window, now);
    let counts = ledger.consistently(|ledger| counts(plan, ledger, objective, now))?;
    let scheduled = scheduled(plan, objective, counts.since, period, now);
    Ok(SloStatus::new(plan, objective, now, &counts, scheduled))
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
    let history = ledger.slo_history(partner, slo, plan.scale)?;
    let mut epochs = history.since(period.from)?;
    if let Some(last) = epochs.last_mut() {
        last.counts += unwritten(plan, objective, history.due_through(), now);
    }
    let recent = if recent == period.from {
        epochs.iter().map(|one| one.counts.judged).sum()
    } else {
        let recent = history.since(recent)?;
        recent.iter().map(|one| one.counts.judged).sum()
    };
    Ok(LedgerCounts {
        bad: history.bad_since(period.from)?,
        epochs,
        recent_events: recent,
        since: history.begin(),
    })
}

/// What was due since it was last written, by the present plan.
fn unwritten(
    plan: &Plan,
    objective: &Objective<'_>,
    through: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Counts {
    let Some(through) = through else {
        return Counts::default();
    };
    let all = probes(plan, objective).flat_map(|probe| due_counts(plan, probe, through, now));
    let all = all.map(|one| Counts {
        due: one.due,
        held: one.held,
        quiet: LeftOut {
            runs: one.quiet,
            ..LeftOut::default()
        },
        excluded: LeftOut {
            runs: one.excluded,
            ..LeftOut::default()
        },
        ..Counts::default()
    });
    all.sum()
}

/// What the present schedule says of the time that the ledger has no history of.
fn scheduled(
    plan: &Plan,
    objective: &Objective<'_>,
    since: Option<DateTime<Utc>>,
    period: Period,
    now: DateTime<Utc>,
) -> Scheduled {
    let count = |from, to| -> u64 {
        let all = probes(plan, objective).map(|probe| count_judged(plan, probe, from, to));
        all.sum()
    };
    let until = match objective.slo.window {
        Window::Rolling(length) => {
            let horizon = TimeDelta::from_std(plan.scale.of(HORIZON).min(length));
            now + horizon.unwrap_or_default()
        }
        Window::Month(_) | Window::Quarter(_) => period.to,
    };
    Scheduled {
        unwatched: count(period.from, since.unwrap_or(now).min(now)),
        to_come: count(now, until),
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
