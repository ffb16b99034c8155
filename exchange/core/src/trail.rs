//! Reads the audit trail: verifies it up to the first link that is broken, and pages through its entries.

use std::io::{BufRead, BufReader};
use std::path::Path;

use rusqlite::params;
use serde_json::{Value, json};

use crate::audit::{
    AUDIT_TABLE, BEGIN, BrokenLink, SignedGap, SignedHead, Strand, bytes_of, gaps, hash,
};
use crate::limits::PAGE_MAX;
use crate::store::{Result, Store, StoreError};

/// The summary of a trail without a broken link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrailSummary {
    /// How many entries.
    pub entries: u64,
    /// How many more retention has removed.
    pub purged: u64,
    /// The hash of the last one.
    pub head: String,
    /// The number of the seal; none for a trail without an entry.
    pub number: Option<u64>,
    /// How many events were verified; none in an export.
    pub events: u64,
    /// How many payload files were verified; none in an export.
    pub payloads: u64,
}

/// Which entries are meant; what is left out does not matter.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuditFilter<'a> {
    /// About exchanges of this tenant.
    pub tenant: Option<&'a str>,
    /// Of this correlation id or exchange.
    pub of: Option<&'a str>,
    /// Of this kind.
    pub kind: Option<&'a str>,
}

/// The place of gaps.
const GAP_TABLE: &str = "core.sqlite, table gap, first";

/// Verifies a trail, one entry at a time.
pub struct TrailVerifier {
    row: u64,
    /// Number of the last entry; none before the first of an export that begins later.
    seq: Option<u64>,
    head: String,
    purged: u64,
    /// The key that signed the gaps; none before the first.
    gap_key: Option<String>,
}

impl TrailVerifier {
    /// A trail from its beginning.
    pub fn whole() -> Self {
        Self {
            row: 0,
            seq: Some(0),
            head: BEGIN.to_owned(),
            purged: 0,
            gap_key: None,
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
        body: &[u8],
    ) -> std::result::Result<(), BrokenLink> {
        self.row += 1;
        let row = self.row;
        let due = self.seq.map_or(seq, |last| last + 1);
        let broken = |what, expected: &str, seen: &str| BrokenLink {
            seq: due,
            place: AUDIT_TABLE,
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

    /// Entries that retention has removed.
    ///
    /// # Errors
    /// The link that is broken.
    pub fn pass(&mut self, gap: &SignedGap) -> std::result::Result<(), BrokenLink> {
        let due = self.seq.map_or(gap.links.first, |last| last + 1);
        let links = &gap.links;
        let broken = |what, expected: String, seen: String| BrokenLink {
            seq: due,
            place: GAP_TABLE,
            row: links.first,
            what,
            expected,
            seen,
        };
        if links.first != due || links.last < links.first {
            let seen = format!("{} to {}", links.first, links.last);
            return Err(broken("numbers of the gap", due.to_string(), seen));
        }
        if links.prev != self.head {
            let (expected, seen) = (self.head.clone(), links.prev.clone());
            return Err(broken("link to the entry before", expected, seen));
        }
        let is_other = self
            .gap_key
            .as_ref()
            .is_some_and(|key| *key != gap.public_key);
        if is_other || !gap.is_signed(Strand::Audit) {
            let (expected, seen) = ("a good one".to_owned(), gap.signature.clone());
            return Err(broken("signature of the gap", expected, seen));
        }
        self.gap_key = Some(gap.public_key.clone());
        self.purged += links.last - links.first + 1;
        self.seq = Some(links.last);
        links.hash.clone_into(&mut self.head);
        Ok(())
    }

    /// A gap must be of the core whose trail it is.
    pub(crate) fn check_gaps(&self, public_key: &str) -> std::result::Result<(), BrokenLink> {
        match &self.gap_key {
            Some(key) if key != public_key => {
                Err(self.broken("key of the gaps", public_key.to_owned(), key.clone()))
            }
            Some(_) | None => Ok(()),
        }
    }

    pub(crate) fn end(self) -> TrailSummary {
        TrailSummary {
            purged: self.purged,
            entries: self.row,
            head: self.head,
            number: None,
            events: 0,
            payloads: 0,
        }
    }

    /// A break at the end of what was walked so far.
    pub(crate) fn broken(&self, what: &'static str, expected: String, seen: String) -> BrokenLink {
        BrokenLink {
            seq: self.seq.unwrap_or(0),
            place: AUDIT_TABLE,
            row: self.row,
            what,
            expected,
            seen,
        }
    }
}

/// Verifies an exported trail. An export ends with its seal (count and hash, signed), which anybody can verify; a file
/// without one was cut, is empty, or is of 0.1.0, which wrote none. `witness` is a head that was taken before: the trail must hold it, and be sealed by the same key.
///
/// # Errors
/// When the file cannot be read. A broken link is an answer.
pub fn verify_file(
    path: &Path,
    witness: Option<&SignedHead>,
) -> std::io::Result<std::result::Result<TrailSummary, BrokenLink>> {
    let mut trail = TrailVerifier::whole();
    let mut seal: Option<Option<SignedHead>> = None;
    let mut at_witness = witness.is_none_or(|witness| witness.head.seq == 0);
    for line in BufReader::new(std::fs::File::open(path)?).split(b'\n') {
        let entry: Value = serde_json::from_slice(&line?).unwrap_or_default();
        if seal.is_none() && entry["seal"].is_object() {
            seal = Some(SignedHead::read(&entry["seal"]));
            continue;
        }
        if seal.is_some() {
            let seen = "another line".to_owned();
            return Ok(Err(trail.broken(
                "end of the file",
                "nothing after the seal".to_owned(),
                seen,
            )));
        }
        if let Some(gap) = SignedGap::read(&entry["gap"]) {
            if let Err(broken) = trail.pass(&gap) {
                return Ok(Err(broken));
            }
            // What the head was about has had its time; what is left is bound to it.
            at_witness |= witness.is_some_and(|one| is_within(&gap, one));
            continue;
        }
        let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        let seq = entry["entry"]["seq"].as_u64().unwrap_or_default();
        let body = entry["entry"].to_string();
        if let Err(broken) = trail.step(seq, &text("prev"), &text("hash"), body.as_bytes()) {
            return Ok(Err(broken));
        }
        at_witness |= witness.is_some_and(|one| one.head.seq == seq && one.head.hash == trail.head);
    }
    if !at_witness {
        let due = witness.map_or_else(String::new, |one| {
            format!("{} {}", one.head.seq, one.head.hash)
        });
        return Ok(Err(trail.broken(
            "entry of the given head",
            due,
            "another or none".to_owned(),
        )));
    }
    Ok(sealed(trail, seal, witness))
}

/// Whether the entry of a head was removed with that gap; the last hash of the gap must be the head's, if it is its.
pub(crate) fn is_within(gap: &SignedGap, witness: &SignedHead) -> bool {
    let (links, head) = (&gap.links, &witness.head);
    (links.first..links.last).contains(&head.seq)
        || (links.last == head.seq && links.hash == head.hash)
}

/// Holds the end of an export against its seal.
fn sealed(
    trail: TrailVerifier,
    seal: Option<Option<SignedHead>>,
    witness: Option<&SignedHead>,
) -> std::result::Result<TrailSummary, BrokenLink> {
    let Some(seal) = seal else {
        let due = "the line with the seal".to_owned();
        return Err(trail.broken("end of the export", due, "the end of the file".to_owned()));
    };
    let Some(SignedHead {
        head, public_key, ..
    }) = seal
    else {
        let due = "a signed head".to_owned();
        return Err(trail.broken("signature of the seal", due, "another".to_owned()));
    };
    if Some(head.seq) != trail.seq || head.hash != trail.head {
        let due = format!("{} {}", head.seq, head.hash);
        let seen = format!("{} {}", trail.row, trail.head);
        return Err(trail.broken("end of the trail", due, seen));
    }
    trail.check_gaps(&public_key)?;
    if let Some(witness) = witness {
        if witness.public_key != public_key {
            let due = witness.public_key.clone();
            return Err(trail.broken("key of the seal", due, public_key));
        }
        if witness.head.number > head.number {
            let due = format!("at least {}", witness.head.number);
            return Err(trail.broken("number of the seal", due, head.number.to_string()));
        }
    }
    let mut summary = trail.end();
    summary.number = Some(head.number);
    Ok(summary)
}

impl Store {
    /// Passes the lines of an export to `write`, as the trail is at one moment: entries and gaps in order, and the seal.
    /// It ends early when `write` says that it could not.
    ///
    /// # Errors
    /// When the store cannot be read, or the trail is not one to vouch for.
    pub fn export(&self, mut write: impl FnMut(&Value) -> bool) -> Result<()> {
        self.at_one_moment(|| {
            let signed = self.signed_head()?;
            let gaps = self.read(|db| Ok(gaps(db, Strand::Audit)?))?;
            let mut gaps = gaps.into_iter().peekable();
            let mut after = 0;
            loop {
                let found = self.audit(&AuditFilter::default(), after, PAGE_MAX)?;
                for entry in &found {
                    after = entry["entry"]["seq"].as_u64().unwrap_or(u64::MAX);
                    while let Some(gap) = gaps.next_if(|gap| gap.links.first < after) {
                        if !write(&json!({"gap": gap.json()})) {
                            return Ok(());
                        }
                    }
                    if !write(entry) {
                        return Ok(());
                    }
                }
                if found.is_empty() {
                    write(&json!({"seal": signed.json()}));
                    return Ok(());
                }
            }
        })
    }

    /// Takes all entries and gaps in order, until a break.
    pub(crate) fn walk_audit(
        &self,
        trail: &mut TrailVerifier,
    ) -> Result<std::result::Result<(), BrokenLink>> {
        self.read(|db| {
            let mut gaps = gaps(db, Strand::Audit)?.into_iter().peekable();
            let mut query =
                db.prepare_cached("SELECT seq, prev, hash, body FROM audit ORDER BY seq")?;
            let mut rows = query.query([])?;
            while let Some(row) = rows.next()? {
                let seq: u64 = row.get(0)?;
                let text =
                    |column| -> Result<_> { Ok(String::from_utf8_lossy(bytes_of(row, column)?)) };
                let (prev, own, body) = (text(1)?, text(2)?, bytes_of(row, 3)?);
                while let Some(gap) = gaps.next_if(|gap| gap.links.first < seq) {
                    if let Err(broken) = trail.pass(&gap) {
                        return Ok(Err(broken));
                    }
                }
                if let Err(broken) = trail.step(seq, &prev, &own, body) {
                    return Ok(Err(broken));
                }
            }
            Ok(gaps.try_for_each(|gap| trail.pass(&gap)))
        })
    }

    /// The last entry of that kind of one exchange, as it is exported.
    ///
    /// # Errors
    /// When the store fails.
    pub fn last_audit(&self, exchange: &str, kind: &str) -> Result<Option<Value>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT seq, body FROM audit WHERE exchange=?1 AND kind=?2 ORDER BY seq DESC LIMIT 1",
            )?;
            let mut rows = query.query([exchange, kind])?;
            let Some(row) = rows.next()? else {
                return Ok(None);
            };
            Ok(Some(readable(row.get(0)?, bytes_of(row, 1)?)?))
        })
    }

    /// Entries after a number, as they are exported.
    pub fn audit(&self, filter: &AuditFilter<'_>, after: u64, limit: usize) -> Result<Vec<Value>> {
        let AuditFilter { tenant, of, kind } = filter;
        let by = tenant.map_or("?4 IS NULL", |_| "tenant = ?4");
        self.read(|db| {
            let mut query = db.prepare_cached(&format!(
                "SELECT prev, hash, body, seq FROM audit
                 WHERE seq > ?1 AND (?2 IS NULL OR correlation=?2 OR exchange=?2) AND (?3 IS NULL OR kind=?3) AND {by}
                 ORDER BY seq LIMIT ?5",
            ))?;
            let mut rows = query.query(params![after, of, kind, tenant, limit])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let text = |column| bytes_of(row, column).map(String::from_utf8_lossy);
                let (prev, own) = (text(0)?, text(1)?);
                let entry = readable(row.get(3)?, bytes_of(row, 2)?)?;
                found.push(json!({"prev": prev, "hash": own, "entry": entry}));
            }
            Ok(found)
        })
    }
}

/// An entry as JSON; one that is none is a break of the trail.
fn readable(seq: u64, body: &[u8]) -> Result<Value> {
    serde_json::from_slice(body).map_err(|_| {
        StoreError::Broken(BrokenLink {
            seq,
            place: AUDIT_TABLE,
            row: seq,
            what: "text of the entry",
            expected: "JSON".to_owned(),
            seen: format!("{} damaged bytes", body.len()),
        })
    })
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
            trail.step(*seq, prev, own, body.as_bytes())?;
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
