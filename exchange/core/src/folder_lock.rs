//! The lock of a state folder: one core at a time, and who holds it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::Path;

/// The file in the state folder; its first line is the process that holds it.
const FILE: &str = "core.lock";

/// The lock, held until it is dropped.
pub struct FolderLock(#[expect(dead_code, reason = "the open file holds the lock")] File);

/// Why a folder was not locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it: two cores would do each step twice.
    #[error("a core {0}runs on it")]
    Taken(Holder),
    /// The file of the lock cannot be used.
    #[error("core.lock cannot be used: {0}")]
    File(#[from] io::Error),
}

/// The process that holds a lock, as far as it said so.
#[derive(Debug, PartialEq, Eq)]
pub struct Holder(Option<u32>);

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0
            .map_or(Ok(()), |process| write!(f, "(process {process}) "))
    }
}

impl FolderLock {
    /// Locks a folder, which must be there.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn take(folder: &Path) -> Result<Self, LockError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(folder.join(FILE))?;
        if file.try_lock().is_err() {
            let mut said = String::new();
            file.read_to_string(&mut said)?;
            return Err(LockError::Taken(Holder(said.trim().parse().ok())));
        }
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Self(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_which_process_was_first() {
        let folder = tempfile::tempdir().unwrap();
        let first = FolderLock::take(folder.path()).unwrap();
        let refused = FolderLock::take(folder.path()).err().unwrap().to_string();
        let own = std::process::id();
        assert_eq!(refused, format!("a core (process {own}) runs on it"));
        drop(first);
        FolderLock::take(folder.path()).unwrap();
    }
}
