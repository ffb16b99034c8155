//! What every route knows.

use std::sync::Arc;
use std::time::Duration;

use super::in_flight::InFlight;
use crate::config::ListenerLimits;
use crate::engine::Core;

/// What every route knows.
pub struct AppState {
    /// The core.
    pub core: Arc<Core>,
    /// Its own address, without a slash at the end.
    pub base: String,
    /// The token endpoint, which assertions must name as `aud`.
    pub token_url: String,
    pub(super) clients: InFlight,
    pub(super) body_time: Duration,
}

impl AppState {
    /// The API of `core` at `base`.
    pub fn new(core: Arc<Core>, base: String, limits: &ListenerLimits) -> Self {
        let token_url = format!("{base}/v1/token");
        Self {
            core,
            base,
            token_url,
            clients: InFlight::new(limits.requests_per_client),
            body_time: Duration::from_secs(u64::from(limits.body_seconds)),
        }
    }
}
