//! The control listener: orders, the accept delay, the log.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use bytes::Bytes;
use exchange_kit::http::{ControlProblem, ControlResult, parse_body};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::{Value, json};

use super::limits::DELAY_MS_MAX;
use super::orders::{AcceptDelay, Order};
use super::record::Counts;
use super::shared::Shared;

const ORDER: &str = r#"send {"path":"/a","behaviour":{"status":503,"head_ms":200},"times":1}"#;

/// Its routes.
pub fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/orders", get(orders).put(order).delete(clear))
        .route("/door", put(set_accept_delay))
        .route("/log", get(log))
        .route("/counts", get(counts))
        .fallback(|| async {
            ControlProblem {
                status: StatusCode::NOT_FOUND,
                error: "no such address".to_owned(),
                help: "there are /orders, /door, /log and /counts".to_owned(),
            }
        })
        .with_state(shared)
}

async fn orders(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(json!({"orders": shared.orders().standing()}))
}

async fn order(State(shared): State<Arc<Shared>>, body: Bytes) -> ControlResult {
    let order: Order = parse_body(&body, ORDER)?;
    let taken = shared.orders().put(order);
    taken.map_err(|refused| refuse(&refused.to_string(), ORDER))?;
    Ok(orders(State(shared)).await)
}

async fn clear(State(shared): State<Arc<Shared>>) -> Json<Value> {
    shared.orders().clear();
    orders(State(shared)).await
}

async fn set_accept_delay(State(shared): State<Arc<Shared>>, body: Bytes) -> ControlResult {
    let help = format!(r#"send {{"accept_ms":200}}, at most {DELAY_MS_MAX}"#);
    let delay: AcceptDelay = parse_body(&body, &help)?;
    if !delay.is_allowed() {
        return Err(refuse("the delay is over its limit", &help));
    }
    shared.set_accept_delay(delay);
    Ok(Json(json!(delay)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct From {
    #[serde(default)]
    from: u64,
}

/// One line of JSON a request.
async fn log(State(shared): State<Arc<Shared>>, Query(From { from }): Query<From>) -> Response {
    let entries: Vec<_> = shared.log().from(from).cloned().collect();
    let mut lines = Vec::new();
    for entry in &entries {
        if let Ok(mut line) = serde_json::to_vec(entry) {
            lines.append(&mut line);
            lines.push(b'\n');
        }
    }
    ([(CONTENT_TYPE, "application/x-ndjson")], lines).into_response()
}

async fn counts(State(shared): State<Arc<Shared>>) -> Json<Counts> {
    Json(shared.log().counts())
}

fn refuse(error: &str, help: &str) -> ControlProblem {
    ControlProblem {
        status: StatusCode::UNPROCESSABLE_ENTITY,
        error: error.to_owned(),
        help: help.to_owned(),
    }
}
