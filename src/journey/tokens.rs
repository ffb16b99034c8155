//! Tokens that are kept from run to run, so that a partner is asked for one when it is due and not
//! with each run. The agent owns them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use outrider_domain::model::{Auth, AuthKind, Fresh, PartnerId, SecretRef};
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

use super::auth::Held;

/// Tokens kept for one partner: its endpoint's address and scopes come from files and from the partner.
const KEPT_MAX: usize = 16;

/// What a token is for, and what it was asked with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct TokenKey {
    partner: PartnerId,
    endpoint: String,
    scope: Vec<String>,
    credential: Credential,
}

/// Which credential it was, by its file as it is now: another key or secret asks anew.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Credential {
    client_id: String,
    kind: &'static str,
    stamps: Vec<Option<(SystemTime, u64)>>,
}

impl Credential {
    fn of(auth: &Auth) -> Self {
        let (kind, secret) = match &auth.kind {
            AuthKind::PrivateKeyJwt { key, .. } => ("key", Some(key)),
            AuthKind::ClientSecretBasic { secret } => ("basic", Some(secret)),
            AuthKind::ClientSecretPost { secret } => ("post", Some(secret)),
            AuthKind::TlsClientAuth => ("tls", None),
            AuthKind::Bearer { token } => ("bearer", Some(token)),
        };
        let own = secret.map(|SecretRef::File(path)| path.as_path());
        let shown = auth.certificate.as_ref().map(|one| one.chain.as_path());
        Self {
            client_id: auth.client_id.clone(),
            kind,
            stamps: own.into_iter().chain(shown).map(stamp).collect(),
        }
    }
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let found = std::fs::metadata(path).ok()?;
    Some((found.modified().ok()?, found.len()))
}

/// The place of one token.
#[derive(Debug, Default)]
pub(super) struct Place {
    state: Mutex<State>,
    turn: Arc<Turn<()>>,
}

#[derive(Debug, Default)]
struct State {
    held: Option<Held>,
    asked_at: Option<Instant>,
}

impl Place {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a fresh token is due by schedule; then it is the caller who asks for it.
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

    /// The token, while it is good.
    pub(super) fn good(&self, now: Instant) -> Option<Held> {
        let state = self.state();
        state
            .held
            .as_ref()
            .filter(|held| !held.is_due(now))
            .cloned()
    }

    /// The turn to ask; waits while another run asks.
    pub(super) async fn turn(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.turn).lock_owned().await
    }

    /// Keeps what was granted.
    pub(super) fn keep(&self, held: Held, now: Instant) {
        let mut state = self.state();
        state.held = Some(held);
        state.asked_at = Some(now);
    }

    /// Forgets a token that was refused, unless another one has come meanwhile.
    pub(super) fn refused(&self, refused: &Held) {
        let is_same = |held: &mut Held| held.token.reveal() == refused.token.reveal();
        self.state().held.take_if(is_same);
    }
}

/// Every token that is kept.
#[derive(Clone, Debug, Default)]
pub struct Tokens(Arc<Mutex<BTreeMap<TokenKey, Arc<Place>>>>);

impl Tokens {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The place of a token, by what it is for and what it is asked with.
    pub(super) fn place(
        &self,
        partner: &PartnerId,
        auth: &Auth,
        endpoint: &str,
        scope: &[String],
    ) -> Arc<Place> {
        let key = TokenKey {
            partner: partner.clone(),
            endpoint: endpoint.to_owned(),
            scope: scope.to_vec(),
            credential: Credential::of(auth),
        };
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !places.contains_key(&key) {
            make_room(&mut places, partner);
        }
        Arc::clone(places.entry(key).or_default())
    }
}

/// Forgets a partner's places that nobody uses, once there are too many: keys rotate, endpoints move.
fn make_room(places: &mut BTreeMap<TokenKey, Arc<Place>>, partner: &PartnerId) {
    let own = places.keys().filter(|key| key.partner == *partner).count();
    if own >= KEPT_MAX {
        places.retain(|key, place| key.partner != *partner || Arc::strong_count(place) > 1);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::journey::bind::{Address, absolute};
    use outrider_domain::clock::Clock;
    use outrider_domain::secret::Secret;

    fn held(token: &str, since: Instant, lifetime: u64) -> Held {
        Held {
            token: Secret::new(token),
            since,
            lifetime: Duration::from_secs(lifetime),
            endpoint: Address {
                url: absolute("https://p.example/token").unwrap(),
                shown: String::new(),
            },
            scope: Vec::new(),
            is_kept: false,
        }
    }

    fn place(tokens: &Tokens, partner: &str, endpoint: &str) -> Arc<Place> {
        let auth = Auth {
            client_id: "c".to_owned(),
            kind: AuthKind::TlsClientAuth,
            certificate: None,
        };
        tokens.place(&PartnerId::new(partner), &auth, endpoint, &[])
    }

    #[test]
    fn a_token_is_good_for_four_fifths_of_its_life_and_a_fresh_one_is_due_by_schedule() {
        let begin = Clock::real().instant();
        let at = |secs| begin + Duration::from_secs(secs);
        let place = Place::default();
        let every = Fresh::Every(Duration::from_secs(60));
        assert!(place.good(begin).is_none());
        place.keep(held("a", begin, 300), begin);
        assert!(place.good(at(239)).is_some());
        assert!(place.good(at(240)).is_none());
        assert!(place.is_forced(Fresh::Always, at(1)));
        assert!(!place.is_forced(Fresh::Never, at(1_000)));
        assert!(!place.is_forced(every, at(59)));
        assert!(place.is_forced(every, at(60)), "the first that comes asks");
        assert!(!place.is_forced(every, at(61)), "and no other one");
        assert!(place.good(at(61)).is_some(), "whatever comes of it");
    }

    #[test]
    fn a_refused_token_is_forgotten_unless_another_one_came() {
        let begin = Clock::real().instant();
        let (old, new) = (held("old", begin, 300), held("new", begin, 300));
        let place = Place::default();
        place.keep(new.clone(), begin);
        place.refused(&old);
        assert!(place.good(begin).is_some());
        place.refused(&new);
        assert!(place.good(begin).is_none());
    }

    #[test]
    fn a_partner_that_moves_its_endpoint_each_time_fills_no_memory() {
        let (tokens, begin) = (Tokens::new(), Clock::real().instant());
        let used = place(&tokens, "p", "https://p.example/in-use");
        used.keep(held("a", begin, 300), begin);
        place(&tokens, "other", "https://o.example").keep(held("b", begin, 300), begin);
        for number in 0..1_000 {
            drop(place(&tokens, "p", &format!("https://p.example/{number}")));
        }
        assert!(tokens.0.lock().unwrap().len() <= KEPT_MAX + 2);
        assert!(
            place(&tokens, "other", "https://o.example")
                .good(begin)
                .is_some()
        );
        assert!(Arc::ptr_eq(
            &used,
            &place(&tokens, "p", "https://p.example/in-use")
        ));
    }

    #[test]
    fn another_key_in_the_file_asks_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "one").unwrap();
        let auth = Auth {
            client_id: "c".to_owned(),
            kind: AuthKind::ClientSecretPost {
                secret: SecretRef::File(path.clone()),
            },
            certificate: None,
        };
        let tokens = Tokens::new();
        let place = || tokens.place(&PartnerId::new("p"), &auth, "https://p.example", &[]);
        let first = place();
        assert!(Arc::ptr_eq(&first, &place()));
        std::fs::write(&path, "another").unwrap();
        assert!(!Arc::ptr_eq(&first, &place()));
    }
}
