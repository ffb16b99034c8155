//! Threads that read the ledger for pages and JSON, so that no query waits for the one before and nothing else waits
//! for any.

use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use outrider_domain::config::QueryMistake;
use outrider_domain::model::{Plan, RunFilter};
use outrider_domain::view::RunsPage;

use super::run_names::{under_present_names, unknown_name};
use super::state::SharedState;
use crate::ledger::{Ledger, LedgerError};
use crate::portal::{PortalQuery, RunDetails};

/// Queries that are answered at the same time.
const READERS: usize = 4;
/// Queries that wait for a reader; further ones are turned away at once.
const WAITING_MAX: usize = 64;
/// Runs looked at for one page of an answer: what keeps it below a tenth of a second. The answer says where to go on.
const LOOKED_AT_MAX: u64 = 50_000;

/// A handle to the threads that read. They end when it is gone.
#[derive(Clone, Debug)]
pub(super) struct Readers(SyncSender<PortalQuery>);

impl Readers {
    /// Hands a query over. It has no answer where too many wait.
    pub(super) fn query(&self, query: PortalQuery) {
        if self.0.try_send(query).is_err() {
            tracing::warn!("a query of the ledger was turned away: {WAITING_MAX} wait already");
        }
    }
}

/// Opens the ledger once for each reader and starts them.
///
/// # Errors
/// The ledger is unavailable.
pub(super) fn start(shared: &SharedState) -> Result<Readers, LedgerError> {
    let path = shared.plan().settings.ledger.clone();
    let (sender, queries) = sync_channel(WAITING_MAX);
    let queries = Arc::new(Mutex::new(queries));
    for _ in 0..READERS {
        let ledger = Ledger::reader(&path)?;
        let (queries, shared) = (Arc::clone(&queries), shared.clone());
        // It ends when the last handle is gone; nothing waits for it.
        drop(tokio::task::spawn_blocking(move || {
            answer_all(&queries, |query| {
                // A change of the files may have renamed some.
                ledger.forget_names();
                answer(&ledger, &shared.plan(), query);
            });
        }));
    }
    Ok(Readers(sender))
}

/// Answers queries until every handle is gone. One that panics has no answer, and costs no reader.
fn answer_all(queries: &Mutex<Receiver<PortalQuery>>, answer: impl Fn(PortalQuery)) {
    while let Some(query) = next(queries) {
        // What a reader has is read again for each query, so nothing half-done of one is seen by the next.
        let answered = panic::catch_unwind(AssertUnwindSafe(|| answer(query)));
        if answered.is_err() {
            tracing::error!("a query of the ledger panicked; it has no answer");
        }
    }
}

/// The next query; none when every handle is gone.
fn next(queries: &Mutex<Receiver<PortalQuery>>) -> Option<PortalQuery> {
    let queries = queries.lock().unwrap_or_else(PoisonError::into_inner);
    queries.recv().ok()
}

fn answer(ledger: &Ledger, plan: &Plan, query: PortalQuery) {
    match query {
        // Nobody waits for an answer whose receiver is gone.
        PortalQuery::Runs(filter, to) if !to.is_closed() => match page(ledger, plan, &filter) {
            Ok(page) => {
                let _gone = to.send(page);
            }
            Err(why) => tracing::error!(error = %why, "runs could not be read"),
        },
        PortalQuery::Run(run, to) if !to.is_closed() => match details(ledger, &run) {
            Ok(found) => {
                let _gone = to.send(found);
            }
            Err(why) => tracing::error!(error = %why, "a run could not be read"),
        },
        PortalQuery::Actions(filter, to) if !to.is_closed() => match ledger.actions(&filter) {
            Ok(actions) => {
                let _gone = to.send(actions);
            }
            Err(why) => tracing::error!(error = %why, "the action log could not be read"),
        },
        PortalQuery::Runs(..)
        | PortalQuery::Run(..)
        | PortalQuery::Actions(..)
        | PortalQuery::Overview(_)
        | PortalQuery::Resume(..)
        | PortalQuery::Docket(..)
        | PortalQuery::Watchdog(_)
        | PortalQuery::Keys(_) => {}
    }
}

fn page(
    ledger: &Ledger,
    plan: &Plan,
    filter: &RunFilter,
) -> Result<Result<RunsPage, QueryMistake>, LedgerError> {
    let filter = under_present_names(plan, ledger, filter.clone())?;
    if let Some(mistake) = unknown_name(plan, ledger, &filter)? {
        return Ok(Err(mistake));
    }
    let found = ledger.find_runs(&filter, LOOKED_AT_MAX)?;
    let runs = ledger.read_runs(&found.places, true)?;
    Ok(Ok(RunsPage {
        runs: runs.into_iter().map(|run| (run.seq, run.record)).collect(),
        next: found.through,
        has_newer: found.has_newer,
        previous: found.older_before,
    }))
}

fn details(ledger: &Ledger, run: &str) -> Result<Option<RunDetails>, LedgerError> {
    let Some(found) = ledger.run(run)? else {
        return Ok(None);
    };
    Ok(Some(RunDetails {
        seq: found.seq,
        run: found.record,
        follow_up_runs: ledger.follow_up_runs(run)?,
    }))
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[test]
    fn a_query_that_panics_costs_no_reader() {
        let (sender, queries) = sync_channel(WAITING_MAX);
        let mut answers = Vec::new();
        for name in ["panics", "fine"] {
            let (to, answer) = oneshot::channel();
            sender.send(PortalQuery::Run(name.to_owned(), to)).unwrap();
            answers.push(answer);
        }
        drop(sender);
        answer_all(&Mutex::new(queries), |query| {
            let PortalQuery::Run(run, to) = query else {
                return;
            };
            assert_eq!(run, "fine");
            to.send(None).unwrap();
        });
        let answers = answers.iter_mut().map(|answer| answer.try_recv().is_ok());
        assert_eq!(answers.collect::<Vec<_>>(), [false, true]);
    }
}
