//! Pages, JSON and metrics on one listener.

use super::state::SharedState;
use crate::expose::{self, CommonLabels, Exposition, Health};
use crate::portal::{self, QuerySender};
use axum::Router;
use outrider_domain::clock::Clock;

/// What `/metrics` shows of the shared numbers; `fleet` is the ledger's id.
pub(super) fn exposition(shared: &SharedState, clock: &Clock, fleet: String) -> Exposition {
    let settings = &shared.plan().settings;
    let common = CommonLabels {
        agent: settings.agent.clone(),
        location: settings.location.clone(),
        fleet,
    };
    let (numbers, refreshed, clock) = (shared.numbers.clone(), shared.clone(), clock.clone());
    Exposition::new(numbers, common, move || refreshed.refresh(&clock))
}

/// Every route.
pub(super) fn routes(exposition: Exposition, health: Health, queries: QuerySender) -> Router {
    expose::routes(exposition, health).merge(portal::routes(queries))
}
