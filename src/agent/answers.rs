//! Answers the portal's questions from what is true now and from the ledger.

use outrider_domain::clock::Clock;
use tokio::sync::mpsc::Receiver;
use tokio::sync::oneshot;

use super::live::Live;
use super::published::{LOOK_EVERY, Published};
use super::recorder_events::{RecorderEvent, RecorderSender};
use crate::ledger::{Ledger, RunFilter};
use crate::portal::{Ask, RunAnswer};

/// Answers until nobody asks any more.
pub(super) async fn answer(
    mut asked: Receiver<Ask>,
    reader: Ledger,
    live: Live,
    recorder: RecorderSender,
    clock: Clock,
) {
    let mut reader = Some(reader);
    let published = Published::default();
    let mut look_due = tokio::time::interval(LOOK_EVERY);
    look_due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let ask = tokio::select! {
            ask = asked.recv() => ask,
            _ = look_due.tick() => {
                look_at_keys(&published, &live, &clock, None);
                continue;
            }
        };
        let Some(ask) = ask else { return };
        match ask {
            Ask::Keys(to) => look_at_keys(&published, &live, &clock, Some(to)),
            Ask::Overview(to) => {
                let _gone = to.send(live.overview(&live.plan(), clock.now()));
            }
            Ask::Watchdog(to) => {
                live.hear_watchdog(clock.instant());
                let _gone = to.send(());
            }
            Ask::Resume(probe, to) => recorder.send(RecorderEvent::Resume(probe, to)).await,
            Ask::Runs(..) | Ask::Run(..) => {
                // SQLite blocks, so the question goes to a thread that may.
                let Some(ledger) = reader.take() else { return };
                let looked = tokio::task::spawn_blocking(move || look(ledger, ask)).await;
                reader = looked.ok();
            }
        }
    }
}

/// Key files are read on a thread that may block; then whoever asked is told.
fn look_at_keys(
    published: &Published,
    live: &Live,
    clock: &Clock,
    to: Option<oneshot::Sender<serde_json::Value>>,
) {
    let (published, plan, now) = (published.clone(), live.plan(), clock.instant());
    // It tells by itself; nobody waits for its end.
    drop(tokio::task::spawn_blocking(move || {
        published.look(&plan, now);
        if let Some(to) = to {
            let _gone = to.send(published.jwks());
        }
    }));
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
                let follow_up_runs = ledger.follow_up_runs(&run)?;
                Ok(found.map(|(seq, run)| RunAnswer {
                    seq,
                    run,
                    follow_up_runs,
                }))
            });
            if let Ok(found) = found {
                let _gone = to.send(found);
            }
        }
        Ask::Overview(_) | Ask::Resume(..) | Ask::Watchdog(_) | Ask::Keys(_) => {}
    }
    ledger
}
