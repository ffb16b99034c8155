//! The witness: what the ledger was last, kept outside it, in the lock file beside it. An older ledger
//! put back, or a new one in a lost one's place, does not know what counts were exported before.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};

use rusqlite::{Connection, OptionalExtension as _, Transaction};

/// A witness is one short line; what is longer is none.
const WITNESS_MAX: u64 = 256;
/// So that a shorter line covers a longer one.
const WIDTH: usize = 72;

/// Which ledger it is, and how often it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) id: String,
    pub(super) commits: u64,
}

/// How the past of a ledger was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setback {
    /// Another ledger was here before.
    Replaced,
    /// The same ledger was further on.
    Older {
        /// Transactions that are not in it.
        commits: u64,
    },
}

impl std::fmt::Display for Setback {
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

impl State {
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

    /// What the witness says against it; none when they agree, or nobody was a witness.
    pub(super) fn setback(&self, witness: Option<&Self>) -> Option<Setback> {
        let witness = witness?;
        if witness.id != self.id {
            return Some(Setback::Replaced);
        }
        let commits = witness.commits.checked_sub(self.commits)?;
        (commits > 0).then_some(Setback::Older { commits })
    }
}

/// What a witness file says; none when it says nothing that can be read.
pub(super) fn read(file: &mut File) -> Option<State> {
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).ok()?;
    file.take(WITNESS_MAX).read_to_string(&mut text).ok()?;
    let (id, commits) = text.trim_end().split_once(' ')?;
    Some(State {
        id: id.to_owned(),
        commits: commits.parse().ok()?,
    })
}

/// Notes what is durable. It may lag behind the ledger, never run ahead of it, so it needs no sync.
pub(super) fn write(file: &mut File, state: &State) -> std::io::Result<()> {
    let line = format!("{} {}", state.id, state.commits);
    file.seek(SeekFrom::Start(0))?;
    file.write_all(format!("{line:<WIDTH$}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_witness_tells_an_older_ledger_from_a_newer_one() {
        let of = |id: &str, commits| State {
            id: id.to_owned(),
            commits,
        };
        assert_eq!(of("a", 7).setback(None), None);
        assert_eq!(of("a", 7).setback(Some(&of("a", 7))), None);
        assert_eq!(of("a", 8).setback(Some(&of("a", 7))), None, "it may lag");
        let older = Some(Setback::Older { commits: 3 });
        assert_eq!(of("a", 4).setback(Some(&of("a", 7))), older);
        assert_eq!(
            of("b", 9).setback(Some(&of("a", 7))),
            Some(Setback::Replaced)
        );
    }

    #[test]
    fn a_witness_reads_what_it_wrote_and_nothing_else() {
        let mut file = tempfile::tempfile().unwrap();
        assert_eq!(read(&mut file), None);
        for commits in [123_456, 7] {
            let state = State {
                id: "a".to_owned(),
                commits,
            };
            write(&mut file, &state).unwrap();
            assert_eq!(read(&mut file), Some(state));
        }
    }
}
