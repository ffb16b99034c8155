//! The checkpoint: the ledger's id, its number of commits and the disclosures that are open, kept outside it, in the
//! lock file next to it. An older ledger that was restored, or a new one in the place of a lost one, does not know
//! which counts were exported before, nor which journeys wait for a person.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};

use outrider_domain::model::{JourneyId, PartnerId, ProbeId, RunId};
use rusqlite::Connection;

use super::{meta, sql};

/// Far longer than the lines of every probe of a large plan; anything longer is no checkpoint.
const CHECKPOINT_MAX: u64 = 4 << 20;
/// Width of the first line.
const WIDTH: usize = 72;
/// Begins the line of an open disclosure: partner, journey and run follow, each after a tab.
const OPEN: &str = "disclosure";

/// Journeys that wait for a person, with the run that saw another member's data; its id is empty where it is not
/// known whether one did.
pub(super) type Disclosures = BTreeMap<ProbeId, RunId>;

/// Which ledger it is, and how often it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Checkpoint {
    pub(super) id: String,
    pub(super) commits: u64,
}

/// How a ledger was rolled back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerRollback {
    /// Another ledger was here before.
    Replaced,
    /// The same ledger was further on.
    Older {
        /// Transactions that are not in it.
        commits: u64,
    },
}

impl std::fmt::Display for LedgerRollback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Replaced => f.write_str("another ledger was here before"),
            Self::Older { commits } => {
                write!(
                    f,
                    "it is an older copy: {commits} transactions are not in it"
                )
            }
        }
    }
}

impl Checkpoint {
    /// Reads it, and gives the ledger an id at its first opening.
    pub(super) fn of(connection: &Connection) -> rusqlite::Result<Self> {
        let id = match meta::get(connection, "id")? {
            Some(id) => id,
            None => {
                let id = uuid::Uuid::new_v4().to_string();
                meta::set(connection, "id", &id)?;
                id
            }
        };
        let commits = meta::number(connection, "commits")?;
        Ok(Self {
            id,
            commits: commits.unwrap_or(0),
        })
    }

    /// One transaction more; part of that transaction.
    pub(super) fn next(&self, to: &Connection) -> rusqlite::Result<Self> {
        let commits = self.commits + 1;
        meta::set(to, "commits", &commits.to_string())?;
        Ok(Self {
            id: self.id.clone(),
            commits,
        })
    }

    /// The rollback since a checkpoint; none when they agree, or there is no checkpoint.
    pub(super) fn rollback_since(&self, checkpoint: Option<&Self>) -> Option<LedgerRollback> {
        let checkpoint = checkpoint?;
        if checkpoint.id != self.id {
            return Some(LedgerRollback::Replaced);
        }
        let commits = checkpoint.commits.checked_sub(self.commits)?;
        (commits > 0).then_some(LedgerRollback::Older { commits })
    }
}

/// Reads a checkpoint and the disclosures that are open; none when the file holds none that can be read.
pub(super) fn read(file: &mut File) -> Option<(Checkpoint, Disclosures)> {
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).ok()?;
    file.take(CHECKPOINT_MAX).read_to_string(&mut text).ok()?;
    let mut lines = text.lines();
    let (id, commits) = lines.next()?.trim_end().split_once(' ')?;
    let checkpoint = Checkpoint {
        id: id.to_owned(),
        commits: commits.parse().ok()?,
    };
    let disclosures = lines.filter_map(|line| {
        let mut fields = line.split('\t');
        let is_open = fields.next() == Some(OPEN);
        let probe = ProbeId {
            partner: PartnerId::new(fields.next()?),
            journey: JourneyId::new(fields.next()?),
        };
        let run = RunId::new(fields.next()?);
        is_open.then_some((probe, run))
    });
    Some((checkpoint, disclosures.collect()))
}

/// Writes a checkpoint. Its number of commits may lag behind the ledger, never run ahead of it, so it needs no sync;
/// a disclosure is written before the ledger has it, and durably: see [`sync`].
pub(super) fn write(
    file: &mut File,
    checkpoint: &Checkpoint,
    disclosures: &Disclosures,
) -> std::io::Result<()> {
    let line = format!("{} {}", checkpoint.id, checkpoint.commits);
    let mut text = format!("{line:<WIDTH$}\n");
    for (ProbeId { partner, journey }, run) in disclosures {
        // Writing into a string cannot fail.
        writeln!(text, "{OPEN}\t{partner}\t{journey}\t{run}").unwrap_or_default();
    }
    file.seek(SeekFrom::Start(0))?;
    file.write_all(text.as_bytes())?;
    file.set_len(text.len().try_into().unwrap_or(u64::MAX))
}

/// The same, durably.
pub(super) fn sync(
    file: &mut File,
    checkpoint: &Checkpoint,
    disclosures: &Disclosures,
) -> std::io::Result<()> {
    write(file, checkpoint, disclosures)?;
    file.sync_data()
}

/// The journeys that a ledger says wait for a person.
pub(super) fn disclosures(of: &Connection) -> rusqlite::Result<Disclosures> {
    let mut statement = of.prepare_cached(sql::PAUSES)?;
    let rows = statement.query_map([], |row| {
        let probe = ProbeId {
            partner: PartnerId::new(row.get::<_, String>(0)?),
            journey: JourneyId::new(row.get::<_, String>(1)?),
        };
        Ok((probe, RunId::new(row.get::<_, String>(2)?)))
    })?;
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_tells_an_older_ledger_from_a_newer_one() {
        let of = |id: &str, commits| Checkpoint {
            id: id.to_owned(),
            commits,
        };
        assert_eq!(of("a", 7).rollback_since(None), None);
        assert_eq!(of("a", 7).rollback_since(Some(&of("a", 7))), None);
        assert_eq!(
            of("a", 8).rollback_since(Some(&of("a", 7))),
            None,
            "it may lag"
        );
        let older = Some(LedgerRollback::Older { commits: 3 });
        assert_eq!(of("a", 4).rollback_since(Some(&of("a", 7))), older);
        assert_eq!(
            of("b", 9).rollback_since(Some(&of("a", 7))),
            Some(LedgerRollback::Replaced)
        );
    }

    #[test]
    fn a_checkpoint_reads_what_it_wrote_and_nothing_else() {
        let mut file = tempfile::tempfile().unwrap();
        assert_eq!(read(&mut file), None);
        let open = |journey: &str, run: &str| {
            let probe = ProbeId {
                partner: PartnerId::new("keystone"),
                journey: JourneyId::new(journey),
            };
            (probe, RunId::new(run))
        };
        let both = Disclosures::from([open("bulk", "run-1"), open("delta", "")]);
        for (commits, disclosures) in [
            (123_456, Disclosures::new()),
            (7, both),
            (8, Disclosures::from([open("delta", "")])),
            (9, Disclosures::new()),
        ] {
            let state = Checkpoint {
                id: "a".to_owned(),
                commits,
            };
            write(&mut file, &state, &disclosures).unwrap();
            assert_eq!(read(&mut file), Some((state, disclosures)));
        }
    }
}
