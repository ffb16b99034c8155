//! The routes of `/v1`.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use http::StatusCode;

use super::app_state::AppState;
use super::problem::Problem;
use super::{auth, body, cancel, exchanges, manifest, members, operations};

/// The routes.
pub fn router(state: Arc<AppState>) -> Router {
    Router::new()
        .route("/v1/token", post(auth::issue))
        .route(
            "/v1/exchanges",
            post(exchanges::open).get(exchanges::search),
        )
        .route("/v1/exchanges/{id}", get(exchanges::status))
        .route("/v1/exchanges/{id}/result", get(exchanges::result))
        .route(
            "/v1/exchanges/{id}/manifest",
            get(manifest::look).delete(manifest::release),
        )
        .route(
            "/v1/exchanges/{id}/payloads/{sha256}",
            get(exchanges::payload),
        )
        .route("/v1/exchanges/{id}/cancel", post(cancel::cancel))
        .route("/v1/exchanges/{id}/follow-up", post(exchanges::follow_up))
        .route("/v1/callbacks/{id}", post(exchanges::callback))
        .route("/v1/events", get(exchanges::events))
        .route("/v1/queues", get(operations::waiting))
        .route("/v1/reviews", get(operations::reviews))
        .route("/v1/reviews/{id}/{action}", post(operations::act))
        .route("/v1/members/{key}/lookup", post(members::lookup))
        .route("/v1/audit", get(operations::audit))
        .route("/v1/partners", get(operations::partners))
        .route("/v1/openapi.json", get(operations::openapi))
        .route("/metrics", get(operations::metrics))
        .route("/readyz", get(operations::ready))
        .route("/healthz", get(|| async { "ok\n" }))
        .fallback(|| async { Problem::not_found("address") })
        .method_not_allowed_fallback(|| async {
            let help = "see GET /v1/openapi.json";
            let what = "this method is not allowed here";
            Problem::of(StatusCode::METHOD_NOT_ALLOWED, "method", what, help)
        })
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(Arc::clone(&state), body::read_body))
        .with_state(state)
}
