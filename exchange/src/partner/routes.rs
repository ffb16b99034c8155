//! The table of a partner's endpoints, each with its operation.

use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodRouter, delete, get, post};

use super::gate::at;
use super::operation::Operation;
use super::outcome::Refusal;
use super::{Partner, body, discovery, export, files, group, job, kickoff, token};

/// Every endpoint of one partner. `$` is served as written and as `%24`, since clients differ.
pub(crate) fn router(partner: &Arc<Partner>) -> Router {
    let on = |operation, methods: MethodRouter<Arc<Partner>>| at(partner, operation, methods);
    let matching = || on(Operation::BulkMatch, post(kickoff::bulk_member_match));
    let exporting = || on(Operation::DataExport, post(export::kick_off));
    let fhir = Router::new()
        .route(
            "/.well-known/smart-configuration",
            on(Operation::Discovery, get(discovery::smart)),
        )
        .route(
            "/metadata",
            on(Operation::Metadata, get(discovery::metadata)),
        )
        .route("/Group/$bulk-member-match", matching())
        .route("/Group/%24bulk-member-match", matching())
        .route("/Group/{group}", on(Operation::GroupRead, get(group::read)))
        .route("/Group/{group}/$davinci-data-export", exporting())
        .route("/Group/{group}/%24davinci-data-export", exporting())
        .route(
            "/jobs/{job}",
            on(Operation::Status, get(job::status))
                .merge(on(Operation::Release, delete(job::release))),
        )
        .route(
            "/jobs/{job}/files/{name}",
            on(Operation::File, get(files::file)),
        );
    let own = Router::new()
        .route("/oauth/token", on(Operation::Token, post(token::issue)))
        .nest("/fhir", fhir);
    Router::new()
        .nest(&format!("/{}", partner.payer.id), own)
        .fallback(|| async { Refusal::not_found("address") })
        .method_not_allowed_fallback(|| async { Refusal::method() })
        .layer(axum::middleware::from_fn(body::whole))
        .with_state(Arc::clone(partner))
}
