//! What every route knows.

use std::sync::Arc;
use std::time::Duration;

use super::in_flight::InFlight;
use super::rate::Rate;
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
    /// How often each client may send a request with a token.
    pub(super) requests: Rate,
    /// How often each client may ask for a token.
    pub(super) tokens: Rate,
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
            requests: Rate::new("requests_per_minute", limits.requests_per_minute),
            tokens: Rate::new("tokens_per_minute", limits.tokens_per_minute),
            body_time: Duration::from_secs(u64::from(limits.body_seconds)),
        }
    }
}
