//! Serves pages, JSON and metrics on one listener.

use outrider_domain::clock::Clock;
use outrider_domain::model::{Plan, Settings};
use prometheus::Registry;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use super::state::SharedState;
use crate::expose::{self, Health, NumbersCollector};
use crate::portal::{self, Handle, PortalQuery};

/// The registry over the shared numbers.
pub(super) fn registry(
    plan: &Plan,
    shared: &SharedState,
    clock: &Clock,
) -> prometheus::Result<Registry> {
    let Settings {
        agent, location, ..
    } = &plan.settings;
    let registry = Registry::new();
    let (numbers, refreshed, clock) = (shared.numbers.clone(), shared.clone(), clock.clone());
    registry.register(Box::new(NumbersCollector::new(
        numbers,
        agent,
        location,
        move || refreshed.refresh(&clock),
    )))?;
    Ok(registry)
}

/// Serves until the stop signal.
pub(super) async fn serve(
    listener: TcpListener,
    registry: Registry,
    health: Health,
    queries: mpsc::Sender<PortalQuery>,
    mut stopped: watch::Receiver<bool>,
) {
    let app = expose::routes(registry, health).merge(portal::routes(Handle::new(queries)));
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
