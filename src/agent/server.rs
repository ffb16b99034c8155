//! Pages, JSON and metrics on one listener.

use super::state::SharedState;
use crate::expose::{self, CommonLabels, Health, NumbersCollector};
use crate::portal::{self, QuerySender};
use axum::Router;
use outrider_domain::clock::Clock;
use outrider_domain::model::{Plan, Settings};
use prometheus::Registry;

/// The registry over the shared numbers; `fleet` is the ledger's id.
pub(super) fn registry(
    plan: &Plan,
    shared: &SharedState,
    clock: &Clock,
    fleet: String,
) -> prometheus::Result<Registry> {
    let Settings {
        agent, location, ..
    } = &plan.settings;
    let common = CommonLabels {
        agent: agent.clone(),
        location: location.clone(),
        fleet,
    };
    let registry = Registry::new();
    let (numbers, refreshed, clock) = (shared.numbers.clone(), shared.clone(), clock.clone());
    registry.register(Box::new(NumbersCollector::new(
        numbers,
        common,
        move || refreshed.refresh(&clock),
    )))?;
    Ok(registry)
}

/// Every route.
pub(super) fn routes(registry: Registry, health: Health, queries: QuerySender) -> Router {
    expose::routes(registry, health).merge(portal::routes(queries))
}
