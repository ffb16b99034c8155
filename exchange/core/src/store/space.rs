//! The space for payloads: what is kept and what is being received count alike.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::error::{Result, StoreError};

/// The bytes that payloads may have, and have.
pub(super) struct Space {
    max: u64,
    /// Counted when the first payload is received or removed.
    used: OnceLock<Arc<AtomicU64>>,
}

impl Space {
    /// So many bytes.
    pub(super) fn of(max: u64) -> Self {
        Self {
            max,
            used: OnceLock::new(),
        }
    }

    /// The bytes in use; `count` is asked once.
    pub(super) fn used(&self, count: impl FnOnce() -> Result<u64>) -> Result<Arc<AtomicU64>> {
        if let Some(used) = self.used.get() {
            return Ok(Arc::clone(used));
        }
        let counted = Arc::new(AtomicU64::new(count()?));
        Ok(Arc::clone(self.used.get_or_init(|| counted)))
    }

    /// How many of 100 parts so many bytes are.
    pub(super) fn percent(&self, used: u64) -> u64 {
        used.saturating_mul(100) / self.max.max(1)
    }

    /// A file to receive a payload in, with its name.
    ///
    /// # Errors
    /// [`StoreError::Full`] when the payloads have used up their space.
    pub(super) fn receive(&self, folder: &Path, used: Arc<AtomicU64>) -> Result<Receiving> {
        if used.load(Ordering::Relaxed) >= self.max {
            return Err(StoreError::Full);
        }
        let name = format!("{RECEIVING}{}", uuid::Uuid::new_v4().simple());
        let path = folder.join(name);
        let file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        Ok(Receiving {
            path,
            file,
            bytes: 0,
            max: self.max,
            used,
        })
    }
}

/// How names of files begin that are being received.
pub(super) const RECEIVING: &str = "receiving-";

/// A payload that is being received. Its file vanishes with it unless it is kept.
#[derive(Debug)]
pub struct Receiving {
    path: PathBuf,
    file: File,
    /// Those that count as used for it.
    bytes: u64,
    max: u64,
    used: Arc<AtomicU64>,
}

impl Receiving {
    /// Adds a piece.
    ///
    /// # Errors
    /// [`StoreError::Full`] when it has no space beside all other payloads; or when the disk fails.
    pub fn write(&mut self, piece: &[u8]) -> Result<()> {
        let more = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        self.bytes += more;
        if self.used.fetch_add(more, Ordering::Relaxed) + more > self.max {
            return Err(StoreError::Full);
        }
        Ok(self.file.write_all(piece)?)
    }

    /// Waits until the disk has it.
    pub(super) fn sync(&self) -> Result<()> {
        Ok(self.file.sync_all()?)
    }

    /// Moves it to its place; one that is there already is the same, and counts once.
    pub(super) fn keep(mut self, place: &Path) -> Result<()> {
        let is_there = place.exists();
        fs::rename(&self.path, place)?;
        if !is_there {
            self.bytes = 0;
        }
        Ok(())
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        self.used.fetch_sub(self.bytes, Ordering::Relaxed);
        // It is not there any more when it was kept.
        fs::remove_file(&self.path).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_received_counts_until_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let space = Space::of(10);
        let used = space.used(|| Ok(3)).unwrap();
        let mut first = space.receive(folder.path(), Arc::clone(&used)).unwrap();
        first.write(&[0; 5]).unwrap();
        let mut second = space.receive(folder.path(), Arc::clone(&used)).unwrap();
        assert!(matches!(second.write(&[0; 3]), Err(StoreError::Full)));
        assert!(matches!(
            space.receive(folder.path(), Arc::clone(&used)),
            Err(StoreError::Full)
        ));
        drop(second);
        assert_eq!(used.load(Ordering::Relaxed), 8);
        let place = folder.path().join("kept");
        first.keep(&place).unwrap();
        let mut again = space.receive(folder.path(), Arc::clone(&used)).unwrap();
        again.write(&[0; 2]).unwrap();
        again.keep(&place).unwrap();
        assert_eq!(used.load(Ordering::Relaxed), 8);
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 1);
    }
}
