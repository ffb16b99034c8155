//! Every evidence read once, a few at a time, so that damage is found before somebody needs it.

use rusqlite::params;

use super::error::LedgerError;
use super::file::Ledger;
use super::sql;
use super::tick_row::run_text;

/// Up to where evidence was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvidencePlace(i64);

impl Default for EvidencePlace {
    fn default() -> Self {
        Self(i64::MIN)
    }
}

/// Evidence that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedEvidence {
    /// Its run; empty where rows of runs are gone.
    pub run: String,
    /// How many evidences it is: one of a run, or those whose runs are gone.
    pub count: u64,
    /// What does not fit.
    pub why: &'static str,
}

impl std::fmt::Display for DamagedEvidence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.run.is_empty() {
            return write!(f, "{} evidences of runs whose rows are gone", self.count);
        }
        write!(
            f,
            "the evidence of run {} is damaged: {}",
            self.run, self.why
        )
    }
}

impl Ledger {
    /// How many evidences there are.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn evidence_count(&self) -> Result<u64, LedgerError> {
        let counted = self.read_all(sql::COUNTED_EVIDENCE, &[], |row| row.get(0))?;
        Ok(counted.first().copied().unwrap_or(0))
    }

    /// Reads the evidence of some runs after a place; returns what is damaged, and the place reached: none at the end.
    ///
    /// # Errors
    /// The ledger is unavailable.
    pub fn verify_evidence(
        &self,
        after: EvidencePlace,
        most: u32,
    ) -> Result<(Vec<DamagedEvidence>, Option<EvidencePlace>), LedgerError> {
        let read = || -> rusqlite::Result<(Vec<DamagedEvidence>, Option<EvidencePlace>)> {
            let mut statement = self.connection.prepare_cached(sql::BODIES_AFTER)?;
            let rows = statement.query_map(params![after.0, most], |row| {
                Ok((row.get::<_, i64>(0)?, run_text(row.get_ref(1)?)))
            })?;
            let rows: Vec<_> = rows.collect::<rusqlite::Result<_>>()?;
            let (mut damaged, mut without_run) = (Vec::new(), 0);
            for (seq, run) in &rows {
                let body = self.evidence.borrow_mut().read(&self.connection, *seq)?;
                let why = match body {
                    Some(Err(why)) => Some(why),
                    Some(Ok(_)) if run.is_none() => {
                        without_run += 1;
                        None
                    }
                    // It may have been deleted since, as it was no longer kept.
                    Some(Ok(_)) | None => None,
                };
                if let Some(why) = why {
                    let run = run.clone().unwrap_or_default();
                    damaged.push(DamagedEvidence { run, count: 1, why });
                }
            }
            if without_run > 0 {
                damaged.push(DamagedEvidence {
                    run: String::new(),
                    count: without_run,
                    why: "its run is gone",
                });
            }
            Ok((damaged, rows.last().map(|(seq, _)| EvidencePlace(*seq))))
        };
        read().map_err(|why| self.failed(&why))
    }
}
