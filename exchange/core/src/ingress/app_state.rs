//! What every route knows.

use std::sync::Arc;

use crate::engine::Core;

/// What every route knows.
pub struct AppState {
    /// The core.
    pub core: Arc<Core>,
    /// Its own address, without a slash at the end.
    pub base: String,
    /// The token endpoint, which assertions must name as `aud`.
    pub token_url: String,
}

impl AppState {
    /// The API of `core` at `base`.
    pub fn new(core: Arc<Core>, base: String) -> Self {
        let token_url = format!("{base}/v1/token");
        Self {
            core,
            base,
            token_url,
        }
    }
}
