//! Which partners are away, so that how long is known also after a crash.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::adapter::Class;
use super::store::{Result, Store};

/// The partners that are away. The store has the same; only a change is written.
pub struct Outages(Mutex<BTreeSet<String>>);

impl Outages {
    /// As the store knows it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open(store: &Store) -> Result<Self> {
        Ok(Self(Mutex::new(store.absent()?.into_iter().collect())))
    }

    /// Takes in the class of an answer: the first that a partner is away for begins its absence, the next good one
    /// ends it. What cannot be written now is written at the next answer.
    pub fn see(&self, store: &Store, partner: &str, class: Class, now_ms: i64) {
        let mut away = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let written = match (class, away.contains(partner)) {
            (Class::Dependency, false) => store.absence_began(partner, now_ms).map(|()| {
                away.insert(partner.to_owned());
            }),
            (Class::Good, true) => store.absence_ended(partner, now_ms).map(|()| {
                away.remove(partner);
            }),
            // Whatever else it answers, it does not work yet.
            (
                Class::Good
                | Class::Token
                | Class::Transient
                | Class::Throttled
                | Class::Dependency
                | Class::Gone
                | Class::Business,
                _,
            ) => Ok(()),
        };
        if let Err(error) = written {
            tracing::warn!(%error, partner, "the partner's absence is not noted");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{RECOVERY, StoreOptions};

    #[tokio::test(flavor = "multi_thread")]
    async fn an_absence_is_from_the_first_failure_to_the_next_good_answer_also_across_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
        let away = Outages::open(&store).unwrap();
        away.see(&store, "keystone", Class::Good, 500);
        away.see(&store, "keystone", Class::Dependency, 1_000);
        away.see(&store, "keystone", Class::Dependency, 1_500);
        away.see(&store, "lakeside", Class::Good, 1_600);
        drop(store);
        let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
        let away = Outages::open(&store).unwrap();
        away.see(&store, "keystone", Class::Throttled, 2_000);
        assert!(store.histograms(RECOVERY).unwrap().is_empty());
        away.see(&store, "keystone", Class::Good, 4_000);
        away.see(&store, "keystone", Class::Good, 9_000);
        let recoveries = store.histograms(RECOVERY).unwrap();
        let keystone = &recoveries[&vec!["keystone".to_owned()]];
        assert_eq!((keystone.sum_ms, keystone.buckets[4]), (3_000, 1));
        assert_eq!(recoveries.len(), 1);
    }
}
