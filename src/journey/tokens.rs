//! Tokens that are cached from run to run, so that a partner is asked for one when it is due and not
//! with each run. The agent owns them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use outrider_domain::model::{Auth, AuthKind, Fresh, PartnerId};
use outrider_domain::secret::Secret;
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

use super::auth::CachedToken;
use super::stamp::{Stamp, secret_stamp, stamp};

/// The most tokens that are cached for one partner, which chooses the URL of its token endpoint itself.
const KEPT_MAX: usize = 16;

/// What a token is for, and what it was asked with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct TokenKey {
    partner: PartnerId,
    endpoint: String,
    scope: Vec<String>,
    credential: Credential,
}

/// Which credential it was, by its file as it is now: a changed key or secret needs a new token.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Credential {
    client_id: String,
    kind: &'static str,
    stamps: Vec<Stamp>,
}

impl Credential {
    fn of(auth: &Auth) -> Self {
        let (kind, secret) = match &auth.kind {
            AuthKind::PrivateKeyJwt { key, .. } => ("key", Some(key)),
            AuthKind::ClientSecretBasic { secret } => ("basic", Some(secret)),
            AuthKind::ClientSecretPost { secret } => ("post", Some(secret)),
            AuthKind::TlsClientAuth => ("tls", None),
            AuthKind::None => ("none", None),
            AuthKind::Bearer { token } => ("bearer", Some(token)),
        };
        let own = secret.map(secret_stamp);
        let shown = auth.certificate.as_ref().map(|one| stamp(&one.chain));
        Self {
            client_id: auth.client_id.clone(),
            kind,
            stamps: own.into_iter().chain(shown).collect(),
        }
    }
}

/// Where one token is cached.
#[derive(Debug, Default)]
pub(super) struct TokenSlot {
    state: Mutex<State>,
    turn: Arc<Turn<()>>,
}

#[derive(Debug, Default)]
struct State {
    token: Option<CachedToken>,
    asked_at: Option<Instant>,
}

impl TokenSlot {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a fresh token is due by schedule; then the caller must request it.
    pub(super) fn is_forced(&self, fresh: Fresh, now: Instant) -> bool {
        let every = match fresh {
            Fresh::Never => return false,
            Fresh::Always => return true,
            Fresh::Every(every) => every,
        };
        let mut state = self.state();
        let is_due = state.asked_at.is_none_or(|at| now - at >= every);
        if is_due {
            state.asked_at = Some(now);
        }
        is_due
    }

    /// The cached token, while it is valid.
    pub(super) fn valid(&self, now: Instant) -> Option<CachedToken> {
        let state = self.state();
        state
            .token
            .as_ref()
            .filter(|cached| !cached.is_due(now))
            .cloned()
    }

    /// The turn to request a token; waits while another run has it.
    pub(super) async fn turn(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.turn).lock_owned().await
    }

    /// Caches a token that was granted.
    pub(super) fn keep(&self, cached: CachedToken, now: Instant) {
        let mut state = self.state();
        state.token = Some(cached);
        state.asked_at = Some(now);
    }

    /// Forgets a token that was refused, unless another one has come meanwhile.
    pub(super) fn forget_refused(&self, refused: &CachedToken) {
        let is_same = |cached: &mut CachedToken| cached.token.reveal() == refused.token.reveal();
        self.state().token.take_if(is_same);
    }
}

/// Every token that is cached.
#[derive(Clone, Debug, Default)]
pub struct Tokens(Arc<Mutex<BTreeMap<TokenKey, Arc<TokenSlot>>>>);

impl Tokens {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether any token that is cached for a partner is such a one.
    pub(super) fn any(&self, partner: &PartnerId, is_one: impl Fn(&Secret) -> bool) -> bool {
        let slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = slots.iter().filter(|(key, _)| key.partner == *partner);
        own.map(|(_, slot)| slot.state())
            .any(|state| state.token.as_ref().is_some_and(|one| is_one(&one.token)))
    }

    /// The slot of a token, by what it is for and what it is asked with.
    pub(super) fn slot(
        &self,
        partner: &PartnerId,
        auth: &Auth,
        endpoint: &str,
        scope: &[String],
    ) -> Arc<TokenSlot> {
        let key = TokenKey {
            partner: partner.clone(),
            endpoint: endpoint.to_owned(),
            scope: scope.to_vec(),
            credential: Credential::of(auth),
        };
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !slots.contains_key(&key) {
            evict_unused(&mut slots, partner);
        }
        Arc::clone(slots.entry(key).or_default())
    }
}

/// Forgets a partner's slots that nobody uses, once there are too many: keys rotate, endpoints move.
fn evict_unused(slots: &mut BTreeMap<TokenKey, Arc<TokenSlot>>, partner: &PartnerId) {
    let own = slots.keys().filter(|key| key.partner == *partner).count();
    if own >= KEPT_MAX {
        slots.retain(|key, slot| key.partner != *partner || Arc::strong_count(slot) > 1);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::journey::template::{Address, absolute};
    use outrider_domain::clock::Clock;
    use outrider_domain::secret::Secret;

    fn cached(token: &str, since: Instant, lifetime: u64) -> CachedToken {
        CachedToken {
            token: Secret::new(token),
            since,
            lifetime: Duration::from_secs(lifetime),
            endpoint: Address {
                url: absolute("https://p.example/token").unwrap(),
                shown: String::new(),
            },
            scope: Vec::new(),
            is_reused: false,
        }
    }

    fn slot(tokens: &Tokens, partner: &str, endpoint: &str) -> Arc<TokenSlot> {
        let auth = Auth {
            client_id: "c".to_owned(),
            kind: AuthKind::TlsClientAuth,
            certificate: None,
        };
        tokens.slot(&PartnerId::new(partner), &auth, endpoint, &[])
    }

    #[test]
    fn a_token_is_good_for_four_fifths_of_its_life_and_a_fresh_one_is_due_by_schedule() {
        let begin = Clock::real().instant();
        let at = |secs| begin + Duration::from_secs(secs);
        let slot = TokenSlot::default();
        let every = Fresh::Every(Duration::from_secs(60));
        assert!(slot.valid(begin).is_none());
        slot.keep(cached("a", begin, 300), begin);
        assert!(slot.valid(at(239)).is_some());
        assert!(slot.valid(at(240)).is_none());
        assert!(slot.is_forced(Fresh::Always, at(1)));
        assert!(!slot.is_forced(Fresh::Never, at(1_000)));
        assert!(!slot.is_forced(every, at(59)));
        assert!(slot.is_forced(every, at(60)), "the first that comes asks");
        assert!(!slot.is_forced(every, at(61)), "and no other one");
        assert!(slot.valid(at(61)).is_some(), "whatever comes of it");
    }

    #[test]
    fn a_refused_token_is_forgotten_unless_another_one_came() {
        let begin = Clock::real().instant();
        let (old, new) = (cached("old", begin, 300), cached("new", begin, 300));
        let slot = TokenSlot::default();
        slot.keep(new.clone(), begin);
        slot.forget_refused(&old);
        assert!(slot.valid(begin).is_some());
        slot.forget_refused(&new);
        assert!(slot.valid(begin).is_none());
    }

    #[test]
    fn a_partner_that_moves_its_endpoint_each_time_fills_no_memory() {
        let (tokens, begin) = (Tokens::new(), Clock::real().instant());
        let used = slot(&tokens, "p", "https://p.example/in-use");
        used.keep(cached("a", begin, 300), begin);
        slot(&tokens, "other", "https://o.example").keep(cached("b", begin, 300), begin);
        for number in 0..1_000 {
            drop(slot(&tokens, "p", &format!("https://p.example/{number}")));
        }
        assert!(tokens.0.lock().unwrap().len() <= KEPT_MAX + 2);
        assert!(
            slot(&tokens, "other", "https://o.example")
                .valid(begin)
                .is_some()
        );
        assert!(Arc::ptr_eq(
            &used,
            &slot(&tokens, "p", "https://p.example/in-use")
        ));
    }

    #[test]
    fn another_key_in_the_file_asks_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "one").unwrap();
        let auth = Auth {
            client_id: "c".to_owned(),
            kind: AuthKind::ClientSecretPost {
                secret: outrider_domain::secret::SecretRef::File(path.clone()),
            },
            certificate: None,
        };
        let tokens = Tokens::new();
        let slot = || tokens.slot(&PartnerId::new("p"), &auth, "https://p.example", &[]);
        let first = slot();
        assert!(Arc::ptr_eq(&first, &slot()));
        std::fs::write(&path, "another").unwrap();
        assert!(!Arc::ptr_eq(&first, &slot()));
    }
}
