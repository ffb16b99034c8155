//! Ids of members, for those who may learn them.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State as Of};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use exchange_kit::json;
use http::StatusCode;
use serde::Deserialize;

use super::app_state::AppState;
use super::auth::Session;
use super::problem::Problem;
use crate::grants::Scope;
use crate::limits::TEXT_BYTES_MAX;
use crate::lookup::{LookupResult, lookup as look_up};
use crate::review::ReviewAuthor;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Why {
    note: String,
}

/// The note of a body, which says why.
pub(super) fn note(body: &[u8]) -> Result<String, Problem> {
    let why: Option<Why> = json::read(body).ok();
    why.map(|why| why.note).ok_or_else(|| {
        let what = "the body is no object with a `note` that says why, and nothing else";
        let help = format!("send {{\"note\": \"…\"}} with 1 to {TEXT_BYTES_MAX} bytes");
        Problem::of(StatusCode::UNPROCESSABLE_ENTITY, "note-missing", what, help)
    })
}

/// `POST /v1/members/{key}/lookup`: the id of a member of the tenant's exchanges.
pub(super) async fn lookup(
    Of(state): Of<Arc<AppState>>,
    session: Session,
    Path(key): Path<String>,
    body: Bytes,
) -> Result<Response, Problem> {
    session.must(Scope::MemberLookup)?;
    let note = note(&body)?;
    let actor = format!("client:{}", session.grant.id);
    let by = ReviewAuthor {
        actor: &actor,
        note: &note,
    };
    let tenant = Some(session.grant.tenant.as_str());
    match look_up(&state.core.store, tenant, &key, &by)? {
        LookupResult::Found(found) => {
            let body =
                serde_json::json!({"key": key, "id": found.id, "exchanges": found.exchanges});
            Ok(Json(body).into_response())
        }
        LookupResult::Unknown => Err(Problem::not_found("member")),
        LookupResult::Text(fault) => Err(Problem::text(fault)),
    }
}
