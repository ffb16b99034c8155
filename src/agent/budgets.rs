//! Sets the numbers of objectives that follow from time as well as from runs: what remains of each budget,
//! coverage, and the chance that the promise breaks.

use std::time::Duration;

use outrider_domain::clock::Clock;
use outrider_domain::model::{Plan, names};
use outrider_domain::slo::{self, Objective};
use tokio::sync::watch;

use super::slo_status::slo_status;
use super::state::SharedState;
use crate::ledger::{Ledger, LedgerError};

/// How often they are worked out.
const EVERY: Duration = Duration::from_secs(60);
/// The same in scaled time, at the least.
const EVERY_MIN: Duration = Duration::from_millis(500);

/// Starts to work them out, with a reader of its own.
///
/// # Errors
/// The ledger is unavailable.
pub(super) fn start(
    shared: &SharedState,
    clock: &Clock,
    stopped: &watch::Receiver<bool>,
) -> Result<(), LedgerError> {
    let reader = Ledger::reader(&shared.plan().settings.ledger)?;
    tokio::spawn(keep(shared.clone(), clock.clone(), reader, stopped.clone()));
    Ok(())
}

/// Works them out now and then, until the stop signal.
async fn keep(
    shared: SharedState,
    clock: Clock,
    reader: Ledger,
    mut stopped: watch::Receiver<bool>,
) {
    let mut reader = Some(reader);
    let pause = shared.plan().scale.of(EVERY).max(EVERY_MIN);
    loop {
        let Some(ledger) = reader.take() else { return };
        let (of, to, now) = (shared.plan(), shared.clone(), clock.now());
        // SQLite blocks, so this goes to a thread that may.
        let set = tokio::task::spawn_blocking(move || {
            if let Err(why) = set(&of, &to, &ledger, now) {
                tracing::error!(error = %why, "the remaining budgets could not be computed");
            }
            ledger
        });
        reader = set.await.ok();
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            // The sender lives as long as the agent; its end means the same.
            _ended = stopped.wait_for(|is_stopped| *is_stopped) => return,
        }
    }
}

fn set(
    plan: &Plan,
    shared: &SharedState,
    ledger: &Ledger,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<(), LedgerError> {
    shared.certificates.refresh(plan, now, &shared.numbers);
    // A plan with an objective that cannot be watched was refused before.
    for objective in slo::objectives(plan).unwrap_or_default() {
        let status = slo_status(plan, ledger, &objective, now)?;
        let start = ledger.counters_start(&objective.partner.id, objective.slo.name)?;
        let labels = [objective.partner.id.as_str(), objective.slo.name.name()];
        let mut numbers = shared.numbers();
        // An objective that was removed meanwhile has lost its gauges.
        if !is_planned(&shared.plan(), &objective) {
            continue;
        }
        numbers.set_time(&names::SLO_START, &labels, start);
        numbers.set(&names::BUDGET_LEFT, &labels, status.remaining);
        numbers.set(&names::COVERAGE, &labels, status.coverage);
        numbers.set(&names::BREACH, &labels, status.forecast.breach);
    }
    Ok(())
}

fn is_planned(plan: &Plan, objective: &Objective<'_>) -> bool {
    let partner = plan.partners.get(&objective.partner.id);
    partner.is_some_and(|partner| partner.slos.contains_key(&objective.slo.name))
}
