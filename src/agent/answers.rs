//! Answers the portal's questions from what is true now and from the ledger.

use tokio::sync::mpsc::Receiver;

use super::live::Live;
use super::notes::{Note, Notes};
use super::scheduler::tell;
use crate::clock::Clock;
use crate::ledger::{Ledger, RunFilter};
use crate::portal::{Ask, RunAnswer};

/// Answers until nobody asks any more.
pub(super) async fn answer(
    mut asked: Receiver<Ask>,
    reader: Ledger,
    live: Live,
    notes: Notes,
    clock: Clock,
) {
    let mut reader = Some(reader);
    while let Some(ask) = asked.recv().await {
        match ask {
            Ask::Overview(to) => {
                let _gone = to.send(live.overview(&live.plan(), clock.now()));
            }
            Ask::Watchdog(to) => {
                live.hear_watchdog(clock.instant());
                let _gone = to.send(());
            }
            Ask::Resume(probe, to) => tell(&notes, Note::Resume(probe, to)).await,
            Ask::Runs(..) | Ask::Run(..) => {
                // SQLite blocks, so the question goes to a thread that may.
                let Some(ledger) = reader.take() else { return };
                let looked = tokio::task::spawn_blocking(move || look(ledger, ask)).await;
                reader = looked.ok();
            }
        }
    }
}

fn look(ledger: Ledger, ask: Ask) -> Ledger {
    match ask {
        Ask::Runs(asked, to) => {
            let filter = RunFilter {
                after: asked.after,
                partner: asked.partner,
                journey: asked.journey,
                failed: asked.failed,
                limit: asked.limit,
            };
            if let Ok(runs) = ledger.runs(&filter) {
                let _gone = to.send(runs);
            }
        }
        Ask::Run(run, to) => {
            let found = ledger.run(&run).and_then(|found| {
                let asides = ledger.asides(&run)?;
                Ok(found.map(|(seq, run)| RunAnswer { seq, run, asides }))
            });
            if let Ok(found) = found {
                let _gone = to.send(found);
            }
        }
        Ask::Overview(_) | Ask::Resume(..) | Ask::Watchdog(_) => {}
    }
    ledger
}
