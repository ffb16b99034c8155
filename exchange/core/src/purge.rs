//! Removes what has had its time, in small steps beside the work: one exchange a transaction.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::engine::Core;
use super::exchange::{Cohort, Traffic};
use super::store::{Candidate, Result};

/// How many candidates are looked up at once.
const PAGE: usize = 32;
/// The pause after each exchange, in which others write.
const PAUSE: Duration = Duration::from_millis(5);

/// Looks again and again for what has had its time, until `stop` says so.
pub async fn run(core: Arc<Core>, mut stop: watch::Receiver<bool>) {
    loop {
        // Without a trail nothing may happen.
        if !core.store.is_stopped()
            && let Err(error) = round(&core, &stop).await
        {
            tracing::error!(%error, "retention could not remove what has had its time; it tries again later");
        }
        tokio::select! {
            _ = stop.changed() => return,
            () = tokio::time::sleep(core.pace.purge_every()) => {}
        }
    }
}

/// Removes everything that has had its time.
async fn round(core: &Core, stop: &watch::Receiver<bool>) -> Result<()> {
    let store = &core.store;
    let mut last: Option<Candidate> = None;
    loop {
        let before_ms = core.retention.payloads_before(core.clock.now_millis());
        let page = store.payloads_to_purge(before_ms, last.as_ref(), PAGE)?;
        for one in &page {
            store.purge_payloads(&one.id, core.clock.now_millis())?;
            tokio::time::sleep(PAUSE).await;
        }
        last = page.into_iter().next_back();
        if last.is_none() || *stop.borrow() {
            break;
        }
    }
    for traffic in Traffic::ALL {
        for cohort in Cohort::ALL {
            records(core, (traffic, cohort), stop).await?;
        }
    }
    while store.purge_own_entries(core.retention, core.clock.now_millis())? > 0 && !*stop.borrow() {
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

async fn records(
    core: &Core,
    class: (Traffic, Cohort),
    stop: &watch::Receiver<bool>,
) -> Result<()> {
    let mut last: Option<Candidate> = None;
    loop {
        let now_ms = core.clock.now_millis();
        let before_ms = core.retention.records_before(class.0, class.1, now_ms);
        let page = core
            .store
            .records_to_purge(class, before_ms, last.as_ref(), PAGE)?;
        for one in &page {
            let gone = core.store.purge_records(&one.id, core.retention, now_ms)?;
            core.forget_events(gone.unwrap_or(0));
            tokio::time::sleep(PAUSE).await;
        }
        last = page.into_iter().next_back();
        if last.is_none() || *stop.borrow() {
            return Ok(());
        }
    }
}
