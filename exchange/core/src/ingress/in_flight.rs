//! How many requests each client has under way.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The requests under way, by client.
#[derive(Clone)]
pub(super) struct InFlight {
    max: u32,
    by_client: Arc<Mutex<BTreeMap<String, u32>>>,
}

/// One request under way; it is over when this is dropped.
pub(super) struct Permit {
    client: String,
    of: InFlight,
}

impl InFlight {
    /// At most so many of each client.
    pub(super) fn new(max: u32) -> Self {
        Self {
            max,
            by_client: Arc::default(),
        }
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<String, u32>> {
        self.by_client
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// One more of that client; none when it has too many.
    pub(super) fn enter(&self, client: &str) -> Option<Permit> {
        let mut counts = self.counts();
        let count = counts.entry(client.to_owned()).or_default();
        if *count >= self.max {
            return None;
        }
        *count += 1;
        Some(Permit {
            client: client.to_owned(),
            of: self.clone(),
        })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut counts = self.of.counts();
        if let Some(count) = counts.get_mut(&self.client) {
            *count -= 1;
        }
    }
}
