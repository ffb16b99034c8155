//! JSON for machines.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use outrider_domain::config::{self, QueryMistake};
use outrider_domain::model::names::WATCHDOG;
use outrider_domain::model::{JourneyId, PartnerId, ProbeId};
use outrider_domain::view;
use serde::Deserialize;
use serde_json::json;

use super::handle::Handle;

/// Largest notification of Alertmanager's that is read.
pub(super) const NOTIFICATION_BYTES_MAX: usize = 64 * 1024;
/// Runs in one answer, at most.
const RUNS_MAX: u32 = 1_000;
/// Runs in an answer to a query that names no limit.
const RUNS_DEFAULT: u32 = 50;

fn away() -> Response {
    problem(
        StatusCode::SERVICE_UNAVAILABLE,
        "the agent does not answer",
        "look at /readyz and its log",
    )
}

fn problem(status: StatusCode, error: &str, help: &str) -> Response {
    (status, Json(json!({"error": error, "cure": help}))).into_response()
}

pub(super) async fn partners(State(handle): State<Handle>) -> Response {
    match handle.overview().await {
        Some(overview) => Json(view::overview_json(&overview)).into_response(),
        None => away(),
    }
}

/// Parameters of a query in the order in which they came.
type Parameters = Result<Query<Vec<(String, String)>>, QueryRejection>;

pub(super) async fn runs(State(handle): State<Handle>, query: Parameters) -> Response {
    let Ok(Query(parameters)) = query else {
        return problem(
            StatusCode::BAD_REQUEST,
            "the query cannot be read",
            "write name=value, joined by &",
        );
    };
    let pairs = parameters.iter();
    let pairs = pairs.map(|(name, value)| (name.as_str(), value.as_str()));
    let filter = match config::run_filter(pairs, handle.now(), RUNS_DEFAULT, RUNS_MAX) {
        Ok(filter) => filter,
        Err(why) => return mistake(&why),
    };
    match handle.runs(filter).await {
        Some(Ok(page)) => {
            // A page of a thousand runs takes milliseconds: not on the thread that keeps the schedule.
            let text = tokio::task::spawn_blocking(move || view::runs_json(&page).to_string());
            match text.await {
                Ok(text) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
                Err(_) => away(),
            }
        }
        Some(Err(why)) => mistake(&why),
        None => away(),
    }
}

/// Refuses a request with parameters where a path takes none: nobody should believe that they chose something.
pub(super) async fn refuse_parameters(request: Request, next: Next) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let name = query.split(['&', '=']).find(|name| !name.is_empty());
    match name {
        Some(name) => mistake(&config::no_parameters(name)),
        None => next.run(request).await,
    }
}

fn mistake(why: &QueryMistake) -> Response {
    let told = json!({
        "error": format!("{}: {}", why.parameter, why.message),
        "cure": why.help,
        "parameter": why.parameter,
        "known": why.known,
    });
    (StatusCode::BAD_REQUEST, Json(told)).into_response()
}

pub(super) async fn run(State(handle): State<Handle>, Path(run): Path<String>) -> Response {
    match handle.run(run).await {
        Some(Some(found)) => {
            let mut whole = view::run_whole(Some(found.seq), &found.run);
            whole["asides"] = found
                .follow_up_runs
                .iter()
                .map(view::follow_up_run_json)
                .collect();
            Json(whole).into_response()
        }
        Some(None) => problem(StatusCode::NOT_FOUND, "no such run", "look at /v1/runs"),
        None => away(),
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct ResumeRequest {
    partner: String,
    journey: String,
}

pub(super) async fn resume(
    State(handle): State<Handle>,
    Json(request): Json<ResumeRequest>,
) -> Response {
    let probe = ProbeId {
        partner: PartnerId::new(request.partner),
        journey: JourneyId::new(request.journey),
    };
    match handle.resume(probe.clone()).await {
        Some(true) => Json(json!({"resumed": probe.to_string()})).into_response(),
        Some(false) => problem(
            StatusCode::NOT_FOUND,
            "that journey is not paused",
            "look at /v1/partners",
        ),
        None => away(),
    }
}

/// What Alertmanager sends to a webhook, as far as it matters here.
#[derive(Debug, Deserialize)]
pub(super) struct Notification {
    status: String,
    alerts: Vec<Notified>,
}

#[derive(Debug, Deserialize)]
struct Notified {
    labels: BTreeMap<String, String>,
}

/// The public halves of the keys that we sign with (RFC 7517).
pub(super) async fn keys(State(handle): State<Handle>) -> Response {
    // A partner that keeps them this long still has a new key before the old one is forgotten.
    let head = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "max-age=300"),
    ];
    match handle.keys().await {
        Some(keys) => (head, keys.to_string()).into_response(),
        None => away(),
    }
}

/// The watchdog came back: agent → Prometheus → Alertmanager → agent.
pub(super) async fn watchdog(
    State(handle): State<Handle>,
    Json(told): Json<Notification>,
) -> Response {
    let is_watchdog = |one: &Notified| {
        let name = one.labels.get("alertname").map(String::as_str);
        name == Some(WATCHDOG)
    };
    if told.status != "firing" || !told.alerts.iter().any(is_watchdog) {
        return problem(
            StatusCode::UNPROCESSABLE_ENTITY,
            "that is no firing watchdog",
            "route only OutriderWatchdog here, as the generated alertmanager.yml does",
        );
    }
    match handle.watchdog().await {
        Some(()) => StatusCode::NO_CONTENT.into_response(),
        None => away(),
    }
}
