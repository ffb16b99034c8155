//! `/metrics`, `/healthz`, `/readyz`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use outrider_domain::model::{Deed, METRICS_PATH, Viewer};
use prometheus::Registry;

use super::text::{CONTENT_TYPE, encode};

/// Notes that are kept: a clock that is set back again and again must not fill the page.
const NOTES_MAX: usize = 4;

/// Whether the agent is ready: its ledger can be written and its schedule runs.
#[derive(Clone, Debug, Default)]
pub struct Health {
    ledger: Arc<AtomicBool>,
    schedule: Arc<AtomicBool>,
    /// What happened in this life, the oldest first.
    notes: Arc<RwLock<Vec<String>>>,
    ledger_note: Arc<RwLock<Option<String>>>,
}

impl Health {
    /// Whether the ledger can be written.
    pub fn ledger(&self, is_well: bool) {
        self.ledger.store(is_well, Ordering::Relaxed);
    }

    /// The schedule runs, or does not.
    pub fn schedule(&self, is_well: bool) {
        self.schedule.store(is_well, Ordering::Relaxed);
    }

    /// Says something about this life next to being ready, where the last few notes stay.
    pub fn note(&self, text: String) {
        let notes = self.notes.write();
        let mut notes = notes.unwrap_or_else(PoisonError::into_inner);
        if notes.len() == NOTES_MAX {
            notes.remove(0);
        }
        notes.push(text);
    }

    /// Says something about the ledger, for as long as it holds.
    pub fn ledger_note(&self, text: Option<String>) {
        let note = self.ledger_note.write();
        *note.unwrap_or_else(PoisonError::into_inner) = text;
    }

    /// What `/readyz` answers: that it is ready, or why it is not.
    ///
    /// # Errors
    /// It is not ready.
    pub fn told(&self) -> Result<String, String> {
        let wrong: Vec<_> = [(&self.ledger, "ledger"), (&self.schedule, "schedule")]
            .into_iter()
            .filter(|(well, _)| !well.load(Ordering::Relaxed))
            .map(|(_, name)| name)
            .collect();
        if wrong.is_empty() {
            let ledger = self.ledger_note.read();
            let ledger = ledger.unwrap_or_else(PoisonError::into_inner).clone();
            let notes = self.notes.read();
            let notes = notes.unwrap_or_else(PoisonError::into_inner);
            let notes = notes.iter().chain(&ledger);
            let notes: String = notes.map(|note| format!("note: {note}\n")).collect();
            Ok(format!("ready\n{notes}"))
        } else {
            Err(format!("not ready: {}\n", wrong.join(", ")))
        }
    }
}

#[derive(Clone)]
struct ExposeState {
    registry: Registry,
    health: Health,
}

/// The routes over a registry and the agent's health.
pub fn routes(registry: Registry, health: Health) -> Router {
    Router::new()
        .route(METRICS_PATH, get(metrics))
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .with_state(ExposeState { registry, health })
}

async fn metrics(
    State(served): State<ExposeState>,
    Extension(viewer): Extension<Viewer>,
) -> Response {
    if viewer.may(Deed::ReadAll).is_err() {
        // As where there is no such page.
        return StatusCode::NOT_FOUND.into_response();
    }
    // On a thread of its own: a long page must not hold up what is measured meanwhile.
    let page = tokio::task::spawn_blocking(move || encode(&served.registry.gather()));
    match page.await {
        Ok(page) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], page).into_response(),
        Err(_) => {
            let why = "the page could not be made\n";
            (StatusCode::INTERNAL_SERVER_ERROR, why).into_response()
        }
    }
}

async fn ready(State(served): State<ExposeState>) -> impl IntoResponse {
    match served.health.told() {
        Ok(text) => (StatusCode::OK, text),
        Err(text) => (StatusCode::SERVICE_UNAVAILABLE, text),
    }
}
