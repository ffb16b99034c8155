//! The checkpoint: the ledger's id and its number of commits, kept outside it, in the lock file next to
//! it. An older ledger that was restored, or a new one in the place of a lost one, does not know which counts
//! were exported before.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};

use rusqlite::{Connection, OptionalExtension as _, Transaction};

/// A checkpoint is one short line; anything longer is none.
const CHECKPOINT_MAX: u64 = 256;
/// So that a shorter line covers a longer one.
const WIDTH: usize = 72;

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
        let value = |key: &str| -> rusqlite::Result<Option<String>> {
            let sql = "SELECT value FROM meta WHERE key = ?1";
            connection
                .query_row(sql, [key], |row| row.get(0))
                .optional()
        };
        let id = match value("id")? {
            Some(id) => id,
            None => {
                let id = uuid::Uuid::new_v4().to_string();
                connection.execute("INSERT INTO meta VALUES ('id', ?1)", [&id])?;
                id
            }
        };
        let commits = value("commits")?.and_then(|commits| commits.parse().ok());
        Ok(Self {
            id,
            commits: commits.unwrap_or(0),
        })
    }

    /// One transaction more; part of that transaction.
    pub(super) fn next(&self, to: &Transaction<'_>) -> rusqlite::Result<Self> {
        let commits = self.commits + 1;
        to.prepare_cached("INSERT OR REPLACE INTO meta VALUES ('commits', ?1)")?
            .execute([commits.to_string()])?;
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

/// Reads a checkpoint; none when the file holds none that can be read.
pub(super) fn read(file: &mut File) -> Option<Checkpoint> {
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).ok()?;
    file.take(CHECKPOINT_MAX).read_to_string(&mut text).ok()?;
    let (id, commits) = text.trim_end().split_once(' ')?;
    Some(Checkpoint {
        id: id.to_owned(),
        commits: commits.parse().ok()?,
    })
}

/// Writes what is durable. It may lag behind the ledger, never run ahead of it, so it needs no sync.
pub(super) fn write(file: &mut File, checkpoint: &Checkpoint) -> std::io::Result<()> {
    let line = format!("{} {}", checkpoint.id, checkpoint.commits);
    file.seek(SeekFrom::Start(0))?;
    file.write_all(format!("{line:<WIDTH$}\n").as_bytes())
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
        for commits in [123_456, 7] {
            let state = Checkpoint {
                id: "a".to_owned(),
                commits,
            };
            write(&mut file, &state).unwrap();
            assert_eq!(read(&mut file), Some(state));
        }
    }
}
