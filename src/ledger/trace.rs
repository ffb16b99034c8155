//! What says that a ledger was here once it is gone.

use std::io::Write;
use std::path::Path;

use super::error::SCHEMA_VERSION;
use super::paths::{folder_of, with_ending};
use super::private;

/// What the lock file's name has behind the ledger's.
pub(super) const LOCK: &str = ".lock";
/// The same of the file that says that a ledger was here.
pub(super) const TRACE: &str = ".trace";
/// Begins what the name of a file has behind the ledger's that was kept when a copy was put in its place.
pub(super) const BEFORE_RESTORE: &str = ".before-restore";
/// What else may be left of a ledger next to its place.
const LEFT: [&str; 4] = [TRACE, "-wal", "-shm", "-journal"];
const TRACE_TEXT: &str = "An Outrider ledger is or was here. If it and its lock file are gone and this file is not, \
    journeys that carry members stay paused until a person resumes them: remove this file only to begin again.\n";

/// Whether anything says that a ledger was here: its lock file with something in it, its log, a copy that a migration
/// or putting back another copy kept, or the trace that each opening leaves. A lock file without a checkpoint is of a
/// first start that came to nothing.
pub(super) fn is_known(path: &Path) -> bool {
    let size = |ending: &str| std::fs::metadata(with_ending(path, ending)).map(|file| file.len());
    let kept = (1..SCHEMA_VERSION).map(|version| format!(".schema-{version}"));
    size(LOCK).is_ok_and(|bytes| bytes > 0)
        || LEFT.iter().any(|ending| size(ending).is_ok())
        || kept.into_iter().any(|ending| size(&ending).is_ok())
        || is_kept_before_restore(path)
}

/// Whether a file of any number is there that was kept when a copy was put in the ledger's place.
fn is_kept_before_restore(path: &Path) -> bool {
    let first = with_ending(path, BEFORE_RESTORE);
    let entries = std::fs::read_dir(folder_of(path));
    let names = entries.into_iter().flatten().flatten();
    let begin = first.file_name().unwrap_or_default().as_encoded_bytes();
    names
        .map(|entry| entry.file_name())
        .any(|name| name.as_encoded_bytes().starts_with(begin))
}

/// Leaves a file that says that a ledger is here, in case that both it and its lock file are lost.
pub(super) fn leave_trace(path: &Path) -> std::io::Result<()> {
    let trace = with_ending(path, TRACE);
    if trace.exists() {
        return Ok(());
    }
    let mut file = private::options().write(true).create(true).open(trace)?;
    file.write_all(TRACE_TEXT.as_bytes())
}
