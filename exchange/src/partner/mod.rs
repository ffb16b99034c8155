//! One responding payer: discovery, token, bulk match, export, files and release.
//!
//! Speaks PDex 2.2 with Group NDJSON results. Every request goes fault first, then token, then content:
//! a partner in trouble does not look at who is asking.

mod assertion;
#[cfg(test)]
mod bench;
mod body;
mod consent;
mod discovery;
mod export;
mod files;
mod gate;
mod group;
mod job;
mod kickoff;
pub mod limits;
mod matching;
mod operation;
mod outcome;
mod routes;
mod scope;
mod stats;
mod token;
mod wire;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use job::rfc3339;
pub use operation::Operation;
pub use stats::Stats;
pub use wire::{Bound, Listener, ListenerError};

use crate::clock::Clock;
use crate::fault::Fault;
use crate::member::{Payer, Roster};
use crate::store::Store;
use crate::trust::Client;

/// What can be set for all partners of one process.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How long a token lives, in seconds.
    pub token_ttl_seconds: u32,
    /// How long a job takes, in milliseconds.
    pub job_ms: u32,
}

/// One served partner.
pub struct Partner {
    /// Who it is.
    pub payer: Payer,
    /// Its FHIR base, without a slash at the end.
    pub base_url: String,
    /// Who may ask.
    pub clients: Vec<Client>,
    settings: Settings,
    roster: Roster,
    store: Arc<Store>,
    clock: Clock,
    fault: Mutex<Option<Fault>>,
    stats: Mutex<Stats>,
}

impl Partner {
    /// A partner that is reached at `address` and holds the people of `roster`.
    pub fn new(
        roster: Roster,
        address: SocketAddr,
        clients: Vec<Client>,
        store: Arc<Store>,
        clock: Clock,
        settings: Settings,
    ) -> Self {
        let payer = roster.payer;
        Self {
            payer,
            base_url: format!("https://{address}/{}/fhir", payer.id),
            clients,
            settings,
            roster,
            store,
            clock,
            fault: Mutex::default(),
            stats: Mutex::default(),
        }
    }

    /// The token endpoint's URL, which assertions must name as `aud`.
    pub fn token_url(&self) -> String {
        format!("{}/oauth/token", self.base_url.trim_end_matches("/fhir"))
    }

    /// The fault that is on.
    pub fn fault(&self) -> Option<Fault> {
        *held(&self.fault)
    }

    /// Switches a fault on, or all off. The listener must be told as well of `connection-refused`.
    pub fn set_fault(&self, fault: Option<Fault>) {
        *held(&self.fault) = fault;
    }

    /// A copy of the counters.
    pub fn stats(&self) -> Stats {
        held(&self.stats).clone()
    }

    /// The partner's jobs, newest first.
    pub fn jobs(&self) -> Result<Vec<crate::store::Job>, crate::store::StoreError> {
        self.store.jobs(self.payer.id, limits::JOBS_LISTED_MAX)
    }

    /// The clock that the partner goes by.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Forgets jobs, groups and counters. Seen assertions and handed-out tokens stay.
    pub fn reset(&self) -> Result<(), crate::store::StoreError> {
        *held(&self.stats) = Stats::default();
        self.store.reset(self.payer.id)
    }

    fn count(&self, change: impl FnOnce(&mut Stats)) {
        change(&mut held(&self.stats));
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Counters and a fault name are whole after any panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
