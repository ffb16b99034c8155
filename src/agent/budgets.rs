//! Sets the numbers of objectives that follow from time as well as from runs: what is left of each budget,
//! coverage, and the chance that the promise breaks.

use std::time::Duration;

use outrider_domain::clock::Clock;
use outrider_domain::model::{Plan, names};
use outrider_domain::slo;
use tokio::sync::watch;

use super::live::Live;
use super::standing::standing;
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
    plan: &Plan,
    live: &Live,
    clock: &Clock,
    stopped: &watch::Receiver<bool>,
) -> Result<(), LedgerError> {
    let reader = Ledger::reader(&plan.settings.ledger)?;
    tokio::spawn(keep(live.clone(), clock.clone(), reader, stopped.clone()));
    Ok(())
}

/// Works them out now and then, until told to stop.
async fn keep(live: Live, clock: Clock, reader: Ledger, mut stopped: watch::Receiver<bool>) {
    let mut reader = Some(reader);
    let pause = live.plan().scale.of(EVERY).max(EVERY_MIN);
    loop {
        let Some(ledger) = reader.take() else { return };
        let (of, to, now) = (live.plan(), live.clone(), clock.now());
        // SQLite blocks, so this goes to a thread that may.
        let set = tokio::task::spawn_blocking(move || {
            if let Err(why) = set(&of, &to, &ledger, now) {
                tracing::error!(error = %why, "what is left of budgets could not be worked out");
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
    live: &Live,
    ledger: &Ledger,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<(), LedgerError> {
    // A plan with an objective that cannot be watched was refused before.
    for objective in slo::objectives(plan).unwrap_or_default() {
        let stands = standing(plan, ledger, &objective, now)?;
        let labels = [objective.partner.id.as_str(), objective.slo.name.name()];
        let mut numbers = live.numbers();
        numbers.set(&names::BUDGET_LEFT, &labels, stands.left);
        numbers.set(&names::COVERAGE, &labels, stands.coverage);
        numbers.set(&names::BREACH, &labels, stands.forecast.breach);
    }
    Ok(())
}
