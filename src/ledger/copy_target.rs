//! Where a copy of a ledger may be written: never over a ledger, the files next to it, or anything that is no copy.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::copy_identity::identity;
use super::error::{LedgerError, SCHEMA_VERSION};
use super::paths::{NEW, PARTIAL, with_ending};
use super::trace::{BEFORE_RESTORE, LOCK, TRACE};

/// What a copy does with a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and there is no copy.
    Keep,
    /// It is replaced where it is a copy of a ledger.
    ReplaceCopy,
}

const ANOTHER: &str = "Name another file for the copy";

/// Whether a copy of a ledger may have this name.
///
/// # Errors
/// It may not: it names the ledger, a file that belongs to one, something that is no file, or a file that stays.
pub(super) fn check(ledger: &Path, to: &Path, existing: Existing) -> Result<(), LedgerError> {
    let refused = |why: &str, help: &'static str| {
        Err(LedgerError::FileRefused {
            path: to.display().to_string(),
            why: why.to_owned(),
            help,
        })
    };
    if is_of(ledger, to) || is_of(ledger, &with_ending(to, PARTIAL)) {
        return refused("is the ledger itself or belongs to it", ANOTHER);
    }
    let Ok(found) = std::fs::symlink_metadata(to) else {
        // Whether it can be written is said by writing it.
        return Ok(());
    };
    if !found.is_file() {
        return refused("is no regular file", ANOTHER);
    }
    if existing == Existing::Keep {
        return refused(
            "is there already",
            "Name another file for the copy, or replace an older copy with --force",
        );
    }
    if with_ending(to, LOCK).exists() {
        return refused(
            "is a ledger that an agent writes, as the lock file next to it says",
            ANOTHER,
        );
    }
    if identity(to).is_err() {
        return refused("is no copy of a ledger, so it stays as it is", ANOTHER);
    }
    Ok(())
}

/// Whether a path is that of a ledger, or of a file that stands next to it or may do so.
fn is_of(ledger: &Path, file: &Path) -> bool {
    let mut endings: Vec<String> = ["", "-wal", "-shm", "-journal", LOCK, TRACE, NEW, ".token"]
        .map(str::to_owned)
        .to_vec();
    endings.extend((1..SCHEMA_VERSION).map(|version| format!(".schema-{version}")));
    let name = resolved(file);
    let linked = std::fs::canonicalize(ledger).unwrap_or_else(|_| ledger.to_owned());
    [ledger, linked.as_path()].into_iter().any(|ledger| {
        let kept = resolved(&with_ending(ledger, BEFORE_RESTORE));
        let name = name.as_os_str().as_encoded_bytes();
        name.starts_with(kept.as_os_str().as_encoded_bytes())
            || endings
                .iter()
                .any(|ending| is_same(&with_ending(ledger, ending), file))
    })
}

/// Whether two paths lead to the same file, or will once there is one.
pub(super) fn is_same(one: &Path, other: &Path) -> bool {
    let inode = inode(one);
    resolved(one) == resolved(other) || (inode.is_some() && self::inode(other) == inode)
}

/// The path with every link in its folder followed, where there is such a folder.
fn resolved(path: &Path) -> PathBuf {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = std::fs::canonicalize(folder.unwrap_or(Path::new(".")));
    match (folder, path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        (Ok(_) | Err(_), _) => path.to_owned(),
    }
}

/// Which file a path leads to, by whatever name; none where there is none.
fn inode(path: &Path) -> Option<(u64, u64)> {
    let of = |found: Metadata| (found.dev(), found.ino());
    std::fs::metadata(path).ok().map(of)
}
