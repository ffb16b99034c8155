//! `/metrics`, `/healthz`, `/readyz`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use outrider_domain::model::{Deed, METRICS_PATH, Viewer};

use super::accept::{Format, takes_gzip};
use super::body::{Coding, body};
use super::snapshot::Exposition;

/// Whether the agent is ready: its ledger can be written and its schedule runs.
#[derive(Clone, Debug, Default)]
pub struct Health {
    ledger: Arc<AtomicBool>,
    schedule: Arc<AtomicBool>,
    note: Arc<OnceLock<String>>,
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

    /// Says something about this life next to being ready: the first note stays.
    pub fn note(&self, text: String) {
        self.note.get_or_init(|| text);
    }

    /// Says something about the ledger, for as long as it holds.
    pub fn ledger_note(&self, text: Option<String>) {
        let note = self.ledger_note.write();
        *note.unwrap_or_else(PoisonError::into_inner) = text;
    }

    fn told(&self) -> Result<String, String> {
        let wrong: Vec<_> = [(&self.ledger, "ledger"), (&self.schedule, "schedule")]
            .into_iter()
            .filter(|(well, _)| !well.load(Ordering::Relaxed))
            .map(|(_, name)| name)
            .collect();
        if wrong.is_empty() {
            let ledger = self.ledger_note.read();
            let ledger = ledger.unwrap_or_else(PoisonError::into_inner).clone();
            let notes = self.note.get().cloned().into_iter().chain(ledger);
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
    let mut answer = body(served.exposition, format, coding).into_response();
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
