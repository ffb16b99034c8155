//! The public halves of the keys that we sign with, for partners that fetch them (`jwks_uri`).
//!
//! Key files are read again and again: a key that replaces another is published from then on, and the other one
//! stays for a while, since partners keep what they fetched and assertions are still on their way.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use outrider_domain::model::{AuthKind, PartnerId, Plan};
use outrider_domain::secret::{PublicKey, SigningKey};
use serde_json::{Value, json};

/// How often key files are read, so that a key is known before it is replaced.
pub(super) const RELOAD_EVERY: Duration = Duration::from_secs(30);
/// How long a replaced key is still published: partners refresh what they hold within the hour.
const OVERLAP: Duration = Duration::from_secs(3600);
/// Keys of one partner that are published at one time.
const KEYS_MAX: usize = 8;

/// Every key that is published.
#[derive(Clone, Debug, Default)]
pub(super) struct PublishedKeys(Arc<Mutex<BTreeMap<PartnerId, Vec<PublishedKey>>>>);

#[derive(Clone, Debug)]
struct PublishedKey {
    kid: String,
    public: PublicKey,
    seen_at: Instant,
}

impl PublishedKeys {
    /// Reads the key files of a plan. Blocks.
    pub(super) fn reload(&self, plan: &Plan, now: Instant) {
        let current = plan.partners.values().map(|partner| {
            let AuthKind::PrivateKeyJwt {
                key,
                kid,
                also_published,
            } = &partner.auth.kind
            else {
                return (partner.id.clone(), Vec::new());
            };
            // `check` and each run report what cannot be read.
            let own = SigningKey::read(key).ok().map(|key| (kid.clone(), key));
            let others = also_published.iter().filter_map(|from| {
                let key = SigningKey::read(from).ok()?;
                Some((None, key))
            });
            let keys = own
                .into_iter()
                .chain(others)
                .map(|(kid, key)| PublishedKey {
                    kid: kid.unwrap_or_else(|| key.thumbprint()),
                    public: key.public().clone(),
                    seen_at: now,
                });
            (partner.id.clone(), keys.collect())
        });
        let current: Vec<(PartnerId, Vec<PublishedKey>)> = current.collect();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *known);
        for (partner, mut keys) in current {
            let earlier = before.remove(&partner).unwrap_or_default();
            let still = earlier.into_iter().filter(|old| {
                let is_there = keys
                    .iter()
                    .any(|key| key.kid == old.kid && key.public == old.public);
                !is_there && now.saturating_duration_since(old.seen_at) < OVERLAP
            });
            let still: Vec<PublishedKey> = still.collect();
            keys.extend(still);
            keys.truncate(KEYS_MAX);
            known.insert(partner, keys);
        }
    }

    /// A JWK set (RFC 7517) of all of them, each once.
    pub(super) fn jwks(&self) -> Value {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut keys: Vec<(&str, &PublicKey)> = known
            .values()
            .flatten()
            .map(|key| (key.kid.as_str(), &key.public))
            .collect();
        keys.sort();
        keys.dedup();
        let keys: Vec<Value> = keys.iter().map(|(kid, key)| key.jwk(kid)).collect();
        json!({ "keys": keys })
    }
}
