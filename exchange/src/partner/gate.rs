//! The gate in front of every handler: it knows the partner and the operation, before and after.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::MethodRouter;

use super::Partner;
use super::operation::Operation;
use super::outcome::Refusal;

/// Binds the methods of one route to their operation.
pub(crate) fn at(
    partner: &Arc<Partner>,
    operation: Operation,
    methods: MethodRouter<Arc<Partner>>,
) -> MethodRouter<Arc<Partner>> {
    let known = (Arc::clone(partner), operation);
    methods.route_layer(from_fn_with_state(known, pass))
}

/// Lets a request through to its handler, which finds the operation among the request's extensions.
/// A refusal leaves in the style of the persona.
async fn pass(
    State((partner, operation)): State<(Arc<Partner>, Operation)>,
    mut request: Request,
    next: Next,
) -> Response {
    partner.count(|stats| *stats.requests.entry(operation.name()).or_default() += 1);
    request.extensions_mut().insert(operation);
    let mut response = next.run(request).await;
    if let Some(refusal) = response.extensions_mut().remove::<Refusal>() {
        response = refusal.styled(partner.behaviour(), partner.clock().now_millis());
    }
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        let reason = format!("{} {}", operation.name(), status.as_u16());
        partner.count(|stats| *stats.refused.entry(reason).or_default() += 1);
    }
    response
}
