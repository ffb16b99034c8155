//! Cancelling an exchange.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State as Of};
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::app_state::AppState;
use super::auth::Session;
use super::exchanges::{own, seen};
use super::problem::Problem;
use crate::exchange::{Event, Exchange, Reason, State, Step};
use crate::grants::Scope;
use crate::store::{Change, StoreError};

/// How often a write is tried again when the orchestrator was faster.
const STALE_MAX: u32 = 8;

/// The result of a cancellation.
pub(super) enum CancelResult {
    /// It is cancelled; its jobs at the partner are released next.
    Cancelled(Box<Exchange>),
    /// It was over before, and stays as it is.
    AlreadyOver(Box<Exchange>),
}

/// `POST /v1/exchanges/{id}/cancel`.
pub(super) async fn cancel(
    Of(state): Of<Arc<AppState>>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    session.must(Scope::Write)?;
    match cancel_own(&state, &session, &id)? {
        CancelResult::Cancelled(exchange) => {
            Ok((StatusCode::ACCEPTED, Json(seen(&state, &exchange)?)).into_response())
        }
        CancelResult::AlreadyOver(exchange) => {
            let what = format!("the exchange is {} already", exchange.state.name());
            let help = "there is nothing to cancel";
            Err(Problem::of(StatusCode::CONFLICT, "is-over", what, help))
        }
    }
}

/// Cancels the client's own exchange, unless it is over.
pub(super) fn cancel_own(
    state: &AppState,
    session: &Session,
    id: &str,
) -> Result<CancelResult, Problem> {
    for _ in 0..=STALE_MAX {
        let exchange = own(state, session, id)?;
        if exchange.state.is_terminal() {
            return Ok(CancelResult::AlreadyOver(Box::new(exchange)));
        }
        match state.core.store.apply(change(state, session, exchange)?) {
            Err(StoreError::Stale) => {}
            done => {
                let exchange = done?;
                state.core.follow();
                state.core.wake();
                return Ok(CancelResult::Cancelled(Box::new(exchange)));
            }
        }
    }
    Err(StoreError::Stale.into())
}

fn change(state: &AppState, session: &Session, mut exchange: Exchange) -> Result<Change, Problem> {
    let now_ms = state.core.clock.now_millis();
    exchange.reason = Some(Reason::Cancelled);
    exchange.outcome_ms = Some(now_ms);
    exchange.go_on(Step::Release, now_ms);
    let mut members = state.core.store.members(&exchange.id)?;
    members.retain(|member| !member.state.is_terminal());
    for member in &mut members {
        member.state = State::Failed;
        member.reason = Some(Reason::Cancelled);
    }
    let actor = format!("client:{}", session.grant.id);
    let mut change = Change::of(exchange, Event::Cancelled).by(&actor);
    change.members = members;
    Ok(change)
}
