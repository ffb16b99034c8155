//! The routes of the control API.

use std::sync::Arc;

use axum::extract::{FromRef, Path, State};
use axum::response::Html;
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use exchange_kit::clock::rfc3339;
use exchange_kit::http::{ControlProblem, ControlResult, parse_body};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::faults;
use super::landing::{self, PageContext};
use super::partners::{Partners, find};
use crate::fault::Fault;
use crate::member::Payer;
use crate::persona;
use crate::store::Job;

/// The state of the control API's handlers.
#[derive(Clone)]
struct ControlState {
    partners: Partners,
    context: Arc<PageContext>,
}

impl FromRef<ControlState> for Partners {
    fn from_ref(state: &ControlState) -> Self {
        Arc::clone(&state.partners)
    }
}

/// The routes of the control API, and the page at its root.
pub fn router(partners: Partners, context: PageContext) -> Router {
    let context = Arc::new(context);
    Router::new()
        .route("/", get(page))
        .route("/clock", get(clock).put(advance))
        .route("/partners", get(list))
        .route("/personas", get(personas))
        .merge(faults::routes())
        .route("/partners/{id}/jobs", get(jobs))
        .route("/partners/{id}/stats", get(stats))
        .route("/partners/{id}/reset", post(reset))
        .fallback(|| async {
            let help = "see GET /faults and GET /partners".to_owned();
            ControlProblem {
                status: StatusCode::NOT_FOUND,
                error: "no such address".to_owned(),
                help,
            }
        })
        .with_state(ControlState { partners, context })
}

async fn page(State(state): State<ControlState>) -> Result<Html<String>, ControlProblem> {
    landing::page(&state.context, state.partners.values())
        .map(Html)
        .map_err(internal)
}

async fn clock(State(state): State<ControlState>) -> Json<Value> {
    Json(json!({"now": state.context.clock.now().to_rfc3339()}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_seconds: u32,
}

/// Moves the clock of all partners on; it never goes back.
async fn advance(State(state): State<ControlState>, body: Bytes) -> ControlResult {
    let asked: Advance = parse_body(&body, r#"send {"advance_seconds":60}"#)?;
    state
        .context
        .clock
        .advance(i64::from(asked.advance_seconds) * 1_000);
    Ok(clock(State(state)).await)
}

/// The compatibility matrix.
async fn personas() -> Json<Value> {
    Json(matrix())
}

/// The compatibility matrix as JSON, one line a persona with the partner that has it.
pub fn matrix() -> Value {
    let lines: Vec<Value> = Payer::ALL
        .iter()
        .map(|payer| json!({"partner": payer.id, "matrix": persona::entry(payer.persona)}))
        .collect();
    json!({"personas": lines})
}

async fn list(State(partners): State<Partners>) -> ControlResult {
    let mut list = Vec::new();
    for (id, served) in partners.iter() {
        let partner = &served.partner;
        let jobs = partner.jobs().map_err(internal)?;
        list.push(json!({
            "id": id,
            "name": partner.payer.name,
            "region": partner.payer.region,
            "persona": partner.payer.persona.name(),
            "base_url": partner.base_url,
            "fault": partner.with_faults(|faults| faults.newest().map(Fault::name)),
            "faults": partner.with_faults(|faults| faults.active().len()),
            "open_jobs": jobs.iter().filter(|job| job.released_ms.is_none()).count(),
            "stats": partner.stats(),
        }));
    }
    Ok(Json(json!({"partners": list})))
}

async fn jobs(State(partners): State<Partners>, Path(id): Path<String>) -> ControlResult {
    let partner = &find(&partners, &id)?.partner;
    let now_ms = partner.clock().now_millis();
    let jobs = partner.jobs().map_err(internal)?;
    let jobs: Vec<Value> = jobs.iter().map(|job| job_json(job, now_ms)).collect();
    Ok(Json(json!({"jobs": jobs})))
}

fn job_json(job: &Job, now_ms: i64) -> Value {
    let state = match job.released_ms {
        Some(_) => "released",
        None if now_ms < job.ready_ms => "running",
        None => "done",
    };
    json!({
        "id": job.id,
        "kind": job.kind.name(),
        "state": state,
        "client": job.client,
        "created": rfc3339(job.created_ms),
    })
}

async fn stats(State(partners): State<Partners>, Path(id): Path<String>) -> ControlResult {
    let stats = find(&partners, &id)?.partner.stats();
    Ok(Json(serde_json::to_value(stats).map_err(internal)?))
}

async fn reset(State(partners): State<Partners>, Path(id): Path<String>) -> ControlResult {
    find(&partners, &id)?.partner.reset().map_err(internal)?;
    Ok(Json(json!({"partner": id, "reset": true})))
}

fn internal(error: impl std::fmt::Display) -> ControlProblem {
    tracing::error!(%error, "the control API failed");
    let help = "look at the exchange's log".to_owned();
    ControlProblem {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        error: error.to_string(),
        help,
    }
}
