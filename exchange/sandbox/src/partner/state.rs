//! One served partner: what all of its endpoints share.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use exchange_kit::clock::Clock;

use super::limits;
use super::metadata;
use super::signatures::Signatures;
use super::stats::Stats;
use super::throttle::Polls;
use crate::fault::Book;
use crate::member::{Payer, Roster};
use crate::persona::Behaviour;
use crate::store::{Job, Store, StoreError};
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
    pub(super) own_key: OwnKey,
    pub(super) signed_metadata: String,
    pub(super) signatures: Signatures,
    pub(super) settings: Settings,
    pub(super) roster: Roster,
    pub(super) store: Arc<Store>,
    pub(super) clock: Clock,
    pub(super) faults: Mutex<Book>,
    pub(super) lent: Mutex<BTreeSet<(String, String)>>,
    pub(super) stats: Mutex<Stats>,
    pub(super) polls: Mutex<Polls>,
    pub(super) keyed: Mutex<()>,
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
        let base_url = format!("{}/fhir", origin(premises.address));
        let now = clock.now().timestamp();
        let claims = metadata::signed_claims(&base_url, settings.certificates, now);
        Ok(Self {
            payer,
            signed_metadata: premises.own_key.sign(&claims)?,
            base_url,
            elsewhere: premises.elsewhere.map(origin),
            registry: premises.registry,
            own_key: premises.own_key,
            signatures: Signatures::new()?,
            settings,
            roster,
            store,
            clock,
            faults: Mutex::default(),
            lent: Mutex::default(),
            stats: Mutex::default(),
            polls: Mutex::default(),
            keyed: Mutex::default(),
        })
    }

    /// How it behaves.
    pub fn behaviour(&self) -> Behaviour {
        self.payer.persona.behaviour()
    }

    /// The token endpoint's URL, which assertions must name as `aud`.
    pub fn token_url(&self) -> String {
        metadata::token_url(&self.base_url)
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
    pub fn jobs(&self) -> Result<Vec<Job>, StoreError> {
        self.store.jobs(self.payer.id, limits::JOBS_LISTED_MAX)
    }

    /// The clock that the partner goes by.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Forgets jobs, groups and counters. Seen assertions and handed-out tokens stay.
    pub fn reset(&self) -> Result<(), StoreError> {
        *held(&self.stats) = Stats::default();
        *held(&self.polls) = Polls::default();
        held(&self.lent).clear();
        self.store.reset(self.payer.id)
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut Stats)) {
        change(&mut held(&self.stats));
    }
}

pub(super) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Counters and a fault name are whole after any panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
