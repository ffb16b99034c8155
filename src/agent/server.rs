//! Serves pages, JSON and metrics on one listener.

use outrider_domain::clock::Clock;
use outrider_domain::model::{Plan, Settings};
use prometheus::Registry;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::state::SharedState;
use crate::expose::{self, CommonLabels, Health, NumbersCollector};
use crate::portal::{self, Handle};

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

/// Serves until the stop signal.
pub(super) async fn serve(
    listener: TcpListener,
    registry: Registry,
    health: Health,
    handle: Handle,
    mut stopped: watch::Receiver<bool>,
) {
    let app = expose::routes(registry, health).merge(portal::routes(handle));
    let stop = async move {
        // The sender lives as long as the agent; its end means the same.
        let _ended = stopped.wait_for(|is_stopped| *is_stopped).await;
    };
    if let Err(why) = axum::serve(listener, app)
        .with_graceful_shutdown(stop)
        .await
    {
        tracing::error!(error = %why, "serving pages and metrics ended");
    }
}
