//! Restores the state after a restart: counters go on, open ticks are `lost`, ticks since then are
//! `missed`.

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use outrider_domain::clock::{CLOCK_STEP_MIN, Clock};
use outrider_domain::model::calendar::declared;
use outrider_domain::model::names;
use outrider_domain::model::{
    AgentFault, Disposition, Outcome, PartnerId, Plan, Probe, RunRecord, Tick,
};
use outrider_domain::schedule::due_counts;
use outrider_domain::sli::{self, Increment, hour_of};

use super::changes::DeclaredChange;
use super::epochs;
use super::pauses;
use super::plan_series;
use super::recorder_batch::of_due;
use super::state::{ConfigState, SharedState};
use crate::expose::Health;
use crate::ledger::{Ledger, LedgerEntry, LedgerError, Marks, RunFilter};
use crate::render;

/// Ticks closed in one transaction.
const CHUNK: usize = 10_000;
/// Runs read at a time.
const PAGE: u32 = 1_000;
/// Runs of each probe looked at for its failures in a row.
const LAST_RUNS: u32 = 1_000;

/// Reads the ledger, closes what was left open, and returns the state to start from.
pub(super) fn restore(
    plan: &Arc<Plan>,
    ledger: &mut Ledger,
    clock: &Clock,
    health: &Health,
) -> Result<SharedState, LedgerError> {
    let shared = SharedState::new(Arc::clone(plan));
    let now = clock.now();
    report_rollback(ledger)?;
    report_differences(plan, ledger, now)?;
    continue_history(plan, ledger, now)?;
    draw_back(ledger, now, health)?;
    close_left_over(plan, ledger, now)?;
    let watermarks = ledger.watermarks()?;
    let runs_begun = ledger.runs_begun()?;
    for (id, state) in &mut shared.state().probes {
        state.through = watermarks.get(id).copied();
        state.runs_begun = runs_begun.get(id).copied().unwrap_or_default();
    }
    sli::zeros(plan).for_each(|zeros| shared.count(&zeros));
    for (metric, labels, value) in ledger.counters()? {
        if let Some((known, labels)) = names::stored(&metric, labels) {
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
    shared.numbers().set_time(&names::AGENT_START, &[], now);
    publish_rules_digest(plan, &shared);
    shared.set_config_state(ConfigState::default());
    restore_sketches(plan, &shared, ledger, now)?;
    restore_runs(plan, &shared, ledger, now)?;
    shared
        .certificates
        .restore(ledger.certificates()?, &plan.renames);
    shared.certificates.refresh(plan, now, &shared.numbers);
    pauses::restore(plan, &shared, ledger, now)?;
    plan_series::publish(plan, &shared);
    shared.windows.set_plan(plan, &mut shared.numbers());
    Ok(shared)
}

/// The digest of the rules that belong to this plan.
pub(super) fn publish_rules_digest(plan: &Plan, shared: &SharedState) {
    if let Ok(digest) = render::digest(plan) {
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

/// What is in the ledger otherwise than it was written is named and counted; the ledger goes on from what is proven.
fn report_differences(
    plan: &Plan,
    ledger: &mut Ledger,
    now: DateTime<Utc>,
) -> Result<(), LedgerError> {
    let differences = ledger.repair(&epochs::promises(plan), now)?;
    for difference in &differences {
        tracing::error!(%difference, "the ledger was changed by something else than the agent; it goes on from what is proven");
    }
    if differences.is_empty() {
        return Ok(());
    }
    fault(ledger, AgentFault::Ledger)
}

/// What was renamed goes on under its present name, what was due while the agent was away is counted by the plan
/// of its return, and what is promised otherwise begins an epoch now.
fn continue_history(
    plan: &Plan,
    ledger: &mut Ledger,
    now: DateTime<Utc>,
) -> Result<(), LedgerError> {
    ledger.commit(&[LedgerEntry::Renamed(&plan.renames)])?;
    let written = ledger.due_through()?;
    let watermarks = ledger.watermarks()?;
    let known = plan.probes.values().filter_map(|probe| {
        let through = watermarks.get(&probe.id)?;
        // A ledger of an earlier version wrote no more than the ticks.
        Some(due_counts(plan, probe, written.unwrap_or(*through), now))
    });
    let due: Vec<_> = known.flatten().collect();
    let mut counted = due_of_earlier_version(ledger, plan)?;
    counted.extend(of_due(&due));
    let epochs = epochs::begun(plan, &ledger.last_epochs()?, now);
    let mut entries = vec![
        LedgerEntry::Due(&due),
        LedgerEntry::Counters(&counted),
        LedgerEntry::DueThrough(written.map_or(now, |written| written.max(now))),
    ];
    entries.extend(epochs.iter().map(LedgerEntry::Epoch));
    // Files may have changed while no agent ran.
    let declared = DeclaredChange::of(plan, ledger, now, "start")?;
    entries.extend(declared.entries());
    ledger.commit(&entries).map(|_| ())
}

/// What came due since the counters were 0, where an earlier version wrote the history and did not count it.
fn due_of_earlier_version(ledger: &Ledger, plan: &Plan) -> Result<Vec<Increment>, LedgerError> {
    let counters = ledger.counters()?;
    if counters
        .iter()
        .any(|(name, ..)| *name == names::SLO_DUE.name)
    {
        return Ok(Vec::new());
    }
    let since = ledger.counters_since()?;
    let mut counted = Vec::new();
    for (partner, slo) in ledger.last_epochs()?.keys() {
        let epochs = ledger
            .slo_history(partner, *slo, plan.scale)?
            .since(since)?;
        let due = epochs
            .iter()
            .map(|one| one.counts.due.saturating_sub(one.counts.held));
        counted.push(Increment {
            metric: names::SLO_DUE.name,
            labels: vec![partner.to_string(), slo.name().to_owned()],
            by: due.sum(),
        });
    }
    Ok(counted)
}

/// Starts that were recorded ahead of now were so by a clock that was ahead (or this one is behind, which an operator
/// must see). The schedule goes on from now: rows that were written early stay, no start is counted twice, and a run
/// of a start that was closed early is added to its row.
fn draw_back(ledger: &mut Ledger, now: DateTime<Utc>, health: &Health) -> Result<(), LedgerError> {
    let least = TimeDelta::from_std(CLOCK_STEP_MIN).unwrap_or_default();
    let watermarks = ledger.watermarks()?;
    let Some(latest) = watermarks
        .values()
        .max()
        .filter(|latest| **latest > now + least)
    else {
        return Ok(());
    };
    tracing::error!(
        now = %now.to_rfc3339(),
        recorded_until = %latest.to_rfc3339(),
        "starts are recorded until then: this machine's clock was ahead, or is behind now. The schedule goes on from \
         now and counts no start twice. Set the clock right"
    );
    let seconds = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    health.note(format!(
        "the clock was ahead, or is behind now: starts were recorded until {}; the schedule goes on from {}",
        seconds(*latest),
        seconds(now)
    ));
    let ahead = watermarks.iter().filter(|(_, through)| **through > now);
    let entries: Vec<_> = ahead
        .map(|(probe, _)| LedgerEntry::DrawnBack(probe, now))
        .collect();
    ledger.commit(&entries)?;
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
    let mut lost = Vec::new();
    for tick in ledger.open_ticks()? {
        match ledger.earlier_end(&tick)? {
            None => lost.push(tick),
            // Counted before: only its mark as open goes.
            Some(_) => {
                let ended = LedgerEntry::Closed(&tick, Disposition::Lost, None, Marks::default());
                ledger.commit(&[ended])?;
            }
        }
    }
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
        let tick = Tick {
            probe: probe.id.clone(),
            due_at,
        };
        // A clock that was ahead may have closed it before.
        if ledger.earlier_end(&tick)?.is_none() {
            ticks.push(tick);
        }
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
        entries.push(LedgerEntry::Closed(tick, as_what, None, Marks::default()));
        entries.push(LedgerEntry::Watermark(&tick.probe, tick.due_at));
    }
    entries.push(LedgerEntry::Counters(&counted));
    ledger.commit(&entries).map(|_| ())
}

/// Stored sketches, and the runs that came after them.
fn restore_sketches(
    plan: &Plan,
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
        let Some(last) = runs.last() else {
            shared.state().sketched_through = through;
            return Ok(());
        };
        through = last.seq;
        let mut state = shared.state();
        for run in &runs {
            state.recall(ledger, &run.record)?;
            state.sketch(plan, &run.record);
        }
    }
}

/// The outcomes of runs that were due since the last declared window began and that nothing excuses, newest first.
fn since_declared(
    plan: &Plan,
    partner: &PartnerId,
    outcomes: Vec<(DateTime<Utc>, Outcome)>,
    now: DateTime<Utc>,
) -> Vec<Outcome> {
    let oldest = outcomes.last().map_or(now, |(due_at, _)| *due_at);
    let windows = declared(plan.calendars_of(partner), oldest, now);
    let begin = windows.last().map_or(oldest, |(begin, _)| *begin);
    let counts =
        |due_at: &DateTime<Utc>| *due_at >= begin && !plan.excuse(partner, *due_at).is_quiet();
    let counted = outcomes.into_iter().filter(|(due_at, _)| counts(due_at));
    counted.map(|(_, outcome)| outcome).collect()
}

/// The last run of each probe, and how many failed in a row: those from the rows, without what was seen in them.
fn restore_runs(
    plan: &Plan,
    shared: &SharedState,
    ledger: &Ledger,
    now: DateTime<Utc>,
) -> Result<(), LedgerError> {
    let mut last: Vec<(u64, RunRecord)> = Vec::new();
    for id in plan.probes.keys() {
        let run = ledger.last_run(id)?.map(|run| (run.seq, run.record));
        last.extend(run.clone());
        let outcomes = since_declared(plan, &id.partner, ledger.last_outcomes(id, LAST_RUNS)?, now);
        let failures = shared.state().remember(id, run, outcomes);
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
