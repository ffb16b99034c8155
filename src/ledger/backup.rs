//! Copies of a ledger: taken while an agent writes it, and put back while none does.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode};

use super::checkpoint::{self, Checkpoint, Disclosures, LedgerRollback};
use super::copy_identity::{BUSY_TIMEOUT, identity, open_read_only};
use super::copy_target::{self, Existing};
use super::error::{LedgerError, unavailable};
use super::file::lock;
use super::meta;
use super::paths::{NEW, PARTIAL, remove, sync_folder, with_ending};
use super::private;
use super::trace::BEFORE_RESTORE;

/// Pages copied at a time.
const STEP_PAGES: i32 = 256;

/// What putting back a copy did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Where the file is that was there before; none when there was none.
    pub kept: Option<PathBuf>,
    /// What the next start will find: counters restart at 0 then.
    pub rollback: Option<LedgerRollback>,
}

/// Copies a ledger as it is at one moment, while an agent may write it. The copy has its name once it is whole and
/// durable; before, and after a failure, nothing has that name that was not there. `progress` hears pages done and
/// pages in all.
///
/// # Errors
/// The name is taken, the ledger cannot be read, or the copy cannot be written, such as for want of space.
pub fn back_up(
    ledger: &Path,
    to: &Path,
    existing: Existing,
    progress: impl FnMut(i32, i32),
) -> Result<(), LedgerError> {
    copy_target::check(ledger, to, existing)?;
    let partial = with_ending(to, PARTIAL);
    remove(&partial);
    let copied = copy(ledger, &partial, to, progress)
        // Again, as copying may have taken long.
        .and_then(|()| copy_target::check(ledger, to, existing))
        .and_then(|()| in_place(&partial, to).map_err(|why| failed_copy(to, &why)));
    if copied.is_err() {
        remove(&partial);
    }
    copied
}

/// Puts a copy in the place of a ledger that no agent has open. The file that was there stays next to it.
///
/// # Errors
/// An agent runs, the copy is no sound ledger, or a file cannot be written; the ledger is as it was.
pub fn put_back(
    ledger: &Path,
    from: &Path,
    progress: impl FnMut(i32, i32),
) -> Result<Restored, LedgerError> {
    let mut lock = lock(ledger)?;
    let copy_of = identity(from)?;
    let new = with_ending(ledger, NEW);
    if copy_target::is_same(&new, from) {
        return Err(LedgerError::FileRefused {
            path: from.display().to_string(),
            why: "has the name under which a ledger is built".to_owned(),
            help: "Nothing was changed. Give the copy another name",
        });
    }
    remove(&new);
    let copied = copy(from, &new, ledger, progress);
    if copied.is_err() {
        remove(&new);
    }
    copied?;
    let failed = |why: &(dyn std::error::Error + 'static)| unavailable(ledger, why);
    let kept = if ledger.exists() {
        let before = close_log(ledger)?;
        // So that the next start knows what was exported, also where the lock file did not say.
        if checkpoint::read(&mut lock).is_none()
            && let Some(before) = before
        {
            let (before, open) = before;
            checkpoint::sync(&mut lock, &before, &open).map_err(|why| failed(&why))?;
        }
        let kept = unused_name(ledger);
        std::fs::rename(ledger, &kept).map_err(|why| failed(&why))?;
        for log in ["-wal", "-shm"] {
            // Empty, and of the file that was there.
            let _absent = std::fs::remove_file(with_ending(ledger, log));
        }
        Some(kept)
    } else {
        None
    };
    in_place(&new, ledger).map_err(|why| failed(&why))?;
    let (before, _) = checkpoint::read(&mut lock).unzip();
    let rollback = copy_of.rollback_since(before.as_ref());
    Ok(Restored { kept, rollback })
}

fn failed_copy(to: &Path, why: &(dyn std::error::Error + 'static)) -> LedgerError {
    LedgerError::CopyFailed {
        path: to.display().to_string(),
        why: why.to_string(),
    }
}

/// The name of the file that was there before a copy: none that was kept earlier is replaced.
fn unused_name(ledger: &Path) -> PathBuf {
    let first = with_ending(ledger, BEFORE_RESTORE);
    let later = (2..).map(|number: u64| with_ending(ledger, &format!("{BEFORE_RESTORE}-{number}")));
    std::iter::once(first.clone())
        .chain(later)
        .find(|name| std::fs::symlink_metadata(name).is_err())
        .unwrap_or(first)
}

/// Copies page by page what one moment's reader sees; the writer goes on meanwhile. `named` is the name that the copy
/// is to have.
fn copy(
    from: &Path,
    to: &Path,
    named: &Path,
    mut progress: impl FnMut(i32, i32),
) -> Result<(), LedgerError> {
    let source = open_read_only(from).map_err(|why| unavailable(from, &why))?;
    // Held to the end, else each write of the agent would begin the copy again.
    let moment = source
        .unchecked_transaction()
        .map_err(|why| unavailable(from, &why))?;
    meta::get(&moment, "id").map_err(|why| unavailable(from, &why))?;
    private::make_file(to).map_err(|why| failed_copy(named, &why))?;
    let mut written = || -> rusqlite::Result<()> {
        let mut target = Connection::open(to)?;
        target.query_row("PRAGMA journal_mode = OFF", [], |_| Ok(()))?;
        target.execute_batch("PRAGMA synchronous = OFF")?;
        let backup = Backup::new(&source, &mut target)?;
        loop {
            let step = backup.step(STEP_PAGES)?;
            let at = backup.progress();
            progress(at.pagecount - at.remaining, at.pagecount);
            if step == StepResult::Done {
                break;
            }
            if step != StepResult::More {
                // Nobody else has the target, and the source is read at one moment: no reason to wait for long.
                std::thread::park_timeout(Duration::from_millis(10));
            }
        }
        drop(backup);
        // One file without a log, so that reading the copy leaves nothing next to it.
        target.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))
    };
    written().map_err(|why| failed_copy(named, &why))
}

/// Gives a whole file its name, durably.
fn in_place(partial: &Path, to: &Path) -> std::io::Result<()> {
    File::open(partial)?.sync_all()?;
    std::fs::rename(partial, to)?;
    sync_folder(to)
}

/// Brings what stands in the log next to a ledger into its file; returns which ledger it is and which journeys wait
/// for a person there, where it can be read.
fn close_log(ledger: &Path) -> Result<Option<(Checkpoint, Disclosures)>, LedgerError> {
    let read = || -> rusqlite::Result<Option<(Checkpoint, Disclosures)>> {
        let connection = Connection::open(ledger)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        let commits = meta::number(&connection, "commits")?.unwrap_or(0);
        let id = meta::get(&connection, "id")?;
        // A ledger of an earlier schema names probes otherwise; the file stays next to the copy.
        let open = checkpoint::disclosures(&connection).unwrap_or_default();
        Ok(id.map(|id| (Checkpoint { id, commits }, open)))
    };
    match read() {
        Ok(found) => Ok(found),
        // A file that is damaged is the reason to put back a copy; it is kept as it is.
        Err(why)
            if matches!(
                why.sqlite_error_code(),
                Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt | ErrorCode::Unknown)
            ) =>
        {
            Ok(None)
        }
        Err(why) => Err(unavailable(ledger, &why)),
    }
}
