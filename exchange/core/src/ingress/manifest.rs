//! An exchange as an asynchronous job, in the way of SMART Bulk Data: looked at until its manifest is there.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State as Of};
use axum::response::{IntoResponse, Response};
use exchange_kit::clock::rfc3339;
use http::header::RETRY_AFTER;
use http::{HeaderName, StatusCode};
use serde_json::{Value, json};

use super::app_state::AppState;
use super::auth::Session;
use super::cancel::{CancelResult, cancel_own};
use super::exchanges::{own, receive, seen};
use super::json::may_be_told;
use super::problem::Problem;
use crate::exchange::{Exchange, Traffic};
use crate::grants::Scope;
use crate::limits::{PAGE_MAX, RETRY_AFTER_SECONDS_MAX};
use crate::store::{Closing, Payload, ReviewFilter, ReviewState, Role};

/// The state of the exchange, sent with 202 and with 200.
const PROGRESS: HeaderName = HeaderName::from_static("x-progress");

/// `GET /v1/exchanges/{id}/manifest`: 202 while something may still come, then the manifest.
pub(super) async fn look(
    Of(state): Of<Arc<AppState>>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    session.must(Scope::Read)?;
    let exchange = own(&state, &session, &id)?;
    let progress = [(PROGRESS, exchange.state.name())];
    if !exchange.state.is_terminal() || exchange.is_following_up() {
        let now_ms = state.core.clock.now_millis();
        let wait = [(
            RETRY_AFTER,
            retry_after(exchange.due_ms, now_ms).to_string(),
        )];
        return Ok((StatusCode::ACCEPTED, progress, wait).into_response());
    }
    let payloads = state.core.store.payloads(&id)?;
    if payloads.iter().any(|one| one.purged_ms.is_some()) {
        return Err(Problem::purged());
    }
    receive(&state, &session, &exchange, None)?;
    let manifest = manifest(&state.base, &exchange, &payloads);
    Ok((progress, Json(manifest)).into_response())
}

/// `DELETE /v1/exchanges/{id}/manifest`: cancels what is under way. The record stays; of invented members nothing is
/// left before a person.
pub(super) async fn release(
    Of(state): Of<Arc<AppState>>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    session.must(Scope::Write)?;
    let (CancelResult::Cancelled(exchange) | CancelResult::AlreadyOver(exchange)) =
        cancel_own(&state, &session, &id)?;
    abandon_reviews(&state, &session, &exchange)?;
    Ok((StatusCode::ACCEPTED, Json(seen(&state, &exchange)?)).into_response())
}

/// Closes what is open about invented members: who releases the exchange has seen what came of it.
fn abandon_reviews(
    state: &AppState,
    session: &Session,
    exchange: &Exchange,
) -> Result<(), Problem> {
    if exchange.metadata.traffic != Traffic::Synthetic {
        return Ok(());
    }
    let filter = ReviewFilter {
        state: Some(ReviewState::Open),
        exchange: Some(&exchange.id),
        tenant: None,
    };
    let core = &state.core;
    for review in core.store.reviews(&filter, PAGE_MAX)? {
        let closing = Closing {
            state: ReviewState::Abandoned,
            by: format!("client:{}", session.grant.id),
            note: "the exchange about invented members was released".to_owned(),
            at_ms: core.clock.now_millis(),
            led_to: None,
        };
        core.store.close_review(&review.id, &closing)?;
    }
    Ok(())
}

/// Whole seconds until something may have changed: until the core itself looks next, never 0.
fn retry_after(due_ms: Option<i64>, now_ms: i64) -> i64 {
    let left_ms = due_ms.map_or(0, |due| due - now_ms);
    (left_ms.saturating_add(999) / 1_000).clamp(1, RETRY_AFTER_SECONDS_MAX)
}

/// The manifest: each kept file that may be served, once, with the count that the partner gave. The partner's
/// error files are not served, so none is named; `missing` of the result has what they say.
fn manifest(base: &str, exchange: &Exchange, payloads: &[Payload]) -> Value {
    let own = format!("{base}/v1/exchanges/{}", exchange.id);
    let mut listed = BTreeSet::new();
    let mut output = Vec::new();
    let is_named = |one: &&Payload| one.role == Role::Data && may_be_told(exchange, one);
    for payload in payloads.iter().filter(is_named) {
        let Some(sha256) = payload.sha256.as_deref().filter(|one| listed.insert(*one)) else {
            continue;
        };
        let mut file = json!({"type": payload.kind, "url": format!("{own}/payloads/{sha256}")});
        if let Some(count) = payload.counted {
            file["count"] = json!(count);
        }
        output.push(file);
    }
    json!({
        "transactionTime": rfc3339(exchange.outcome_ms.unwrap_or(exchange.created_ms)),
        "request": own,
        "requiresAccessToken": true,
        "output": output,
        "error": [],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_told_to_look_when_the_core_does_within_limits() {
        let now_ms = 1_000_000;
        let table = [
            (None, 1),
            (Some(now_ms - 5_000), 1),
            (Some(now_ms), 1),
            (Some(now_ms + 1), 1),
            (Some(now_ms + 2_001), 3),
            (Some(now_ms + 119_500), 120),
            (Some(now_ms + 600_000), RETRY_AFTER_SECONDS_MAX),
            (Some(i64::MAX), RETRY_AFTER_SECONDS_MAX),
        ];
        for (due_ms, seconds) in table {
            assert_eq!(retry_after(due_ms, now_ms), seconds, "{due_ms:?}");
        }
    }
}
