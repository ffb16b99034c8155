//! Answers the portal's queries from the shared state and from the ledger.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use outrider_domain::clock::Clock;
use outrider_domain::model::{ActionKind, KnownBy, LoggedAction, Plan};
use tokio::sync::mpsc::Receiver;
use tokio::sync::oneshot;

use super::docket::os_author;
use super::jwks::{PublishedKeys, RELOAD_EVERY};
use super::readers::Readers;
use super::recorder_events::{RecorderEvent, RecorderSender};
use super::state::SharedState;
use crate::portal::{PortalQuery, RefusedText, Resumed, Resumption};

/// How often programs that give secrets are run again.
const COMMANDS_EVERY: Duration = Duration::from_secs(60);

/// Answers queries until every sender is gone.
pub(super) async fn handle_queries(
    mut queries: Receiver<PortalQuery>,
    readers: Readers,
    shared: SharedState,
    recorder: RecorderSender,
    clock: Clock,
) {
    let keys = PublishedKeys::default();
    let mut reload_due = tokio::time::interval(RELOAD_EVERY);
    reload_due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut commands_due = tokio::time::interval(COMMANDS_EVERY);
    commands_due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let query = tokio::select! {
            query = queries.recv() => query,
            _ = reload_due.tick() => {
                reload_keys(&keys, &shared, &clock, None);
                continue;
            }
            _ = commands_due.tick() => {
                refresh_secrets(&shared);
                continue;
            }
        };
        let Some(query) = query else { return };
        match query {
            PortalQuery::Keys(to) => reload_keys(&keys, &shared, &clock, Some(to)),
            PortalQuery::Overview(to) => {
                let _gone = to.send(shared.overview(&shared.plan(), clock.now()));
            }
            PortalQuery::Watchdog(to) => {
                shared.watchdog_arrived(clock.instant());
                let _gone = to.send(());
            }
            PortalQuery::Resume(resumption, to) => {
                let (plan, at) = (shared.plan(), clock.now());
                // It answers by itself; nothing waits for its end.
                drop(tokio::spawn(resume(
                    plan,
                    resumption,
                    at,
                    recorder.clone(),
                    to,
                )));
            }
            PortalQuery::Docket(wish, known_by, to) => {
                let author = match known_by {
                    KnownBy::Token(name) => format!("token {name}"),
                    // Its file is readable for this user alone.
                    KnownBy::LocalToken => os_author(),
                    KnownBy::Anonymous => "nobody".to_owned(),
                };
                let event = RecorderEvent::Docket(wish, author, to);
                // It answers by itself; nothing waits for its end.
                let recorder = recorder.clone();
                drop(tokio::spawn(async move { recorder.send(event).await }));
            }
            query @ (PortalQuery::Runs(..) | PortalQuery::Run(..) | PortalQuery::Actions(..)) => {
                readers.query(query);
            }
        }
    }
}

/// Lifts a pause where who and why can be kept.
async fn resume(
    plan: Arc<Plan>,
    resumption: Resumption,
    at: DateTime<Utc>,
    recorder: RecorderSender,
    to: oneshot::Sender<Resumed>,
) {
    let probe = resumption.probe.clone();
    // Every member of every set is looked for: not on the thread that keeps the schedule.
    let checked = tokio::task::spawn_blocking(move || resume_action(&plan, &resumption, at));
    match checked.await {
        Ok(Ok(action)) => {
            let event = RecorderEvent::Resume(probe, Box::new(action), to);
            recorder.send(event).await;
        }
        Ok(Err(refused)) => {
            let _gone = to.send(Err(refused));
        }
        Err(_panicked) => tracing::error!("a resume panicked; it has no answer"),
    }
}

/// What the action log keeps of a resume.
fn resume_action(
    plan: &Plan,
    resumption: &Resumption,
    at: DateTime<Utc>,
) -> Result<LoggedAction, RefusedText> {
    let refused = |field| move |fault| RefusedText { field, fault };
    let by = plan.person(&resumption.by).map_err(refused("by"))?;
    let note = plan.note(&resumption.note).map_err(refused("note"))?;
    Ok(LoggedAction {
        at,
        kind: ActionKind::Resume,
        subject: resumption.probe.to_string(),
        by: Some(by),
        note,
        source: resumption.source.clone(),
    })
}

/// Programs that give secrets are run on a thread that may block.
fn refresh_secrets(shared: &SharedState) {
    let plan = shared.plan();
    drop(tokio::task::spawn_blocking(move || {
        plan.secrets()
            .iter()
            .for_each(|(_, secret)| secret.refresh());
    }));
}

/// Key files are read on a thread that may block; then the answer is sent.
fn reload_keys(
    keys: &PublishedKeys,
    shared: &SharedState,
    clock: &Clock,
    to: Option<oneshot::Sender<serde_json::Value>>,
) {
    let (keys, plan, now) = (keys.clone(), shared.plan(), clock.instant());
    // The task answers by itself; nothing waits for its end.
    drop(tokio::task::spawn_blocking(move || {
        keys.reload(&plan, now);
        if let Some(to) = to {
            let _gone = to.send(keys.jwks());
        }
    }));
}
