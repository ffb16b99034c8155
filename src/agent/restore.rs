//! Restores the state after a restart: counters go on, open ticks are `lost`, ticks since then are
//! `missed`.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use outrider_domain::clock::{CLOCK_STEP_MIN, Clock};
use outrider_domain::model::names;
use outrider_domain::model::{AgentFault, Disposition, Plan, Probe, RunRecord, Tick};
use outrider_domain::sli::{self, Increment, hour_of};
use outrider_domain::slo;

use super::state::{ConfigState, SharedState};
use crate::ledger::{Ledger, LedgerEntry, LedgerError, RunFilter};
use crate::render;

/// Ticks closed in one transaction.
const CHUNK: usize = 10_000;
/// Runs read at a time.
const PAGE: u32 = 1_000;
/// Runs of each probe looked at for its last verdict and its failures in a row.
const LAST_RUNS: u32 = 100;

/// Reads the ledger, closes what was left open, and returns the state to start from.
pub(super) fn restore(
    plan: &Arc<Plan>,
    ledger: &mut Ledger,
    clock: &Clock,
) -> Result<SharedState, LedgerError> {
    let shared = SharedState::new(Arc::clone(plan));
    let now = clock.now();
    report_rollback(ledger)?;
    close_left_over(plan, ledger, now)?;
    let watermarks = ledger.watermarks()?;
    report_clock_step(ledger, watermarks.values(), now)?;
    for (id, state) in &mut shared.state().probes {
        state.through = watermarks.get(id).copied();
        state.runs_begun = ledger.run_count(id)?;
    }
    sli::zeros(plan).for_each(|zeros| shared.count(&zeros));
    for (metric, labels, value) in ledger.counters()? {
        if let Some(known) = names::ALL.iter().find(|known| known.name == metric) {
            shared.count(&[Increment {
                metric: known.name,
                labels,
                by: value,
            }]);
        }
    }
    shared
        .numbers()
        .set(&names::BUILD_INFO, &[env!("CARGO_PKG_VERSION")], 1.0);
    publish_rules_digest(plan, &shared);
    shared.set_config_state(ConfigState::default());
    restore_sketches(&shared, ledger, now)?;
    restore_runs(plan, &shared, ledger)?;
    for probe in ledger.pauses()?.keys() {
        if let Some(state) = shared.state().probes.get_mut(probe) {
            state.is_paused = true;
        }
    }
    Ok(shared)
}

/// The digest of the rules that belong to this plan. A plan was refused before when it has none.
pub(super) fn publish_rules_digest(plan: &Plan, shared: &SharedState) {
    let objectives = slo::objectives(plan).ok();
    let digest = objectives.and_then(|all| render::digest(plan, &all).ok());
    if let Some(digest) = digest {
        shared.numbers().set(&names::RULES_DIGEST, &[&digest], 1.0);
    }
}

/// If the ledger is lost or rolled back, counters restart at 0 and an alert fires. It is logged and counted as
/// the agent's fault.
fn report_rollback(ledger: &mut Ledger) -> Result<(), LedgerError> {
    let Some(rollback) = ledger.rollback() else {
        return Ok(());
    };
    tracing::error!(%rollback, "the ledger was lost or rolled back; counters restart at 0");
    fault(ledger, AgentFault::Ledger)
}

/// The schedule never goes back, so no start gets two records: what was written before a clock was set back
/// must be caught up with first. Nothing runs until then, which is said, counted and alerted as a standstill.
fn report_clock_step<'w>(
    ledger: &mut Ledger,
    watermarks: impl Iterator<Item = &'w DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<(), LedgerError> {
    let least = TimeDelta::from_std(CLOCK_STEP_MIN).unwrap_or_default();
    let Some(latest) = watermarks.max().filter(|latest| **latest > now + least) else {
        return Ok(());
    };
    tracing::error!(
        now = %now.to_rfc3339(),
        recorded_until = %latest.to_rfc3339(),
        "this machine's clock was set back: starts are recorded until then already, and nothing runs before. \
         Set the clock right, or name another file with --ledger"
    );
    fault(ledger, AgentFault::Clock)
}

fn fault(ledger: &mut Ledger, fault: AgentFault) -> Result<(), LedgerError> {
    let fault = Increment {
        metric: names::AGENT_FAULTS.name,
        labels: vec![fault.name().to_owned()],
        by: 1,
    };
    ledger
        .commit(&[LedgerEntry::Counters(&[fault])])
        .map(|_| ())
}

fn close_left_over(
    plan: &Plan,
    ledger: &mut Ledger,
    now: DateTime<Utc>,
) -> Result<(), LedgerError> {
    let lost = ledger.open_ticks()?;
    close(ledger, &lost, Disposition::Lost)?;
    let watermarks = ledger.watermarks()?;
    // A probe that was taken out of the plan and comes back later owes nothing for the time between.
    let gone = watermarks
        .keys()
        .filter(|id| !plan.probes.contains_key(*id));
    let removed: Vec<_> = gone.map(LedgerEntry::ProbeRemoved).collect();
    ledger.commit(&removed)?;
    let mut first_seen = Vec::new();
    for probe in plan.probes.values() {
        match watermarks.get(&probe.id) {
            None => first_seen.push(&probe.id),
            Some(through) => missed(ledger, probe, *through, now)?,
        }
    }
    // From here on a probe that was never seen owes a record for each of its ticks.
    let begun: Vec<_> = first_seen
        .into_iter()
        .map(|id| LedgerEntry::Watermark(id, now))
        .collect();
    ledger.commit(&begun).map(|_| ())
}

fn missed(
    ledger: &mut Ledger,
    probe: &Probe,
    through: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), LedgerError> {
    let mut ticks = Vec::new();
    for due_at in probe.starts(through, now) {
        ticks.push(Tick {
            probe: probe.id.clone(),
            due_at,
        });
        if ticks.len() == CHUNK {
            close(ledger, &ticks, Disposition::Missed)?;
            ticks.clear();
        }
    }
    close(ledger, &ticks, Disposition::Missed)
}

fn close(ledger: &mut Ledger, ticks: &[Tick], as_what: Disposition) -> Result<(), LedgerError> {
    let counted: Vec<_> = ticks
        .iter()
        .map(|tick| sli::of_tick(&tick.probe, as_what))
        .collect();
    let mut entries: Vec<LedgerEntry<'_>> = Vec::new();
    for tick in ticks {
        entries.push(LedgerEntry::TickClosed(tick, as_what));
        entries.push(LedgerEntry::Watermark(&tick.probe, tick.due_at));
    }
    entries.push(LedgerEntry::Counters(&counted));
    ledger.commit(&entries).map(|_| ())
}

/// Stored sketches, and the runs that came after them.
fn restore_sketches(
    shared: &SharedState,
    ledger: &Ledger,
    now: DateTime<Utc>,
) -> Result<(), LedgerError> {
    let oldest = hour_of(now) - 3600;
    let mut through = ledger.sketches_through()?;
    shared.state().sketches.extend(ledger.sketches(oldest)?);
    loop {
        let filter = RunFilter {
            after: Some(through),
            limit: PAGE,
            ..RunFilter::default()
        };
        let runs = ledger.runs(&filter)?;
        let Some((last, _)) = runs.last() else {
            shared.state().sketched_through = through;
            return Ok(());
        };
        through = *last;
        let mut state = shared.state();
        for (_, run) in &runs {
            state.recall(ledger, run)?;
            state.sketch(run);
        }
    }
}

/// The last run of each probe, and how many failed in a row.
fn restore_runs(plan: &Plan, shared: &SharedState, ledger: &Ledger) -> Result<(), LedgerError> {
    let mut last: Vec<(u64, RunRecord)> = Vec::new();
    for id in plan.probes.keys() {
        let filter = RunFilter {
            partner: Some(id.partner.to_string()),
            journey: Some(id.journey.to_string()),
            limit: LAST_RUNS,
            ..RunFilter::default()
        };
        let runs = ledger.runs(&filter)?;
        last.extend(runs.iter().cloned());
        let failures = shared.state().remember(id, runs);
        let labels = [id.partner.as_str(), id.journey.as_str()];
        shared
            .numbers()
            .set(&names::CONSECUTIVE_FAILURES, &labels, f64::from(failures));
    }
    // Over all journeys of a partner the last verdict is the one that came last.
    last.sort_by_key(|(seq, _)| *seq);
    let mut state = shared.state();
    last.iter().for_each(|(_, run)| state.last_verdicts(run));
    Ok(())
}
