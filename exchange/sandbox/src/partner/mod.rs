//! One responding payer: discovery, token, bulk match, export, files and release.
//!
//! Speaks PDex 2.2 with Group NDJSON results. Every request goes fault first, then token, then content:
//! a partner in trouble does not look at who is asking.

#[cfg(test)]
mod bench;
mod bend;
mod body;
mod bulk;
mod bundle;
mod consent;
mod discovery;
mod elsewhere;
mod export;
mod files;
mod filter;
#[cfg(test)]
mod fuzzed;
mod gate;
mod group;
mod headers;
mod job;
mod kickoff;
pub mod limits;
mod matching;
mod outcome;
mod reads;
mod routes;
mod scans;
mod scope;
mod search;
mod single;
mod stats;
mod throttle;
mod token;
mod types;
mod wanted;
mod wire;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use exchange_kit::clock::Clock;

pub(crate) use scope::BULK_MEMBER_MATCH;
pub use stats::Stats;
pub use wire::{Bound, Listener, ListenerError};

use crate::fault::Book;
use crate::member::{Payer, Roster};
use crate::persona::Behaviour;
use crate::store::Store;
use crate::trust::{ClientCertificates, OwnKey, Registry, TrustError};

/// What can be set for all partners of one process.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How long a token lives, in seconds.
    pub token_ttl_seconds: u32,
    /// How long a job takes, in milliseconds.
    pub job_ms: u32,
    /// Most jobs of one client that are neither released nor over.
    pub jobs_open_max: u32,
    /// Scanned documents that every export holds besides, in MiB.
    pub scans_mib: u32,
    /// Whether clients must show a certificate.
    pub certificates: ClientCertificates,
}

/// Where a partner is, and what it keeps in the state folder.
pub struct Premises {
    address: SocketAddr,
    elsewhere: Option<SocketAddr>,
    registry: Registry,
    own_key: OwnKey,
}

impl Premises {
    /// The clients and the own key of `partner`, which is reached at `address`; `elsewhere` is the other
    /// origin of one that redirects.
    pub fn open(
        state: &Path,
        partner: &str,
        address: SocketAddr,
        elsewhere: Option<SocketAddr>,
    ) -> Result<Self, TrustError> {
        Ok(Self {
            address,
            elsewhere,
            registry: Registry::open(state, partner)?,
            own_key: OwnKey::open(state, partner)?,
        })
    }
}

/// One served partner.
pub struct Partner {
    /// Who it is.
    pub payer: Payer,
    /// Its FHIR base, without a slash at the end.
    pub base_url: String,
    /// The other origin, where files of a redirecting partner lie.
    pub elsewhere: Option<String>,
    /// Who may ask.
    pub registry: Registry,
    own_key: OwnKey,
    signed_metadata: String,
    signatures: elsewhere::Signatures,
    settings: Settings,
    roster: Roster,
    store: Arc<Store>,
    clock: Clock,
    faults: Mutex<Book>,
    lent: Mutex<BTreeSet<(String, String)>>,
    stats: Mutex<Stats>,
    polls: Mutex<throttle::Polls>,
    keyed: Mutex<()>,
}

impl Partner {
    /// A partner that holds the people of `roster`.
    pub fn new(
        roster: Roster,
        premises: Premises,
        store: Arc<Store>,
        clock: Clock,
        settings: Settings,
    ) -> Result<Self, TrustError> {
        let payer = roster.payer;
        let origin = |address: SocketAddr| format!("https://{address}/{}", payer.id);
        let mut partner = Self {
            payer,
            base_url: format!("{}/fhir", origin(premises.address)),
            elsewhere: premises.elsewhere.map(origin),
            registry: premises.registry,
            own_key: premises.own_key,
            signed_metadata: String::new(),
            signatures: elsewhere::Signatures::new()?,
            settings,
            roster,
            store,
            clock,
            faults: Mutex::default(),
            lent: Mutex::default(),
            stats: Mutex::default(),
            polls: Mutex::default(),
            keyed: Mutex::default(),
        };
        partner.signed_metadata = partner.own_key.sign(&discovery::signed_claims(&partner))?;
        Ok(partner)
    }

    /// How it behaves.
    pub fn behaviour(&self) -> Behaviour {
        self.payer.persona.behaviour()
    }

    /// The token endpoint's URL, which assertions must name as `aud`.
    pub fn token_url(&self) -> String {
        format!("{}/oauth/token", self.base_url.trim_end_matches("/fhir"))
    }

    /// Where the partner publishes the keys with which it signs.
    pub fn jwks_url(&self) -> String {
        format!("{}/oauth/jwks", self.base_url.trim_end_matches("/fhir"))
    }

    /// Whether clients must show a certificate.
    pub fn certificates(&self) -> ClientCertificates {
        self.settings.certificates
    }

    /// Reads or writes the orders to misbehave. The listener must be told as well of its own faults.
    pub fn with_faults<T>(&self, act: impl FnOnce(&mut Book) -> T) -> T {
        act(&mut held(&self.faults))
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
        *held(&self.polls) = throttle::Polls::default();
        held(&self.lent).clear();
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
