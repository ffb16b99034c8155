//! The file `events.ndjson`, which follows the events of the store: events that a crash left out of it are added at
//! the next start, and half a line is cut off.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::sync::{Mutex, PoisonError};

use rusqlite::params;
use serde_json::Value;

use super::store::{Result, Store};

/// The file in the state folder.
pub const FILE: &str = "events.ndjson";
/// Most events that are added to the file at a time.
const BATCH: usize = 1_000;

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
pub struct Follower(Mutex<(File, u64)>);

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
            .open(path)?;
        let (mut whole, mut last) = (0, 0);
        let mut reader = BufReader::new(&mut file);
        let mut line = String::new();
        loop {
            line.clear();
            let read = reader.read_line(&mut line)?;
            if read == 0 || !line.ends_with('\n') {
                break;
            }
            let event: Value = serde_json::from_str(&line).unwrap_or_default();
            let Some(seq) = event["id"].as_str().and_then(|id| id.parse().ok()) else {
                break;
            };
            whole += u64::try_from(read).unwrap_or_default();
            last = seq;
        }
        file.set_len(whole)?;
        file.seek(SeekFrom::End(0))?;
        Ok(Self(Mutex::new((file, last))))
    }

    /// Adds to the file what is in the store and not yet in the file.
    ///
    /// # Errors
    /// When it cannot be written; what is missing is added the next time.
    pub fn follow(&self, store: &Store) -> Result<()> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, last) = &mut *held;
        loop {
            let batch = store.events(None, *last, BATCH)?;
            let Some((end, _)) = batch.last() else {
                return Ok(());
            };
            let text: String = batch.iter().map(|(_, body)| format!("{body}\n")).collect();
            let before = file.stream_position()?;
            if let Err(error) = file.write_all(text.as_bytes()) {
                file.set_len(before)?;
                file.seek(SeekFrom::End(0))?;
                return Err(error.into());
            }
            *last = *end;
        }
    }
}
