//! The file of heads, outside of the database: one signed line a change of the trail, the newest last. It shows when
//! the database is gone, emptied or older than it was.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::head::SignedHead;

/// The file in the state folder.
pub const HEADS_FILE: &str = "core.heads";
const LOCK_FILE: &str = "core.heads.lock";
/// From this size on older days are thinned to one line each.
const BYTES_MAX: u64 = 1024 * 1024;
/// Most lines of today that stay when the file is thinned.
const LINES_KEPT: usize = 500;

/// The file, and its newest head.
pub struct Heads {
    folder: PathBuf,
    state: Mutex<State>,
}

struct State {
    last: SignedHead,
    thin_at: u64,
}

impl Heads {
    /// Whether the folder has one.
    pub fn exists(folder: &Path) -> bool {
        folder.join(HEADS_FILE).exists()
    }

    /// The file of that folder; none when its last whole line is no head with a good signature.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn open(folder: &Path) -> io::Result<Option<Self>> {
        let text = std::fs::read_to_string(folder.join(HEADS_FILE))?;
        let last = lines(&text).last().and_then(read);
        Ok(last.map(|last| Self::of(folder, last, text.len())))
    }

    /// Begins the file with a head.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(folder: &Path, head: &SignedHead) -> io::Result<()> {
        replace(folder, &format!("{}\n", head.json()))
    }

    fn of(folder: &Path, last: SignedHead, length: usize) -> Self {
        let length = u64::try_from(length).unwrap_or(BYTES_MAX);
        Self {
            folder: folder.to_owned(),
            state: Mutex::new(State {
                last,
                thin_at: BYTES_MAX.max(length.saturating_mul(2)),
            }),
        }
    }

    /// The newest head that this process knows.
    pub fn last(&self) -> SignedHead {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.last.clone()
    }

    /// Adds a head. It comes after the commit: a crash between leaves the database ahead, which is no break.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&self, head: SignedHead) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // A command of the same state folder may write at the same time.
        let lock = File::create(self.folder.join(LOCK_FILE))?;
        lock.lock()?;
        let path = self.folder.join(HEADS_FILE);
        let mut file = OpenOptions::new().append(true).open(&path)?;
        file.write_all(format!("{}\n", head.json()).as_bytes())?;
        let length = file.metadata()?.len();
        state.last = head;
        if length > state.thin_at {
            let thinned = thinned(&std::fs::read_to_string(&path)?);
            replace(&self.folder, &thinned)?;
            let length = u64::try_from(thinned.len()).unwrap_or(BYTES_MAX);
            state.thin_at = BYTES_MAX.max(length.saturating_mul(2));
        }
        Ok(())
    }
}

/// Whole lines: what a crash left half written at the end is none.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines()
}

fn read(line: &str) -> Option<SignedHead> {
    let value: Value = serde_json::from_str(line).ok()?;
    SignedHead::read(&value)
}

/// The last line of each day, and the newest lines.
fn thinned(text: &str) -> String {
    let all: Vec<&str> = lines(text).collect();
    let day = |line: &str| -> Option<String> {
        let value: Value = serde_json::from_str(line).ok()?;
        value["at"].as_str()?.get(..10).map(str::to_owned)
    };
    let newest = all.len().saturating_sub(LINES_KEPT);
    let mut kept = String::new();
    for (n, line) in all.iter().enumerate() {
        let next = all.get(n + 1).and_then(|next| day(next));
        if n >= newest || day(line) != next {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

fn replace(folder: &Path, text: &str) -> io::Result<()> {
    let made = folder.join("core.heads.new");
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&made)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&made, folder.join(HEADS_FILE))?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_days_keep_their_last_line() {
        let line = |day: u32, n: u32| format!("{{\"at\":\"2026-11-{day:02}T\",\"n\":{n}}}\n");
        let mut text: String = (1..=3)
            .flat_map(|day| (0..1_000).map(move |n| line(day, n)))
            .collect();
        text.push_str("{\"half");
        let kept = thinned(&text);
        assert_eq!(kept.lines().count(), 2 + LINES_KEPT);
        assert!(kept.starts_with(&line(1, 999)) && kept.ends_with(&line(3, 999)));
    }
}
