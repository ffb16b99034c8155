//! Verifies everything that a state folder keeps as proof: the trail and its seal, the heads that were given out, the
//! events with `events.ndjson`, and the payload files.

use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind};

use aws_lc_rs::digest::{Context, SHA256};
use rusqlite::OptionalExtension as _;

use crate::audit::{AUDIT_TABLE, BrokenLink, Head, Seal, SignedHead, Strand, fold_events, gap_at};
use crate::event_file::{FILE, number};
use crate::store::{Result, Store};
use crate::trail::{TrailSummary, TrailVerifier};

type Checked<T> = Result<std::result::Result<T, BrokenLink>>;

/// Continues with what holds, and gives back the break otherwise.
macro_rules! sound {
    ($checked:expr) => {
        match $checked? {
            Ok(done) => done,
            Err(broken) => return Ok(Err(broken)),
        }
    };
}

/// Verifies a state folder. `witness` is a head that was taken before and kept elsewhere.
///
/// # Errors
/// When the store cannot be read. A broken link is an answer.
pub fn verify_store(store: &Store, witness: Option<&SignedHead>) -> Checked<TrailSummary> {
    let trail = sound!(store.at_one_moment(|| trail(store, witness)));
    // Files follow the table: they are held against it as it is by now.
    sound!(event_file(store));
    let payloads = sound!(payloads(store));
    Ok(Ok(TrailSummary { payloads, ..trail }))
}

/// Verifies the trail, its seal, the heads that were given out, and the events.
fn trail(store: &Store, witness: Option<&SignedHead>) -> Checked<TrailSummary> {
    let mut trail = TrailVerifier::whole();
    sound!(store.walk_audit(&mut trail));
    if let Err(broken) = trail.check_gaps(&store.keys().public_key()) {
        return Ok(Err(broken));
    }
    sound!(index(store));
    let seal = store.read(|db| Ok(Seal::read(db)?))?;
    let end = trail.end();
    let last = end.entries + end.purged;
    let Some(seal) = seal else {
        return Ok(if last == 0 {
            Ok(end)
        } else {
            let broken = TrailVerifier::whole();
            Err(broken.broken("seal of the trail", "a seal".to_owned(), "none".to_owned()))
        });
    };
    let Head {
        seq, hash, number, ..
    } = &seal.head;
    let wrong = |row, what, due: String, seen| Ok(Err(at_end(*seq, row, what, due, seen)));
    if *seq != last || *hash != end.head {
        let (due, seen) = (format!("{seq} {hash}"), format!("{last} {}", end.head));
        return wrong(last, "end of the trail", due, seen);
    }
    if let Some((due, seen)) = seal.forged(store.keys()) {
        return wrong(*seq, "seal of the trail", due, seen);
    }
    for one in std::iter::once(store.newest_head()).chain(witness.cloned()) {
        let own = store.keys().public_key();
        if one.public_key != own {
            return wrong(*seq, "key of the seal", one.public_key, own);
        }
        if one.head.number > *number {
            let due = format!("at least {}", one.head.number);
            return wrong(*seq, "number of the seal", due, number.to_string());
        }
        if let Some(broken) = store.rewritten(&one.head)? {
            return Ok(Err(broken));
        }
    }
    let events = sound!(events(store, &seal));
    let number = Some(*number);
    Ok(Ok(TrailSummary {
        number,
        events,
        ..end
    }))
}

fn at_end(seq: u64, row: u64, what: &'static str, expected: String, seen: String) -> BrokenLink {
    BrokenLink {
        seq,
        place: AUDIT_TABLE,
        row,
        what,
        expected,
        seen,
    }
}

/// The columns by which entries are found must say what the entries say.
fn index(store: &Store) -> Checked<()> {
    let differs = "SELECT seq FROM audit WHERE kind IS NOT json_extract(body,'$.kind')
        OR exchange IS NOT json_extract(body,'$.exchange') OR correlation IS NOT json_extract(body,'$.correlation_id')
        OR tenant IS NOT coalesce(json_extract(body,'$.tenant'), tenant) ORDER BY seq LIMIT 1";
    let found: Option<u64> =
        store.read(|db| Ok(db.query_row(differs, [], |row| row.get(0)).optional()?))?;
    Ok(found.map_or(Ok(()), |seq| {
        let (due, seen) = ("as in the entry".to_owned(), "another".to_owned());
        Err(at_end(seq, seq, "index of the entry", due, seen))
    }))
}

/// Holds the events against the seal; how many there are.
fn events(store: &Store, seal: &Seal) -> Checked<u64> {
    let (last, hash) = store.read(|db| Ok(fold_events(db, store.keys())?))?;
    let head = &seal.head;
    if head.number > 0 && (head.events != last || head.events_hash != hash) {
        return Ok(Err(BrokenLink {
            seq: head.seq,
            place: "core.sqlite, table event, row",
            row: last,
            what: "events up to the seal",
            expected: format!("{} {}", head.events, head.events_hash),
            seen: format!("{last} {hash}"),
        }));
    }
    Ok(Ok(last))
}

/// Holds each whole line of `events.ndjson` against its event.
fn event_file(store: &Store) -> Checked<()> {
    let file = match File::open(store.folder().join(FILE)) {
        Ok(file) => file,
        // It is written again from the database at the next start.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Ok(())),
        Err(error) => return Err(error.into()),
    };
    let mut reader = BufReader::new(file);
    let (mut row, mut last, mut line) = (0, 0_u64, String::new());
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some(text) = line.strip_suffix('\n') else {
            return Ok(Ok(()));
        };
        row += 1;
        if is_gone(store, text)? {
            continue;
        }
        let event: Option<(u64, String)> = store.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT seq, body FROM event WHERE seq > ?1 ORDER BY seq LIMIT 1",
            )?;
            let next = query.query_row([last], |row| Ok((row.get(0)?, row.get(1)?)));
            Ok(next.optional()?)
        })?;
        last = event.as_ref().map_or(last, |(seq, _)| *seq);
        if event.as_ref().map(|(_, body)| body.as_str()) != Some(text) {
            return Ok(Err(BrokenLink {
                seq: row,
                place: "events.ndjson, line",
                row,
                what: "line of events.ndjson",
                expected: event.map_or_else(
                    || "none".to_owned(),
                    |_| "the event as it was sealed".to_owned(),
                ),
                seen: "another text".to_owned(),
            }));
        }
    }
}

/// Whether a line is about an event that retention has removed; it leaves the file later.
fn is_gone(store: &Store, line: &str) -> Result<bool> {
    let Some(seq) = number(line) else {
        return Ok(false);
    };
    store.read(|db| Ok(gap_at(db, Strand::Events, seq)?.is_some()))
}

/// Holds each payload file against its name, and each name against the trail; how many there are.
fn payloads(store: &Store) -> Checked<u64> {
    // Exchanges of an edition that wrote no such entries have none to hold against.
    let strange = "SELECT sha256 FROM payload p WHERE sha256 IS NOT NULL
        AND EXISTS (SELECT 1 FROM audit a WHERE a.exchange=p.exchange AND a.kind='payload')
        AND NOT EXISTS (SELECT 1 FROM audit a WHERE a.exchange=p.exchange AND a.kind='payload'
            AND json_extract(a.body,'$.detail.n')=p.n AND json_extract(a.body,'$.detail.sha256')=p.sha256) LIMIT 1";
    // What retention removed is named by the trail.
    let unsaid = "SELECT sha256 FROM payload p WHERE purged_ms IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM audit a WHERE a.exchange=p.exchange AND a.kind='purge') LIMIT 1";
    let first = |sql: &str| -> Result<Option<String>> {
        store.read(|db| Ok(db.query_row(sql, [], |row| row.get(0)).optional()?))
    };
    let broken = |row, what, expected, seen| BrokenLink {
        seq: row,
        place: "core.sqlite, table payload, row",
        row,
        what,
        expected,
        seen,
    };
    for (sql, what, due) in [
        (
            strange,
            "hash of a payload",
            "a payload that the trail names",
        ),
        (
            unsaid,
            "removed payload",
            "an entry that retention removed it",
        ),
    ] {
        if let Some(sha256) = first(sql)? {
            return Ok(Err(broken(0, what, due.to_owned(), sha256)));
        }
    }
    let all: Vec<String> = store.read(|db| {
        let mut query = db.prepare_cached(
            "SELECT DISTINCT sha256 FROM payload WHERE sha256 IS NOT NULL AND purged_ms IS NULL ORDER BY sha256",
        )?;
        let rows = query.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    })?;
    let mut row = 0;
    for sha256 in all {
        row += 1;
        let seen = match File::open(store.blob(&sha256)) {
            Ok(file) => sha256_of(file)?,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if !store.is_needed(&sha256)? {
                    // Retention has just removed it.
                    continue;
                }
                "no file".to_owned()
            }
            Err(error) => return Err(error.into()),
        };
        if seen != sha256 {
            return Ok(Err(broken(row, "payload file", sha256, seen)));
        }
    }
    Ok(Ok(row))
}

fn sha256_of(file: File) -> Result<String> {
    let mut reader = BufReader::with_capacity(64 * 1024, file);
    let mut context = Context::new(&SHA256);
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            break;
        }
        let read = bytes.len();
        context.update(bytes);
        reader.consume(read);
    }
    let digest = context.finish();
    Ok(digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}
