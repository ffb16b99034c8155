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

/// Holds the table of payloads against the trail, both ways: each entry has its row, and each row its entry.
fn payload_rows(store: &Store) -> Checked<()> {
    const ROWS: [(&str, &str, &str); 3] = [
        (
            "SELECT a.seq, 'none' FROM audit a WHERE a.kind='payload'
            AND NOT EXISTS (SELECT 1 FROM payload p WHERE p.exchange=a.exchange
                AND p.n=json_extract(a.body,'$.detail.n') AND p.sha256=json_extract(a.body,'$.detail.sha256'))
            ORDER BY a.seq LIMIT 1",
            "row of a payload",
            "a row in table payload with the hash in the entry",
        ),
        // Exchanges of an edition that wrote no such entries have none to hold against.
        (
            "SELECT max(a.seq), p.sha256 FROM payload p JOIN audit a ON a.exchange=p.exchange AND a.kind='payload'
            WHERE p.sha256 IS NOT NULL GROUP BY p.exchange, p.n
            HAVING sum(json_extract(a.body,'$.detail.n')=p.n AND json_extract(a.body,'$.detail.sha256')=p.sha256)=0 LIMIT 1",
            "hash of a payload",
            "a payload that the trail names",
        ),
        // What retention removed is named by the trail.
        (
            "SELECT max(a.seq), p.sha256 FROM payload p JOIN audit a ON a.exchange=p.exchange WHERE p.purged_ms IS NOT NULL
            GROUP BY p.exchange, p.n HAVING sum(a.kind='purge')=0 LIMIT 1",
            "removed payload",
            "an entry that retention removed it",
        ),
    ];
    for (sql, what, due) in ROWS {
        let found: Option<(u64, String)> = store.read(|db| {
            let found = db.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)));
            Ok(found.optional()?)
        })?;
        if let Some((seq, seen)) = found {
            return Ok(Err(at_end(seq, seq, what, due.to_owned(), seen)));
        }
    }
    Ok(Ok(()))
}

/// Verifies at the start of a core what it would otherwise build on: every link of the trail, and that each payload
/// that the trail names has its row, without which its file would be swept. A break stops the trail.
///
/// # Errors
/// When the store cannot be read.
pub fn check_start(store: &Store) -> Result<()> {
    if store.broken_trail()?.is_some() {
        return Ok(());
    }
    let links = store.walk_audit(&mut TrailVerifier::whole())?;
    let checked = match links {
        Ok(()) => payload_rows(store)?,
        Err(broken) => Err(broken),
    };
    if let Err(broken) = checked {
        store.stop_trail(broken);
    }
    Ok(())
}

/// Holds each payload file against its name; how many there are.
fn payloads(store: &Store) -> Checked<u64> {
    sound!(payload_rows(store));
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
            let seq = named_by(store, &sha256)?;
            return Ok(Err(at_end(seq, seq, "payload file", sha256, seen)));
        }
    }
    Ok(Ok(row))
}

/// The first entry that names a payload of that hash; 0 where an edition wrote none.
fn named_by(store: &Store, sha256: &str) -> Result<u64> {
    let sql = "SELECT coalesce(min(seq), 0) FROM audit WHERE kind='payload' AND json_extract(body,'$.detail.sha256')=?1";
    store.read(|db| Ok(db.query_row(sql, [sha256], |row| row.get(0))?))
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
