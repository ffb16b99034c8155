//! The end of a connection by a reset.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Makes the connection end with a reset instead of a farewell.
#[derive(Clone, Debug, Default)]
pub(crate) struct ResetSwitch(Arc<AtomicBool>);

impl ResetSwitch {
    /// From now on, closing resets.
    pub(crate) fn pull(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether closing resets.
    pub(super) fn is_pulled(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
