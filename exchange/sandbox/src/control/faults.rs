//! Faults at the control API: what there is, what is on, what was met.

use axum::extract::{FromRef, Path, State};
use axum::routing::{delete, get, put};
use axum::{Json, Router};
use bytes::Bytes;
use exchange_kit::http::{ControlProblem, ControlResult, parse_body};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::served::{Partners, Served, find};
use crate::fault::{Book, Fault, Mistake, Order};

/// The routes, to be merged with the others of the control API.
pub(super) fn routes<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Partners: FromRef<S>,
{
    Router::new()
        .route("/faults", get(names))
        .route("/partners/{id}/fault", put(set).delete(clear))
        .route(
            "/partners/{id}/faults",
            get(standing).post(add).delete(clear),
        )
        .route("/partners/{id}/faults/hits", get(hits))
        .route("/partners/{id}/faults/{number}", delete(remove))
}

/// `faults` are the names; `about` says of each what it does and which operations it is about.
async fn names() -> Json<Value> {
    let about: Vec<Value> = Fault::ALL.into_iter().map(told).collect();
    let names: Vec<&str> = Fault::ALL.into_iter().map(Fault::name).collect();
    Json(json!({"faults": names, "about": about}))
}

/// A fault as it is listed.
pub fn told(fault: Fault) -> Value {
    let operations: Vec<&str> = fault.operations().iter().map(|one| one.name()).collect();
    json!({"name": fault.name(), "what": fault.what(), "operations": operations, "times": fault.times()})
}

impl From<Mistake> for ControlProblem {
    fn from(mistake: Mistake) -> Self {
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            error: mistake.what,
            help: mistake.cure,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    fault: String,
}

const CURE: &str = r#"send {"fault":"server-error"}; GET /faults lists the names"#;

/// One fault alone, in place of whatever was on.
async fn set(
    State(partners): State<Partners>,
    Path(id): Path<String>,
    body: Bytes,
) -> ControlResult {
    let served = find(&partners, &id)?;
    let wish: Wish = parse_body(&body, CURE)?;
    let fault = Fault::named(&wish.fault).ok_or_else(|| ControlProblem {
        status: StatusCode::UNPROCESSABLE_ENTITY,
        error: format!("there is no fault {:?}", wish.fault),
        help: format!("one of: {}", Fault::ALL.map(Fault::name).join(", ")),
    })?;
    change(served, |book| {
        book.clear();
        book.add(Order::plain(fault)).map(|_| ())
    })
    .await?;
    tracing::info!(partner = id, fault = fault.name(), "fault on");
    Ok(Json(json!({"partner": id, "fault": fault.name()})))
}

/// One order more.
async fn add(
    State(partners): State<Partners>,
    Path(id): Path<String>,
    body: Bytes,
) -> ControlResult {
    let served = find(&partners, &id)?;
    let order: Order = parse_body(&body, CURE)?;
    let order = order.checked()?;
    let fault = order.fault;
    let number = change(served, |book| book.add(order)).await?;
    tracing::info!(partner = id, fault = fault.name(), number, "fault on");
    Ok(Json(
        json!({"partner": id, "fault": fault.name(), "number": number}),
    ))
}

async fn clear(State(partners): State<Partners>, Path(id): Path<String>) -> ControlResult {
    change(find(&partners, &id)?, |book| {
        book.clear();
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
    change(served, |book| {
        book.remove(number).then_some(()).ok_or_else(|| Mistake {
            what: format!("order {number} is not on"),
            cure: format!("see GET /partners/{id}/faults"),
        })
    })
    .await?;
    Ok(Json(json!({"partner": id, "cleared": number})))
}

async fn standing(State(partners): State<Partners>, Path(id): Path<String>) -> ControlResult {
    let partner = &find(&partners, &id)?.partner;
    Ok(Json(partner.with_faults(
        |book| json!({"partner": id, "faults": book.standing()}),
    )))
}

async fn hits(State(partners): State<Partners>, Path(id): Path<String>) -> ControlResult {
    let partner = &find(&partners, &id)?.partner;
    let hits = partner.with_faults(|book| {
        let hits: Vec<Value> = book.log().map(|one| json!(one)).collect();
        json!({"partner": id, "hits": hits})
    });
    Ok(Json(hits))
}

/// Changes the book, and brings the listeners in line. When this returns, the next request meets it.
async fn change<T>(
    served: &Served,
    act: impl FnOnce(&mut Book) -> Result<T, Mistake>,
) -> Result<T, ControlProblem> {
    let _one_at_a_time = served.switching.lock().await;
    let partner = &served.partner;
    let done = partner.with_faults(act)?;
    let (is_closed, leaf) =
        partner.with_faults(|book| (book.is_on(Fault::ConnectionRefused), book.leaf()));
    let listeners = || async {
        served.listener.show(leaf).await?;
        if let Some(elsewhere) = &served.elsewhere {
            elsewhere.show(leaf).await?;
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
