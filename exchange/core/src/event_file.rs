//! The file `events.ndjson`, which follows the events of the store: events that a crash left out of it are added at
//! the next start, half a line is cut off, and events that retention has removed leave it in time.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::{Mutex, PoisonError};

use rusqlite::params;
use serde_json::Value;

use super::store::{Result, Store};

/// The file in the state folder.
pub const FILE: &str = "events.ndjson";
/// Most events that are added to the file at a time.
const BATCH: usize = 1_000;
/// So many lines of removed events stay in the file at least.
const GONE_MAX: u64 = 1_000;

impl Store {
    /// Events after a number, with theirs: of a tenant, or all.
    pub fn events(
        &self,
        tenant: Option<&str>,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, String)>> {
        let by = tenant.map_or("?2 IS NULL", |_| "tenant = ?2");
        self.read(|db| {
            let mut query = db.prepare_cached(&format!(
                "SELECT seq, body FROM event WHERE seq > ?1 AND {by} ORDER BY seq LIMIT ?3",
            ))?;
            let rows = query.query_map(params![after, tenant, limit], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}

/// The file of events, kept up with the store.
pub struct Follower(Mutex<EventFile>);

struct EventFile {
    file: File,
    /// Number of the last event in it.
    last: u64,
    lines: u64,
    /// Lines of events that retention has removed from the store.
    gone: u64,
}

impl Follower {
    /// Opens the file, and finds out how far it goes.
    ///
    /// # Errors
    /// When the file can be neither read nor written.
    pub fn open(store: &Store) -> Result<Self> {
        let path = store.folder().join(FILE);
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)?;
        let (mut whole, mut last, mut lines) = (0, 0, 0_u64);
        let mut reader = BufReader::new(&mut file);
        let mut line = String::new();
        loop {
            line.clear();
            let read = reader.read_line(&mut line)?;
            if read == 0 || !line.ends_with('\n') {
                break;
            }
            let Some(seq) = number(&line) else {
                break;
            };
            whole += u64::try_from(read).unwrap_or_default();
            last = seq;
            lines += 1;
        }
        file.set_len(whole)?;
        file.seek(SeekFrom::End(0))?;
        let gone = lines.saturating_sub(kept(store, last)?);
        Ok(Self(Mutex::new(EventFile {
            file,
            last,
            lines,
            gone,
        })))
    }

    /// Adds to the file what is in the store and not yet in the file.
    ///
    /// # Errors
    /// When it cannot be written; what is missing is added the next time.
    pub fn follow(&self, store: &Store) -> Result<()> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.follow(store)
    }

    /// Retention has removed so many events. Once they are most of the file it is written again without them, under
    /// the same name.
    ///
    /// # Errors
    /// When it cannot be written; it stays as it is then.
    pub fn forget(&self, store: &Store, events: u64) -> Result<()> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.gone += events;
        if held.gone > GONE_MAX.max(held.lines / 2) {
            *held = written(store)?;
        }
        Ok(())
    }
}

impl EventFile {
    fn follow(&mut self, store: &Store) -> Result<()> {
        loop {
            let batch = store.events(None, self.last, BATCH)?;
            let Some((end, _)) = batch.last() else {
                return Ok(());
            };
            let text: String = batch.iter().map(|(_, body)| format!("{body}\n")).collect();
            let before = self.file.stream_position()?;
            if let Err(error) = self.file.write_all(text.as_bytes()) {
                self.file.set_len(before)?;
                self.file.seek(SeekFrom::End(0))?;
                return Err(error.into());
            }
            self.last = *end;
            self.lines += u64::try_from(batch.len()).unwrap_or_default();
        }
    }
}

/// The number of the event on a line of the file.
pub(crate) fn number(line: &str) -> Option<u64> {
    let event: Value = serde_json::from_str(line).unwrap_or_default();
    event["id"].as_str()?.parse().ok()
}

/// How many events of the store the file may have up to that number.
fn kept(store: &Store, last: u64) -> Result<u64> {
    store.read(|db| {
        let mut query = db.prepare_cached("SELECT count(*) FROM event WHERE seq <= ?1")?;
        Ok(query.query_row([last], |row| row.get(0))?)
    })
}

/// Writes the file again with the events that the store has.
fn written(store: &Store) -> Result<EventFile> {
    let made = store.folder().join(format!("{FILE}.new"));
    let mut options = OpenOptions::new();
    let file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&made)?;
    let mut events = EventFile {
        file,
        last: 0,
        lines: 0,
        gone: 0,
    };
    events.follow(store)?;
    events.file.sync_all()?;
    std::fs::rename(&made, store.folder().join(FILE))?;
    Ok(events)
}

/// Writes the file again as the store has it, after an older database was put back.
///
/// # Errors
/// When it cannot be written.
pub fn rewrite(store: &Store) -> Result<()> {
    written(store).map(|_| ())
}
