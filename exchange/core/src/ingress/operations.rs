//! For those who run the core: queues, reviews, the audit trail.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State as Of};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::app_state::AppState;
use super::auth::Session;
use super::exchanges::{known, number};
use super::members::note;
use super::problem::Problem;
use super::queues;
use crate::grants::Scope;
use crate::limits::PAGE_MAX;
use crate::review::{self, ReviewAuthor, ReviewResult};
use crate::store::{ReviewFilter, ReviewState};
use crate::trail::AuditFilter;

type Answer = Result<Response, Problem>;
type Parameters = Query<BTreeMap<String, String>>;

/// `GET /v1/queues`: what waits, for whom, since when.
pub(super) async fn waiting(Of(state): Of<Arc<AppState>>, session: Session) -> Answer {
    session.must(Scope::Review)?;
    let now_ms = state.core.clock.now_millis();
    Ok(Json(queues::shown(
        &state.core.store,
        Some(&session.grant.tenant),
        now_ms,
    )?)
    .into_response())
}

/// `GET /v1/reviews?state=open`.
pub(super) async fn reviews(
    Of(state): Of<Arc<AppState>>,
    session: Session,
    Query(mut asked): Parameters,
) -> Answer {
    session.must(Scope::Review)?;
    let wanted = match asked.remove("state") {
        Some(name) => Some(ReviewState::named(&name).ok_or_else(|| {
            let all = ReviewState::ALL.map(ReviewState::name).join(", ");
            Problem::parameter("state", format!("one of: {all}"))
        })?),
        None => None,
    };
    let exchange = asked.remove("exchange");
    known(&asked)?;
    let filter = ReviewFilter {
        tenant: Some(&session.grant.tenant),
        state: wanted,
        exchange: exchange.as_deref(),
    };
    let found = state.core.store.reviews(&filter, PAGE_MAX)?;
    Ok(Json(json!({"reviews": found})).into_response())
}

/// `POST /v1/reviews/{id}/{action}`: resolve, redrive or abandon, with a reason.
pub(super) async fn act(
    Of(state): Of<Arc<AppState>>,
    session: Session,
    Path((id, action)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    session.must(Scope::Review)?;
    let note = note(&body)?;
    let actor = format!("client:{}", session.grant.id);
    let by = ReviewAuthor {
        actor: &actor,
        note: &note,
    };
    let core = &state.core;
    if !core.store.is_review_of(&id, &session.grant.tenant)? {
        return Err(Problem::not_found("review"));
    }
    let acted = match action.as_str() {
        "resolve" => review::close(&core.store, &core.clock, &id, ReviewState::Resolved, &by)?,
        "abandon" => review::close(&core.store, &core.clock, &id, ReviewState::Abandoned, &by)?,
        "redrive" => review::redrive(&core.store, &core.clock, core.pace, &id, &by)?,
        _ => return Err(Problem::not_found("action")),
    };
    match acted {
        ReviewResult::Done(led_to) => {
            core.follow();
            core.wake();
            let led_to = led_to.map(|exchange| exchange.id);
            Ok(Json(json!({"review": id, "action": action, "led_to": led_to})).into_response())
        }
        ReviewResult::Unknown => Err(Problem::not_found("review")),
        ReviewResult::Text(fault) => Err(Problem::text(fault)),
        ReviewResult::Closed => {
            let what = "the review is closed already";
            let help = "see GET /v1/reviews";
            Err(Problem::of(StatusCode::CONFLICT, "is-closed", what, help))
        }
    }
}

/// `GET /v1/audit?of=…&kind=…&after=N`: entries as they are exported, one a line.
pub(super) async fn audit(
    Of(state): Of<Arc<AppState>>,
    session: Session,
    Query(mut asked): Parameters,
) -> Answer {
    session.must(Scope::Audit)?;
    let after = number(&mut asked, "after", 0)?;
    let limit = number(&mut asked, "limit", 1_000)?;
    let (of, kind) = (asked.remove("of"), asked.remove("kind"));
    known(&asked)?;
    let limit = usize::try_from(limit)
        .unwrap_or(PAGE_MAX)
        .clamp(1, PAGE_MAX);
    let filter = AuditFilter {
        tenant: Some(&session.grant.tenant),
        of: of.as_deref(),
        kind: kind.as_deref(),
    };
    let found = state.core.store.audit(&filter, after, limit)?;
    let text: String = found
        .iter()
        .map(|entry: &Value| format!("{entry}\n"))
        .collect();
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], text).into_response())
}

/// `GET /v1/partners`: who can be asked, and how its adapter speaks to it.
pub(super) async fn partners(Of(state): Of<Arc<AppState>>, session: Session) -> Answer {
    session.must(Scope::Read)?;
    let partners: Vec<Value> = state
        .core
        .clients
        .values()
        .map(|client| {
            let partner = &client.partner;
            let dialect = partner.dialect;
            json!({
                "id": partner.id,
                "npi": partner.npi,
                "adapter": dialect.name,
                "version": dialect.version,
                "result": dialect.shape.name(),
                "honours_keys": dialect.honours_keys,
            })
        })
        .collect();
    Ok(Json(json!({"partners": partners})).into_response())
}

/// `GET /readyz`: whether it takes requests and does its work; 503 says what is in the way.
pub(super) async fn ready(Of(state): Of<Arc<AppState>>) -> Answer {
    match state.core.store.broken_trail()? {
        None => Ok("ready\n".into_response()),
        Some(link) => Ok((StatusCode::SERVICE_UNAVAILABLE, format!("{link}\n")).into_response()),
    }
}

/// `GET /metrics`.
pub(super) async fn metrics(Of(state): Of<Arc<AppState>>) -> Answer {
    let core = Arc::clone(&state.core);
    let over_rate = [state.requests.refused(), state.tokens.refused()];
    let text = tokio::task::block_in_place(|| super::metrics::page(&core, over_rate))?;
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}

/// The API's own document.
const OPENAPI: &str = include_str!("openapi.json");

/// `GET /v1/openapi.json`.
pub(super) async fn openapi(Of(state): Of<Arc<AppState>>) -> Answer {
    let text = OPENAPI.replace("https://core.example", &state.base);
    Ok(([(CONTENT_TYPE, "application/json")], text).into_response())
}
