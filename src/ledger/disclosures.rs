//! Disclosures that are open, in the ledger and in its checkpoint alike: only a person ends one.

use std::fs::File;

use chrono::{DateTime, Utc};
use outrider_domain::model::ProbeId;

use super::checkpoint::{self, Checkpoint, Disclosures};
use super::error::LedgerError;
use super::file::Ledger;
use super::write::LedgerEntry;

impl Ledger {
    /// Takes those into the ledger that the checkpoint has and the ledger does not, since it is another one or an
    /// older copy.
    pub(super) fn reopen_disclosures(
        &mut self,
        open: Disclosures,
        now: DateTime<Utc>,
    ) -> Result<(), LedgerError> {
        self.disclosures = self.pauses()?;
        let is_missing = |(probe, _): &(ProbeId, _)| !self.disclosures.contains_key(probe);
        let missing: Vec<_> = open.into_iter().filter(is_missing).collect();
        for (probe, run) in &missing {
            tracing::warn!(
                partner = %probe.partner, journey = %probe.journey, run.id = %run,
                "the ledger does not know this disclosure, and the file next to it does; it stays open until a person \
                 resumes the journey"
            );
        }
        let entries = missing
            .iter()
            .map(|(probe, run)| LedgerEntry::Paused(probe, run, now));
        let entries: Vec<_> = entries.collect();
        if entries.is_empty() {
            return Ok(());
        }
        self.commit(&entries).map(|_| ())
    }

    /// A disclosure is in the checkpoint before it is in the ledger, so that no moment of losing the ledger loses it.
    pub(super) fn keep_disclosures(&mut self, entries: &[LedgerEntry<'_>]) {
        let opened = entries.iter().filter_map(|entry| {
            let LedgerEntry::Paused(probe, run, _) = entry else {
                return None;
            };
            Some(((*probe).clone(), (*run).clone()))
        });
        let before = self.disclosures.len();
        for (probe, run) in opened {
            self.disclosures.entry(probe).or_insert(run);
        }
        if self.disclosures.len() > before {
            self.write_checkpoint(checkpoint::sync);
        }
    }

    /// Writes the checkpoint as it should stand now.
    pub(super) fn write_checkpoint(
        &mut self,
        write: fn(&mut File, &Checkpoint, &Disclosures) -> std::io::Result<()>,
    ) {
        if let Some(file) = &mut self.lock
            && let Err(why) = write(file, &self.checkpoint, &self.disclosures)
        {
            // A checkpoint that lags misses a rollback; it never reports a wrong one.
            tracing::warn!(error = %why, "the lock file next to the ledger cannot be written");
        }
    }
}

#[cfg(test)]
mod tests {
    use outrider_domain::model::{JourneyId, PartnerId, Renames, RunId, Scale};

    use super::*;

    fn probe(partner: &str) -> ProbeId {
        ProbeId {
            partner: PartnerId::new(partner),
            journey: JourneyId::new("bulk-exchange"),
        }
    }

    fn open(folder: &tempfile::TempDir) -> Ledger {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        Ledger::open(&folder.path().join("ledger.db"), Scale::REAL, now).unwrap()
    }

    #[test]
    fn an_agent_that_dies_between_both_files_leaves_the_disclosure_open() {
        let folder = tempfile::tempdir().unwrap();
        let (keystone, run) = (probe("keystone"), RunId::new("run-1"));
        let now = DateTime::UNIX_EPOCH;
        let mut ledger = open(&folder);
        // Written to the checkpoint, and not yet to the ledger.
        ledger.keep_disclosures(&[LedgerEntry::Paused(&keystone, &run, now)]);
        assert_eq!(ledger.pauses().unwrap().len(), 0);
        drop(ledger);
        let mut ledger = open(&folder);
        let wanted = Disclosures::from([(keystone.clone(), run)]);
        assert_eq!(ledger.pauses().unwrap(), wanted);
        // A resume that the ledger has and the checkpoint does not is asked for again.
        let before = std::fs::read(folder.path().join("ledger.db.lock")).unwrap();
        ledger.commit(&[LedgerEntry::Resumed(&keystone)]).unwrap();
        drop(ledger);
        std::fs::write(folder.path().join("ledger.db.lock"), before).unwrap();
        assert_eq!(open(&folder).pauses().unwrap(), wanted);
    }

    #[test]
    fn a_renamed_partner_keeps_its_disclosure_in_both_files() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new, run) = (probe("meadow"), probe("meadowbrook"), RunId::new("run-1"));
        let mut ledger = open(&folder);
        let mut renames = Renames::default();
        renames
            .partners
            .insert(old.partner.clone(), new.partner.clone());
        let paused = LedgerEntry::Paused(&old, &run, DateTime::UNIX_EPOCH);
        ledger.commit(&[paused]).unwrap();
        ledger.commit(&[LedgerEntry::Renamed(&renames)]).unwrap();
        drop(ledger);
        std::fs::remove_file(folder.path().join("ledger.db")).unwrap();
        let ledger = open(&folder);
        assert!(!ledger.is_past_lost());
        let wanted = Disclosures::from([(new, run)]);
        assert_eq!(ledger.pauses().unwrap(), wanted);
    }

    #[test]
    fn an_installation_is_new_without_ledger_checkpoint_and_trace() {
        let folder = tempfile::tempdir().unwrap();
        let remove = |endings: &[&str]| {
            for ending in endings {
                std::fs::remove_file(folder.path().join(format!("ledger.db{ending}"))).unwrap();
            }
        };
        // A first start that came to nothing leaves a lock file without a checkpoint.
        std::fs::write(folder.path().join("ledger.db.lock"), "").unwrap();
        let mut ledger = open(&folder);
        assert!(!ledger.is_past_lost());
        ledger.commit(&[]).unwrap();
        ledger.close().unwrap();
        assert!(!open(&folder).is_past_lost(), "both are there");
        remove(&["", ".lock"]);
        assert!(open(&folder).is_past_lost());
        remove(&["", ".lock", ".trace"]);
        assert!(!open(&folder).is_past_lost());
    }
}
