//! Does what is due: a bounded pool for each partner, work taken from the store, never from memory.

mod export;
mod fetch;
mod kickoff;
mod matching;
mod outcome;
mod pages;
mod reconcile;
mod release;
mod work;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::exchange::{Event, Step};
use super::limits::{LOOK_MAX, POOL};
use super::store::{Result, StoreError};
use crate::engine::Core;
use work::Work;

/// Works until `stop` says so. What is under way then is dropped; the next start goes on with it.
pub async fn run(core: Arc<Core>, stop: watch::Receiver<bool>) {
    let mut partners = JoinSet::new();
    for id in core.clients.keys() {
        partners.spawn(serve(Arc::clone(&core), id.clone(), stop.clone()));
    }
    while partners.join_next().await.is_some() {}
}

/// The pool of one partner.
async fn serve(core: Arc<Core>, partner: String, mut stop: watch::Receiver<bool>) {
    let mut pool: JoinSet<(String, Option<i64>)> = JoinSet::new();
    // Those that are worked on, and those that our own store could not take: not before then.
    let mut taken: BTreeMap<String, Option<i64>> = BTreeMap::new();
    loop {
        let now_ms = core.clock.now_millis();
        taken.retain(|_, until| until.is_none_or(|until| until > now_ms));
        // Without a trail nothing may happen.
        let is_paused = core.store.is_stopped()
            || core
                .paused_until(&partner)
                .is_some_and(|until| until > now_ms);
        if pool.len() < POOL && !is_paused {
            // While a partner's answer is awaited one probes for all.
            let free_slots = POOL - pool.len();
            let due = core.store.due(&partner, now_ms, LOOK_MAX + taken.len());
            let due = due.unwrap_or_else(|error| {
                tracing::error!(%error, "the queue cannot be read");
                Vec::new()
            });
            let free: Vec<String> = due
                .into_iter()
                .filter(|id| !taken.contains_key(id))
                .collect();
            for id in free.into_iter().take(free_slots) {
                taken.insert(id.clone(), None);
                pool.spawn(walk(Arc::clone(&core), id));
            }
        }
        tokio::select! {
            _ = stop.changed() => break,
            () = core.wake.notified() => {}
            () = tokio::time::sleep(core.pace.tick()) => {}
            Some(ended) = pool.join_next() => {
                if let Ok((id, until)) = ended {
                    match until {
                        Some(until) => taken.insert(id, Some(until)),
                        None => taken.remove(&id),
                    };
                }
            }
        }
    }
    pool.shutdown().await;
}

/// Walks an exchange as far as it goes now. Gives back its id, and until when to leave it alone.
async fn walk(core: Arc<Core>, id: String) -> (String, Option<i64>) {
    loop {
        match step(&core, &id).await {
            Ok(true) | Err(StoreError::Stale) => {}
            Ok(false) => return (id, None),
            Err(error) => {
                tracing::error!(%error, exchange = %id, "a step could not be kept; it is done again later");
                return (id, Some(core.clock.now_millis() + core.pace.pause()));
            }
        }
        core.follow();
    }
}

/// Does the next step of an exchange; false when nothing is due.
async fn step(core: &Core, id: &str) -> Result<bool> {
    let now_ms = core.clock.now_millis();
    let found = core.store.exchange(id)?;
    let Some(exchange) = found.filter(|one| one.due_ms.is_some_and(|due| due <= now_ms)) else {
        return Ok(false);
    };
    let Some(client) = core.clients.get(&exchange.metadata.target_payer) else {
        return Ok(false);
    };
    let work = Work::new(core, client, exchange);
    if work.exchange.step != Step::Release && now_ms > work.exchange.deadline_ms {
        return work
            .end(Event::Expired, super::exchange::Reason::Expired, Vec::new())
            .map(|()| true);
    }
    match work.exchange.step {
        Step::KickOff => kickoff::run(work).await?,
        Step::Match => matching::run(work).await?,
        Step::Export => export::ask(work).await?,
        Step::Manifest => export::look(work).await?,
        Step::Fetch => fetch::run(work).await?,
        Step::Outcome => outcome::run(work)?,
        Step::Release => release::run(work).await?,
        Step::Done => return Ok(false),
    }
    Ok(true)
}
