//! Names of files next to a ledger, and durable changes of them.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Behind the name of a ledger that is built next to the one in use.
pub(super) const NEW: &str = ".new";
/// Behind the name of a copy that is not whole yet.
pub(super) const PARTIAL: &str = ".partial";

/// A file's name with something behind it.
pub(super) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// The folder of a file.
pub(super) fn folder_of(path: &Path) -> &Path {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// Makes the names in a file's folder durable.
pub(super) fn sync_folder(path: &Path) -> std::io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

/// Removes a file that is not whole, and its logs.
pub(super) fn remove(file: &Path) {
    for ending in ["", "-journal", "-wal", "-shm"] {
        // It is there only after a crash.
        let _absent = std::fs::remove_file(with_ending(file, ending));
    }
}
