//! Pages and their JSON, fed through a handle of the agent's. Knows neither ledger nor schedule.

mod api;
mod document;
mod handle;
mod pages;
mod runbooks;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::{get, post};
use outrider_domain::model::names::WATCHDOG_PATH;

pub use handle::{
    PortalQuery, QuerySender, Recorded, RefusedText, Resumed, Resumption, RunDetails,
};
pub use runbooks::RUNBOOKS;

/// The portal's routes.
pub fn routes(queries: QuerySender) -> Router {
    let without_parameters = Router::new()
        .route("/v1/partners", get(api::partners))
        .route("/v1/runs/{run}", get(api::run))
        .route("/v1/resume", post(api::resume))
        .route("/v1/docket", post(api::docket))
        .route(WATCHDOG_PATH, post(api::watchdog))
        .route_layer(from_fn(api::refuse_parameters));
    Router::new()
        .route("/", get(pages::overview))
        .route("/runs/{run}", get(pages::run))
        .route("/evidence/{partner}/{layer}", get(pages::evidence))
        .route("/style.css", get(pages::style))
        .route("/runbooks/{page}", get(pages::runbook))
        .route("/.well-known/jwks.json", get(api::keys))
        .route("/v1/runs", get(api::runs))
        .route("/v1/actions", get(api::actions))
        .merge(without_parameters)
        .with_state(queries)
}
