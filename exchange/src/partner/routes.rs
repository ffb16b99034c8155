//! The table of a partner's endpoints.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use super::outcome::Refusal;
use super::{Partner, body, discovery, export, files, group, job, kickoff, token};

/// Every endpoint of one partner. `$` is served as written and as `%24`, since clients differ.
pub(crate) fn router(partner: &Arc<Partner>) -> Router {
    let fhir = Router::new()
        .route("/.well-known/smart-configuration", get(discovery::smart))
        .route("/metadata", get(discovery::metadata))
        .route(
            "/Group/$bulk-member-match",
            post(kickoff::bulk_member_match),
        )
        .route(
            "/Group/%24bulk-member-match",
            post(kickoff::bulk_member_match),
        )
        .route("/Group/{group}", get(group::read))
        .route(
            "/Group/{group}/$davinci-data-export",
            post(export::kick_off),
        )
        .route(
            "/Group/{group}/%24davinci-data-export",
            post(export::kick_off),
        )
        .route("/jobs/{job}", get(job::status).delete(job::release))
        .route("/jobs/{job}/files/{name}", get(files::file));
    let own = Router::new()
        .route("/oauth/token", post(token::issue))
        .nest("/fhir", fhir);
    Router::new()
        .nest(&format!("/{}", partner.payer.id), own)
        .fallback(|| async { Refusal::not_found("address") })
        .method_not_allowed_fallback(|| async { Refusal::method() })
        .layer(axum::middleware::from_fn(body::whole))
        .with_state(Arc::clone(partner))
}
