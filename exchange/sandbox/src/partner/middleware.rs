//! The middleware around every handler: it knows the partner and the operation, and injects faults before and
//! after the handler.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::MethodRouter;

use super::headers::Caller;
use super::inject::{self, RequestInfo};
use super::outcome::Refusal;
use super::state::Partner;
use crate::fault::Operation;
use crate::store::JobKind;

/// Binds the methods of one route to their operation.
pub(crate) fn at(
    partner: &Arc<Partner>,
    operation: Operation,
    methods: MethodRouter<Arc<Partner>>,
) -> MethodRouter<Arc<Partner>> {
    let state = (Arc::clone(partner), operation);
    methods.route_layer(from_fn_with_state(state, run))
}

/// Lets a request through to its handler, which finds the operation among the request's extensions.
/// A refusal leaves in the style of the persona.
async fn run(
    State((partner, operation)): State<(Arc<Partner>, Operation)>,
    request: Request,
    next: Next,
) -> Response {
    partner.count(|stats| *stats.requests.entry(operation.name()).or_default() += 1);
    count_kickoff(&partner, operation);
    let (hits, mut request) = inject::hits(&partner, operation, request).await;
    let info = RequestInfo {
        operation,
        caller: Caller::of(&request),
        reset: request.extensions().get().cloned().unwrap_or_default(),
    };
    let mut response = match inject::before(&partner, &hits, &mut request).await {
        Some(response) => response,
        None => {
            request.extensions_mut().insert(operation);
            request.extensions_mut().insert(hits.clone());
            next.run(request).await
        }
    };
    if let Some(refusal) = response.extensions_mut().remove::<Refusal>() {
        response = refusal.styled(partner.behaviour(), partner.clock().now_millis());
    }
    let response = inject::after(&partner, &hits, info, response).await;
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        let reason = format!("{} {}", operation.name(), status.as_u16());
        partner.count(|stats| *stats.refused.entry(reason).or_default() += 1);
    }
    response
}

/// Kick-offs received, whatever comes of them.
fn count_kickoff(partner: &Partner, operation: Operation) {
    let kind = match operation {
        Operation::BulkMatch => JobKind::Match,
        Operation::DataExport | Operation::GroupExport => JobKind::Export,
        Operation::Discovery
        | Operation::Metadata
        | Operation::Jwks
        | Operation::Token
        | Operation::SingleMatch
        | Operation::GroupSearch
        | Operation::GroupRead
        | Operation::PatientRead
        | Operation::Search
        | Operation::Everything
        | Operation::Status
        | Operation::Release
        | Operation::File
        | Operation::SignedFile => return,
    };
    partner.count(|stats| *stats.kickoffs.entry(kind.name()).or_default() += 1);
}
