//! Faults at the control API: the list of faults, the active rules, and the hits.

use axum::extract::{FromRef, Path, State};
use axum::routing::{delete, get, put};
use axum::{Json, Router};
use bytes::Bytes;
use exchange_kit::http::{ControlProblem, ControlResult, parse_body};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::partners::{Partners, ServedPartner, find};
use crate::fault::{Fault, FaultRule, FaultSet, RuleError};

/// The routes, to be merged with the others of the control API.
pub(super) fn routes<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Partners: FromRef<S>,
{
    Router::new()
        .route("/faults", get(names))
        .route("/partners/{id}/fault", put(set).delete(clear))
        .route("/partners/{id}/faults", get(active).post(add).delete(clear))
        .route("/partners/{id}/faults/hits", get(hits))
        .route("/partners/{id}/faults/{number}", delete(remove))
}

/// `faults` holds the names; `about` describes each fault and names its operations.
async fn names() -> Json<Value> {
    let about: Vec<Value> = Fault::ALL.into_iter().map(fault_json).collect();
    let names: Vec<&str> = Fault::ALL.into_iter().map(Fault::name).collect();
    Json(json!({"faults": names, "about": about}))
}

/// A fault as the control API lists it.
pub fn fault_json(fault: Fault) -> Value {
    let operations: Vec<&str> = fault.operations().iter().map(|one| one.name()).collect();
    json!({"name": fault.name(), "what": fault.what(), "operations": operations, "times": fault.times()})
}

impl From<RuleError> for ControlProblem {
    fn from(mistake: RuleError) -> Self {
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            error: mistake.what,
            help: mistake.fix,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultRequest {
    fault: String,
}

const HELP: &str = r#"send {"fault":"server-error"}; GET /faults lists the names"#;

/// Replaces all rules with one fault.
async fn set(
    State(partners): State<Partners>,
    Path(id): Path<String>,
    body: Bytes,
) -> ControlResult {
    let served = find(&partners, &id)?;
    let request: FaultRequest = parse_body(&body, HELP)?;
    let fault = Fault::named(&request.fault).ok_or_else(|| ControlProblem {
        status: StatusCode::UNPROCESSABLE_ENTITY,
        error: format!("there is no fault {:?}", request.fault),
        help: format!("one of: {}", Fault::ALL.map(Fault::name).join(", ")),
    })?;
    change(served, |faults| {
        faults.clear();
        faults.add(FaultRule::plain(fault)).map(|_| ())
    })
    .await?;
    tracing::info!(partner = id, fault = fault.name(), "fault on");
    Ok(Json(json!({"partner": id, "fault": fault.name()})))
}

/// Adds a rule.
async fn add(
    State(partners): State<Partners>,
    Path(id): Path<String>,
    body: Bytes,
) -> ControlResult {
    let served = find(&partners, &id)?;
    let rule: FaultRule = parse_body(&body, HELP)?;
    let rule = rule.checked()?;
    let fault = rule.fault;
    let number = change(served, |faults| faults.add(rule)).await?;
    tracing::info!(partner = id, fault = fault.name(), number, "fault on");
    Ok(Json(
        json!({"partner": id, "fault": fault.name(), "number": number}),
    ))
}

async fn clear(State(partners): State<Partners>, Path(id): Path<String>) -> ControlResult {
    change(find(&partners, &id)?, |faults| {
        faults.clear();
        Ok(())
    })
    .await?;
    tracing::info!(partner = id, "faults off");
    Ok(Json(json!({"partner": id, "fault": null})))
}

async fn remove(
    State(partners): State<Partners>,
    Path((id, number)): Path<(String, u64)>,
) -> ControlResult {
    let served = find(&partners, &id)?;
    change(served, |faults| {
        faults
            .remove(number)
            .then_some(())
            .ok_or_else(|| RuleError {
                what: format!("order {number} is not on"),
                fix: format!("see GET /partners/{id}/faults"),
            })
    })
    .await?;
    Ok(Json(json!({"partner": id, "cleared": number})))
}

async fn active(State(partners): State<Partners>, Path(id): Path<String>) -> ControlResult {
    let partner = &find(&partners, &id)?.partner;
    Ok(Json(partner.with_faults(
        |faults| json!({"partner": id, "faults": faults.active()}),
    )))
}

async fn hits(State(partners): State<Partners>, Path(id): Path<String>) -> ControlResult {
    let partner = &find(&partners, &id)?.partner;
    let hits = partner.with_faults(|faults| {
        let hits: Vec<Value> = faults.log().map(|one| json!(one)).collect();
        json!({"partner": id, "hits": hits})
    });
    Ok(Json(hits))
}

/// Changes the fault set, and brings the listeners in line before it returns.
async fn change<T>(
    served: &ServedPartner,
    act: impl FnOnce(&mut FaultSet) -> Result<T, RuleError>,
) -> Result<T, ControlProblem> {
    let _one_at_a_time = served.switching.lock().await;
    let partner = &served.partner;
    let done = partner.with_faults(act)?;
    let (is_closed, leaf) =
        partner.with_faults(|faults| (faults.is_on(Fault::ConnectionRefused), faults.leaf()));
    let listeners = || async {
        served.listener.show(leaf).await?;
        if let Some(file_origin) = &served.file_origin {
            file_origin.show(leaf).await?;
        }
        if is_closed {
            served.listener.close().await
        } else {
            served.listener.open().await
        }
    };
    listeners().await.map_err(|error| ControlProblem {
        status: StatusCode::SERVICE_UNAVAILABLE,
        error: error.to_string(),
        help: "another program may have taken the port; try again or restart the exchange"
            .to_owned(),
    })?;
    Ok(done)
}
