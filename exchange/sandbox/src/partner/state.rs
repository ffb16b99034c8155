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
use crate::fault::FaultSet;
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
    /// Additional scanned documents in every export, in MiB.
    pub scans_mib: u32,
    /// Whether clients must show a certificate.
    pub certificates: ClientCertificates,
}

/// A partner's addresses, and its clients and keys from the state folder.
pub struct PartnerSite {
    address: SocketAddr,
    file_origin: Option<SocketAddr>,
    registry: Registry,
    own_key: OwnKey,
}

impl PartnerSite {
    /// The clients and the own key of `partner`, which is reached at `address`; `file_origin` is the other
    /// origin of one that redirects.
    pub fn open(
        state: &Path,
        partner: &str,
        address: SocketAddr,
        file_origin: Option<SocketAddr>,
    ) -> Result<Self, TrustError> {
        Ok(Self {
            address,
            file_origin,
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
    /// The other origin, which serves the files of a redirecting partner.
    pub file_origin: Option<String>,
    /// Who may ask.
    pub registry: Registry,
    pub(super) own_key: OwnKey,
    pub(super) signed_metadata: String,
    pub(super) signatures: Signatures,
    pub(super) settings: Settings,
    pub(super) roster: Roster,
    pub(super) store: Arc<Store>,
    pub(super) clock: Clock,
    pub(super) faults: Mutex<FaultSet>,
    pub(super) issued: Mutex<BTreeSet<(String, String)>>,
    pub(super) stats: Mutex<Stats>,
    pub(super) polls: Mutex<Polls>,
    pub(super) kickoff_lock: Mutex<()>,
}

impl Partner {
    /// A partner that holds the people of `roster`.
    pub fn new(
        roster: Roster,
        site: PartnerSite,
        store: Arc<Store>,
        clock: Clock,
        settings: Settings,
    ) -> Result<Self, TrustError> {
        let payer = roster.payer;
        let origin = |address: SocketAddr| format!("https://{address}/{}", payer.id);
        let base_url = format!("{}/fhir", origin(site.address));
        let now = clock.now().timestamp();
        let claims = metadata::signed_claims(&base_url, settings.certificates, now);
        Ok(Self {
            payer,
            signed_metadata: site.own_key.sign(&claims)?,
            base_url,
            file_origin: site.file_origin.map(origin),
            registry: site.registry,
            own_key: site.own_key,
            signatures: Signatures::new()?,
            settings,
            roster,
            store,
            clock,
            faults: Mutex::default(),
            issued: Mutex::default(),
            stats: Mutex::default(),
            polls: Mutex::default(),
            kickoff_lock: Mutex::default(),
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

    /// Reads or changes the fault set. A change of a listener fault must also be passed to the listener.
    pub fn with_faults<T>(&self, act: impl FnOnce(&mut FaultSet) -> T) -> T {
        act(&mut lock(&self.faults))
    }

    /// A copy of the counters.
    pub fn stats(&self) -> Stats {
        lock(&self.stats).clone()
    }

    /// The partner's jobs, newest first.
    pub fn jobs(&self) -> Result<Vec<Job>, StoreError> {
        self.store.jobs(self.payer.id, limits::JOBS_LISTED_MAX)
    }

    /// The clock that the partner goes by.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Forgets jobs, groups and counters. Used assertions and issued tokens stay.
    pub fn reset(&self) -> Result<(), StoreError> {
        *lock(&self.stats) = Stats::default();
        *lock(&self.polls) = Polls::default();
        lock(&self.issued).clear();
        self.store.reset(self.payer.id)
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut Stats)) {
        change(&mut lock(&self.stats));
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Counters and a fault name are whole after any panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
