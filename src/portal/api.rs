//! JSON for machines.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use outrider_domain::model::names::WATCHDOG;
use outrider_domain::model::{JourneyId, Outcome, PartnerId, ProbeId};
use outrider_domain::view;
use serde::Deserialize;
use serde_json::{Value, json};

use super::handle::{Handle, RunsFilter};

/// Largest notification of Alertmanager's that is read.
pub(super) const NOTIFICATION_BYTES_MAX: usize = 64 * 1024;
/// Runs in one answer, at most.
const RUNS_MAX: u32 = 1_000;
const RUNS_DEFAULT: u32 = 50;
/// The ledger's places end here.
const SEQ_MAX: u64 = i64::MAX as u64;

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

#[derive(Debug, Deserialize)]
pub(super) struct RunsQuery {
    after: Option<u64>,
    partner: Option<String>,
    journey: Option<String>,
    outcome: Option<String>,
    limit: Option<u32>,
}

pub(super) async fn runs(State(handle): State<Handle>, Query(query): Query<RunsQuery>) -> Response {
    let outcome = query.outcome.as_deref();
    if outcome.is_some_and(|outcome| outcome != Outcome::Failed.name()) {
        return problem(
            StatusCode::BAD_REQUEST,
            "runs can be asked for by `outcome=failed` only",
            "leave `outcome` out for all of them",
        );
    }
    let filter = RunsFilter {
        after: query.after.map(|after| after.min(SEQ_MAX)),
        partner: query.partner,
        journey: query.journey,
        failed: query.outcome.as_deref() == Some(Outcome::Failed.name()),
        limit: query.limit.unwrap_or(RUNS_DEFAULT).clamp(1, RUNS_MAX),
    };
    match handle.runs(filter).await {
        Some(runs) => {
            let runs: Vec<Value> = runs
                .iter()
                .map(|(seq, run)| view::run_brief(Some(*seq), run))
                .collect();
            Json(json!({"runs": runs})).into_response()
        }
        None => away(),
    }
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
