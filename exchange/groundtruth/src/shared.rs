//! What all connections and the control listener share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use exchange_kit::clock::Stopwatch;

use super::orders::{AcceptDelay, Orders};
use super::record::Log;

/// Orders, log and accept delay of one server.
#[derive(Debug)]
pub struct Shared {
    /// Where all times come from.
    pub(super) watch: Stopwatch,
    orders: Mutex<Orders>,
    log: Mutex<Log>,
    accept_delay: Mutex<AcceptDelay>,
    next: AtomicU64,
}

impl Shared {
    /// Without orders, with an empty log.
    pub fn new(watch: Stopwatch) -> Self {
        Self {
            watch,
            orders: Mutex::default(),
            log: Mutex::default(),
            accept_delay: Mutex::default(),
            next: AtomicU64::new(1),
        }
    }

    pub(super) fn orders(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn accept_delay(&self) -> AcceptDelay {
        *self
            .accept_delay
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_accept_delay(&self, delay: AcceptDelay) {
        *self
            .accept_delay
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = delay;
    }

    /// A number that was not given before.
    pub(super) fn serial(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }
}
