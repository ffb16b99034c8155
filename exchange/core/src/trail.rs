//! Reads the audit trail: verifies it up to the first link that is broken, and pages through its entries.

use std::io::{BufRead, BufReader};
use std::path::Path;

use rusqlite::OptionalExtension as _;
use serde_json::{Value, json};

use crate::audit::{BEGIN, hash};
use crate::store::{Result, Store};

/// The summary of a trail without a broken link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrailSummary {
    /// How many entries.
    pub entries: u64,
    /// The hash of the last one.
    pub head: String,
}

/// The first broken link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenLink {
    /// Number of the entry.
    pub seq: u64,
    /// Row of the table, or line of the file, counted from 1.
    pub row: u64,
    /// What is wrong.
    pub what: &'static str,
    /// What should stand there.
    pub expected: String,
    /// What stands there.
    pub seen: String,
}

/// Verifies a trail, one entry at a time.
pub struct TrailVerifier {
    row: u64,
    /// Number of the last entry; none before the first of an export that begins later.
    seq: Option<u64>,
    head: String,
}

impl TrailVerifier {
    /// A trail from its beginning.
    pub fn whole() -> Self {
        Self {
            row: 0,
            seq: Some(0),
            head: BEGIN.to_owned(),
        }
    }

    /// One more entry.
    ///
    /// # Errors
    /// The link that is broken.
    pub fn step(
        &mut self,
        seq: u64,
        prev: &str,
        own: &str,
        body: &str,
    ) -> std::result::Result<(), BrokenLink> {
        self.row += 1;
        let row = self.row;
        let due = self.seq.map_or(seq, |last| last + 1);
        let broken = |what, expected: &str, seen: &str| BrokenLink {
            seq: due,
            row,
            what,
            expected: expected.to_owned(),
            seen: seen.to_owned(),
        };
        if seq != due {
            return Err(broken("number", &due.to_string(), &seq.to_string()));
        }
        if prev != self.head {
            return Err(broken("link to the entry before", &self.head, prev));
        }
        let computed = hash(prev, body);
        if computed != own {
            return Err(broken("hash of the entry", own, &computed));
        }
        self.seq = Some(seq);
        own.clone_into(&mut self.head);
        Ok(())
    }

    fn end(self) -> TrailSummary {
        TrailSummary {
            entries: self.row,
            head: self.head,
        }
    }
}

/// Walks the trail of a store, and holds its end against the seal.
///
/// # Errors
/// When the store cannot be read. A broken link is an answer.
pub fn verify_store(store: &Store) -> Result<std::result::Result<TrailSummary, BrokenLink>> {
    store.walk_audit(|rows, seal| {
        let mut trail = TrailVerifier::whole();
        for entry in rows {
            let (seq, prev, own, body) = entry?;
            if let Err(broken) = trail.step(seq, &prev, &own, &body) {
                return Ok(Err(broken));
            }
        }
        let verified = trail.end();
        let (seq, head, mac) = seal.unwrap_or((0, BEGIN.to_owned(), String::new()));
        let broken = |what, expected: String, seen: String| BrokenLink {
            seq,
            row: verified.entries,
            what,
            expected,
            seen,
        };
        if head != verified.head || seq != verified.entries {
            let expected = format!("{seq} {head}");
            let seen = format!("{} {}", verified.entries, verified.head);
            return Ok(Err(broken("end of the trail", expected, seen)));
        }
        let due = store.keys().seal(seq, &head);
        if seq > 0 && mac != due {
            return Ok(Err(broken("seal of the trail", due, mac)));
        }
        Ok(Ok(verified))
    })
}

/// Walks an exported trail. Its end is not sealed: it may be cut.
///
/// # Errors
/// When the file cannot be read. A broken link is an answer.
pub fn verify_file(path: &Path) -> std::io::Result<std::result::Result<TrailSummary, BrokenLink>> {
    let mut trail = TrailVerifier::whole();
    for line in BufReader::new(std::fs::File::open(path)?).lines() {
        let line = line?;
        let entry: Value = serde_json::from_str(&line).unwrap_or_default();
        let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        let seq = entry["entry"]["seq"].as_u64().unwrap_or_default();
        let body = entry["entry"].to_string();
        if let Err(broken) = trail.step(seq, &text("prev"), &text("hash"), &body) {
            return Ok(Err(broken));
        }
    }
    Ok(Ok(trail.end()))
}

type Row = (u64, String, String, String);
type Rows<'a> = &'a mut dyn Iterator<Item = Result<Row>>;

impl Store {
    /// Passes all entries in order, and the seal, to `act`.
    fn walk_audit<T>(
        &self,
        act: impl FnOnce(Rows<'_>, Option<(u64, String, String)>) -> Result<T>,
    ) -> Result<T> {
        self.read(|db| {
            let seal = db
                .prepare_cached("SELECT seq, hash, mac FROM seal")?
                .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()?;
            let mut query =
                db.prepare_cached("SELECT seq, prev, hash, body FROM audit ORDER BY seq")?;
            let rows = query.query_map([], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })?;
            act(&mut rows.map(|row| Ok(row?)), seal)
        })
    }

    /// Entries of one correlation id or one exchange, or all, after a number, as they are exported.
    pub fn audit(
        &self,
        of: Option<&str>,
        kind: Option<&str>,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Value>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT prev, hash, body FROM audit
                 WHERE seq > ?1 AND (?2 IS NULL OR correlation=?2 OR exchange=?2) AND (?3 IS NULL OR kind=?3)
                 ORDER BY seq LIMIT ?4",
            )?;
            let rows = query.query_map(rusqlite::params![after, of, kind, limit], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
            let mut found = Vec::new();
            for row in rows {
                let (prev, hash, body): (String, String, String) = row?;
                let entry: Value = serde_json::from_str(&body)?;
                found.push(json!({"prev": prev, "hash": hash, "entry": entry}));
            }
            Ok(found)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trail(bodies: &[&str]) -> Vec<(u64, String, String, String)> {
        let mut prev = BEGIN.to_owned();
        (1..)
            .zip(bodies)
            .map(|(seq, body)| {
                let own = hash(&prev, body);
                let row = (seq, prev.clone(), own.clone(), (*body).to_owned());
                prev = own;
                row
            })
            .collect()
    }

    fn walk(
        rows: &[(u64, String, String, String)],
    ) -> std::result::Result<TrailSummary, BrokenLink> {
        let mut trail = TrailVerifier::whole();
        for (seq, prev, own, body) in rows {
            trail.step(*seq, prev, own, body)?;
        }
        Ok(trail.end())
    }

    #[test]
    fn any_change_is_found_at_its_place() {
        let good = trail(&["a", "b", "c", "d"]);
        assert_eq!(walk(&good).unwrap().entries, 4);
        let mut changed = good.clone();
        changed[1].3 = "B".to_owned();
        let broken = walk(&changed).unwrap_err();
        assert_eq!(
            (broken.seq, broken.row, broken.what),
            (2, 2, "hash of the entry")
        );
        let mut removed = good.clone();
        removed.remove(2);
        assert_eq!(walk(&removed).unwrap_err().what, "number");
        let mut rehashed = good.clone();
        rehashed[1].3 = "B".to_owned();
        rehashed[1].2 = hash(&rehashed[1].1, "B");
        let broken = walk(&rehashed).unwrap_err();
        assert_eq!((broken.seq, broken.what), (3, "link to the entry before"));
        let mut swapped = good;
        swapped.swap(1, 2);
        assert_eq!(walk(&swapped).unwrap_err().seq, 2);
    }
}
