//! What retention has removed from a chain: a signed gap takes the place of entries, so that what is left still links.
//!
//! A gap says from which number to which it goes, the hash before it and the hash of its last link. Neighbouring gaps
//! become one, so there are never more gaps than links that are kept, and one.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde_json::{Value, json};

use super::head::bytes;
use super::keys::Keys;

/// A chain of hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strand {
    /// The entries of the trail.
    Audit,
    /// The events.
    Events,
}

impl Strand {
    /// The word in the table, and in what is signed.
    const fn name(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Events => "event",
        }
    }
}

/// One or more links in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Links {
    /// Number of the first.
    pub first: u64,
    /// Number of the last.
    pub last: u64,
    /// The hash to which the first is bound.
    pub prev: String,
    /// The hash of the last.
    pub hash: String,
}

impl Links {
    /// A single link.
    pub fn one(seq: u64, prev: String, hash: String) -> Self {
        Self {
            first: seq,
            last: seq,
            prev,
            hash,
        }
    }

    fn text(&self, strand: Strand) -> String {
        let Self {
            first,
            last,
            prev,
            hash,
        } = self;
        let strand = strand.name();
        format!("outrider-gap-1\n{strand}\n{first}\n{last}\n{prev}\n{hash}")
    }
}

/// Links that retention has removed, with the signature of the core that did it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedGap {
    /// What is gone.
    pub links: Links,
    /// The Ed25519 public key, in hex.
    pub public_key: String,
    /// The signature, in hex.
    pub signature: String,
}

impl SignedGap {
    /// Whether the signature is good under the gap's own public key.
    pub fn is_signed(&self, strand: Strand) -> bool {
        let verified = || {
            let key = UnparsedPublicKey::new(&ED25519, bytes(&self.public_key)?);
            let text = self.links.text(strand);
            key.verify(text.as_bytes(), &bytes(&self.signature)?).ok()
        };
        verified().is_some()
    }

    /// As it is exported.
    pub fn json(&self) -> Value {
        let links = &self.links;
        json!({
            "first": links.first,
            "last": links.last,
            "prev": links.prev,
            "hash": links.hash,
            "public_key": self.public_key,
            "signature": self.signature,
        })
    }

    /// From what was exported; none when it is no gap.
    pub fn read(value: &Value) -> Option<Self> {
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        Some(Self {
            links: Links {
                first: value["first"].as_u64()?,
                last: value["last"].as_u64()?,
                prev: text("prev")?,
                hash: text("hash")?,
            },
            public_key: text("public_key")?,
            signature: text("signature")?,
        })
    }
}

const COLUMNS: &str = "first, last, prev, hash, public_key, signature";

fn of_row(row: &Row<'_>) -> rusqlite::Result<SignedGap> {
    Ok(SignedGap {
        links: Links {
            first: row.get(0)?,
            last: row.get(1)?,
            prev: row.get(2)?,
            hash: row.get(3)?,
        },
        public_key: row.get(4)?,
        signature: row.get(5)?,
    })
}

/// The gaps of a chain, in order.
///
/// # Errors
/// When the database fails.
pub fn gaps(db: &Connection, strand: Strand) -> rusqlite::Result<Vec<SignedGap>> {
    let sql = format!("SELECT {COLUMNS} FROM gap WHERE strand=?1 ORDER BY first");
    let mut query = db.prepare_cached(&sql)?;
    query.query_map([strand.name()], of_row)?.collect()
}

/// The gap that holds that number, if one does.
///
/// # Errors
/// When the database fails.
pub fn gap_at(db: &Connection, strand: Strand, seq: u64) -> rusqlite::Result<Option<SignedGap>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM gap WHERE strand=?1 AND first<=?2 ORDER BY first DESC LIMIT 1"
    );
    let mut query = db.prepare_cached(&sql)?;
    let before = query
        .query_row(params![strand.name(), seq], of_row)
        .optional()?;
    Ok(before.filter(|gap| gap.links.last >= seq))
}

/// Number and hash of the end of the last gap.
pub(super) fn last_gap(db: &Connection, strand: Strand) -> rusqlite::Result<Option<(u64, String)>> {
    db.prepare_cached("SELECT last, hash FROM gap WHERE strand=?1 ORDER BY first DESC LIMIT 1")?
        .query_row([strand.name()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}

/// Puts gaps where links were removed; `removed` is in the order of the chain.
///
/// # Errors
/// When the database fails.
pub fn add_gaps(
    db: &Connection,
    strand: Strand,
    removed: Vec<Links>,
    keys: &Keys,
) -> rusqlite::Result<()> {
    for mut run in runs(removed) {
        let delete = |first: u64| -> rusqlite::Result<()> {
            db.prepare_cached("DELETE FROM gap WHERE strand=?1 AND first=?2")?
                .execute(params![strand.name(), first])?;
            Ok(())
        };
        if let Some(before) = gap_at(db, strand, run.first.saturating_sub(1))? {
            delete(before.links.first)?;
            run.first = before.links.first;
            run.prev = before.links.prev;
        }
        if let Some(after) = gap_at(db, strand, run.last + 1)? {
            delete(after.links.first)?;
            run.last = after.links.last;
            run.hash = after.links.hash;
        }
        let signature = keys.sign(&run.text(strand));
        db.prepare_cached(
            "INSERT INTO gap(strand, first, last, prev, hash, public_key, signature) VALUES(?1,?2,?3,?4,?5,?6,?7)",
        )?
        .execute(params![
            strand.name(),
            run.first,
            run.last,
            run.prev,
            run.hash,
            keys.public_key(),
            signature
        ])?;
    }
    Ok(())
}

/// Joins links that follow each other.
fn runs(removed: Vec<Links>) -> Vec<Links> {
    let mut runs: Vec<Links> = Vec::new();
    for link in removed {
        match runs.last_mut() {
            Some(run) if run.last + 1 == link.first => {
                run.last = link.last;
                run.hash = link.hash;
            }
            Some(_) | None => runs.push(link),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Connection {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(
            "CREATE TABLE gap(strand TEXT, first INTEGER, last INTEGER, prev TEXT, hash TEXT, public_key TEXT, signature TEXT)",
        )
        .unwrap();
        db
    }

    fn link(seq: u64) -> Links {
        Links::one(seq, format!("h{}", seq - 1), format!("h{seq}"))
    }

    #[test]
    fn neighbours_become_one_gap_whatever_the_order_in_which_they_go() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::open(folder.path(), true).unwrap();
        for order in [[1, 2, 3, 5, 4], [5, 3, 1, 4, 2], [2, 4, 3, 1, 5]] {
            let db = table();
            for seq in order {
                add_gaps(&db, Strand::Audit, vec![link(seq)], &keys).unwrap();
            }
            let found = gaps(&db, Strand::Audit).unwrap();
            assert_eq!(found.len(), 1, "{order:?}");
            let links = &found[0].links;
            assert_eq!((links.first, links.last), (1, 5));
            assert_eq!((links.prev.as_str(), links.hash.as_str()), ("h0", "h5"));
            assert!(found[0].is_signed(Strand::Audit) && !found[0].is_signed(Strand::Events));
            assert_eq!(SignedGap::read(&found[0].json()), Some(found[0].clone()));
            assert_eq!(gap_at(&db, Strand::Audit, 6).unwrap(), None);
        }
        let db = table();
        let removed = [1, 2, 4, 5, 9].map(link).to_vec();
        add_gaps(&db, Strand::Events, removed, &keys).unwrap();
        let spans: Vec<(u64, u64)> = gaps(&db, Strand::Events)
            .unwrap()
            .iter()
            .map(|gap| (gap.links.first, gap.links.last))
            .collect();
        assert_eq!(spans, [(1, 2), (4, 5), (9, 9)]);
    }

    #[test]
    fn a_changed_gap_is_not_signed() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::open(folder.path(), true).unwrap();
        let db = table();
        add_gaps(&db, Strand::Audit, vec![link(3)], &keys).unwrap();
        let good = gaps(&db, Strand::Audit).unwrap().remove(0);
        for change in [
            |gap: &mut SignedGap| gap.links.last = 9,
            |gap: &mut SignedGap| gap.links.first = 2,
            |gap: &mut SignedGap| gap.links.hash.push('0'),
            |gap: &mut SignedGap| gap.links.prev.push('0'),
            |gap: &mut SignedGap| gap.signature.replace_range(0..2, "zz"),
        ] {
            let mut changed = good.clone();
            change(&mut changed);
            assert!(!changed.is_signed(Strand::Audit));
        }
    }
}
