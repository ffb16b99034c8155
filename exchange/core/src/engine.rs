//! A running core: the state that its parts share, and how it is opened.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use exchange_identity::rules::{self, Rules};
use exchange_kit::clock::Clock;
use tokio::sync::Notify;

use crate::adapter::{Client, Directory};
use crate::clocks::Pace;
use crate::config::Config;
use crate::event_file::Follower;
use crate::folder_lock::{FolderLock, LockError};
use crate::grants::Grants;
use crate::limits;
use crate::outages::Outages;
use crate::retention::Retention;
use crate::store::{CrashAt, Store, StoreError, StoreOptions};
use crate::verify;

/// How a core is set up.
pub struct Setup {
    /// What its file says.
    pub config: Config,
    /// The point at which to exit, in tests.
    pub crash: Option<CrashAt>,
    /// The clients that may use its API.
    pub grants: Grants,
    /// The National Provider Identifier of the payer whose core it is.
    pub npi: String,
}

/// A running core.
pub struct Core {
    /// Its durable memory.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// The scale of durations.
    pub pace: Pace,
    /// The partners' clients, by partner id.
    pub clients: BTreeMap<String, Arc<Client>>,
    /// The clients that may use its API, as the file said when it was last read.
    grants: RwLock<Arc<Grants>>,
    /// The National Provider Identifier of the payer whose core it is.
    pub npi: String,
    /// How long things are kept.
    pub(crate) retention: Retention,
    pub(crate) rules: Rules,
    follower: Follower,
    /// Held while it runs.
    _lock: FolderLock,
    dice: AtomicU64,
    pub(crate) wake: Notify,
    pub(crate) outages: Outages,
    /// Until when an unavailable partner is not called.
    paused: Mutex<BTreeMap<String, i64>>,
}

/// Why a core cannot start.
#[derive(Debug, thiserror::Error)]
pub enum CoreError {
    /// Its store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its folder cannot be locked, or another core holds the lock.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The shipped identity rules.
    #[error("the shipped identity rules are wrong: {0}")]
    Rules(String),
}

/// The longest wait for an answer, however fast the clocks run.
const CALL_LEAST: Duration = Duration::from_secs(10);

impl Core {
    /// Opens a core that keeps its memory in `folder` and queries the partners of `directory`.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub fn open(
        folder: &Path,
        directory: &Directory,
        clock: Clock,
        setup: Setup,
    ) -> Result<Self, CoreError> {
        let config = &setup.config;
        let options = StoreOptions {
            mib: config.store_mib,
            pace: Pace::of(config.scale),
            crash: setup.crash,
        };
        let lock = FolderLock::take(folder)?;
        let store = Store::open(folder, options)?;
        store.check_witness()?;
        verify::check_start(&store)?;
        if !store.is_stopped() {
            // Of a broken trail everything is kept as it was found.
            store.sweep_payloads()?;
        }
        store.assign_tenants(&setup.grants)?;
        let follower = Follower::open(&store)?;
        follower.follow(&store)?;
        let patience = (limits::CALL / config.scale.max(1)).max(CALL_LEAST);
        let client = |partner| {
            let client = Client::of(directory, partner, clock.clone(), patience);
            (partner.id.clone(), Arc::new(client))
        };
        let rules =
            rules::shipped().map_err(|complaints| CoreError::Rules(complaints.to_string()))?;
        Ok(Self {
            clients: directory.partners.iter().map(client).collect(),
            pace: Pace::of(config.scale),
            dice: AtomicU64::new(config.seed),
            wake: Notify::new(),
            outages: Outages::open(&store)?,
            paused: Mutex::default(),
            grants: RwLock::new(Arc::new(setup.grants)),
            npi: setup.npi,
            retention: config.retention,
            rules,
            follower,
            _lock: lock,
            store,
            clock,
        })
    }

    /// The clients that may use its API.
    pub fn grants(&self) -> Arc<Grants> {
        Arc::clone(&self.grants.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes over other grants. Tokens that were issued before are good for what their client may still do.
    ///
    /// # Errors
    /// When the store fails.
    pub fn set_grants(&self, grants: Grants) -> Result<(), StoreError> {
        self.store.assign_tenants(&grants)?;
        *self.grants.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(grants);
        Ok(())
    }

    /// A number between 0 and 1; the same seed gives the same sequence.
    pub fn jitter(&self) -> f64 {
        // SplitMix64, of which 32 bits are enough.
        let mut z = self
            .dice
            .fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let bits = u32::try_from((z ^ (z >> 31)) >> 32).unwrap_or(0);
        f64::from(bits) / f64::from(u32::MAX)
    }

    /// Lets the orchestrator look at the queue now.
    pub fn wake(&self) {
        self.wake.notify_waiters();
    }

    /// Brings the file of events up to date; what cannot be written now is written later.
    pub fn follow(&self) {
        if let Err(error) = self.follower.follow(&self.store) {
            tracing::warn!(%error, "the file of events is behind");
        }
    }

    /// The file of events forgets so many that retention has removed.
    pub(crate) fn forget_events(&self, events: u64) {
        if let Err(error) = self.follower.forget(&self.store, events) {
            tracing::warn!(%error, "the file of events could not be written again");
        }
    }

    pub(crate) fn paused_until(&self, partner: &str) -> Option<i64> {
        let paused = self.paused.lock().unwrap_or_else(PoisonError::into_inner);
        paused.get(partner).copied()
    }

    pub(crate) fn pause(&self, partner: &str, until: Option<i64>) {
        let mut paused = self.paused.lock().unwrap_or_else(PoisonError::into_inner);
        match until {
            Some(until) => paused.insert(partner.to_owned(), until),
            None => paused.remove(partner),
        };
    }
}
