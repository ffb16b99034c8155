//! Serves pages, JSON and metrics on one listener.

use prometheus::Registry;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use super::live::Live;
use crate::expose::{self, Health, NumbersCollector};
use crate::model::Plan;
use crate::portal::{self, Ask, Handle};

/// The registry over the live numbers; every series carries the agent and its place.
pub(super) fn registry(plan: &Plan, live: &Live) -> prometheus::Result<Registry> {
    let common = [("agent", &plan.settings.agent), ("location", &plan.settings.location)]
        .map(|(name, value)| (name.to_owned(), value.clone()));
    let registry = Registry::new_custom(None, Some(common.into_iter().collect()))?;
    registry.register(Box::new(NumbersCollector::new(live.numbers.clone())))?;
    Ok(registry)
}

/// Serves until told to stop.
pub(super) async fn serve(
    listener: TcpListener,
    registry: Registry,
    health: Health,
    questions: mpsc::Sender<Ask>,
    mut stopped: watch::Receiver<bool>,
) {
    let app = expose::routes(registry, health).merge(portal::routes(Handle::new(questions)));
    let stop = async move {
        // The sender lives as long as the agent; its end means the same.
        let _ended = stopped.wait_for(|is_stopped| *is_stopped).await;
    };
    if let Err(why) = axum::serve(listener, app).with_graceful_shutdown(stop).await {
        tracing::error!(error = %why, "serving pages and metrics ended");
    }
}
