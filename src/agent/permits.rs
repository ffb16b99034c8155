//! Permits for runs at one time. Long runs have a share of them, so that short ones always find one.

use std::sync::Arc;

use outrider_domain::model::{Class, Settings};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The agent's permits.
#[derive(Clone, Debug)]
pub(super) struct Permits {
    all: Arc<Semaphore>,
    long: Arc<Semaphore>,
}

/// What a run holds.
#[derive(Debug)]
pub(super) struct Permit {
    _one: OwnedSemaphorePermit,
    _of_long: Option<OwnedSemaphorePermit>,
}

impl Permits {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            all: Arc::new(Semaphore::new(settings.runs_in_flight_max)),
            long: Arc::new(Semaphore::new(settings.long_runs_in_flight_max)),
        }
    }

    /// A permit that is free now.
    pub(super) fn try_take(&self, class: Class) -> Option<Permit> {
        let of_long = match class {
            Class::Short => None,
            Class::Long => Some(Arc::clone(&self.long).try_acquire_owned().ok()?),
        };
        Some(Permit {
            _one: Arc::clone(&self.all).try_acquire_owned().ok()?,
            _of_long: of_long,
        })
    }

    /// The next permit that becomes free; none when there will be none.
    pub(super) async fn take(&self, class: Class) -> Option<Permit> {
        // The share first: a run that waits for it blocks no other one.
        let of_long = match class {
            Class::Short => None,
            Class::Long => Some(Arc::clone(&self.long).acquire_owned().await.ok()?),
        };
        Some(Permit {
            _one: Arc::clone(&self.all).acquire_owned().await.ok()?,
            _of_long: of_long,
        })
    }
}
