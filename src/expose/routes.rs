//! `/metrics`, `/healthz`, `/readyz`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use outrider_domain::model::{Deed, METRICS_PATH, Viewer};

use super::accept::{Format, takes_gzip};
use super::body::{Coding, body};
use super::snapshot::Exposition;

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
    exposition: Exposition,
    health: Health,
}

/// The routes over the numbers and the agent's health.
pub fn routes(exposition: Exposition, health: Health) -> Router {
    Router::new()
        .route(METRICS_PATH, get(metrics))
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .with_state(ExposeState { exposition, health })
}

async fn metrics(
    State(served): State<ExposeState>,
    Extension(viewer): Extension<Viewer>,
    headers: HeaderMap,
) -> Response {
    if viewer.may(Deed::ReadAll).is_err() {
        // As where there is no such page.
        return StatusCode::NOT_FOUND.into_response();
    }
    let Some(format) = Format::accepted(&headers) else {
        let known = format!("no format that you accept; known are {}\n", Format::KNOWN);
        return (StatusCode::NOT_ACCEPTABLE, known).into_response();
    };
    let coding = if takes_gzip(&headers) {
        Coding::Gzip
    } else {
        Coding::Identity
    };
    let Some(page) = body(served.exposition, format, coding) else {
        let busy = "as many pages of metrics are being read as may be\n";
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            [(header::RETRY_AFTER, "1")],
            busy,
        )
            .into_response();
    };
    let mut answer = page.into_response();
    let known = answer.headers_mut();
    let named = HeaderValue::from_static(format.content_type());
    known.insert(header::CONTENT_TYPE, named);
    let varies = HeaderValue::from_static("accept, accept-encoding");
    known.insert(header::VARY, varies);
    if coding == Coding::Gzip {
        known.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    answer
}

async fn ready(State(served): State<ExposeState>) -> impl IntoResponse {
    match served.health.told() {
        Ok(text) => (StatusCode::OK, text),
        Err(text) => (StatusCode::SERVICE_UNAVAILABLE, text),
    }
}
