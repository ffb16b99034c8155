//! Compares every row and reads all evidence once after the start, evidence a little at a time, so that damage is
//! reported before somebody needs it.

use std::path::PathBuf;
use std::time::Duration;

use outrider_domain::model::{AgentFault, Plan};
use tokio::sync::watch;

use super::recorder_events::{RecorderEvent, RecorderSender};
use crate::ledger::{DamagedEvidence, Difference, EvidencePlace, Ledger, LedgerError};

/// Evidence read at a time.
const STEP: u32 = 32;
/// Between two steps, so that it takes a few hundredths of a core.
const PAUSE: Duration = Duration::from_millis(100);

/// Starts to read it, until the end or the stop signal. Each difference and each damaged run is logged once and counted
/// as our fault.
pub(super) fn start(plan: &Plan, recorder: &RecorderSender, stopped: &watch::Receiver<bool>) {
    let path = plan.settings.ledger.clone();
    tokio::spawn(read(path, recorder.clone(), stopped.clone()));
}

async fn read(path: PathBuf, recorder: RecorderSender, mut stopped: watch::Receiver<bool>) {
    let mut reader = match Ledger::reader(&path) {
        Ok(reader) => Some(reader),
        Err(why) => return tracing::error!(error = %why, "stored evidence could not be checked"),
    };
    if let Some(ledger) = reader.take() {
        let compared = tokio::task::spawn_blocking(move || compare(ledger)).await;
        let Ok((ledger, differences)) = compared else {
            return;
        };
        report(differences, &recorder).await;
        reader = Some(ledger);
    }
    let mut place = EvidencePlace::default();
    while let Some(ledger) = reader.take() {
        // SQLite blocks, so this goes to a thread that may.
        let step = tokio::task::spawn_blocking(move || step(ledger, place));
        let (ledger, found) = match step.await {
            Ok((ledger, Ok(found))) => (ledger, found),
            Ok((_, Err(why))) => {
                return tracing::error!(error = %why, "stored evidence could not be checked");
            }
            Err(_) => return,
        };
        let (damaged, reached) = found;
        for one in damaged {
            if one.run.is_empty() {
                tracing::error!("{one}");
            } else {
                tracing::error!(run.id = %one.run, "{one}");
            }
            recorder
                .send(RecorderEvent::Fault(AgentFault::Ledger))
                .await;
        }
        let Some(reached) = reached else { return };
        (reader, place) = (Some(ledger), reached);
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            _ended = stopped.wait_for(|is_stopped| *is_stopped) => return,
        }
    }
}

/// What the start does not compare as it takes long: row by row.
fn compare(ledger: Ledger) -> (Ledger, Result<Vec<Difference>, LedgerError>) {
    let differences = ledger.differences();
    (ledger, differences)
}

async fn report(found: Result<Vec<Difference>, LedgerError>, recorder: &RecorderSender) {
    match found {
        Err(why) => tracing::error!(error = %why, "the rows of the ledger could not be compared"),
        Ok(differences) => {
            for difference in differences {
                tracing::error!(%difference, "the ledger was changed by something else than the agent");
                recorder
                    .send(RecorderEvent::Fault(AgentFault::Ledger))
                    .await;
            }
        }
    }
}

type Found = Result<(Vec<DamagedEvidence>, Option<EvidencePlace>), LedgerError>;

fn step(ledger: Ledger, place: EvidencePlace) -> (Ledger, Found) {
    let found = ledger.verify_evidence(place, STEP);
    (ledger, found)
}
