//! Takes away what others may do with a ledger that an earlier version made.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::paths::folder_of;
use super::trace::{BEFORE_RESTORE, LOCK, TRACE};

/// What nobody but the owner may do.
const OTHERS: u32 = 0o077;

/// Makes the files of a ledger private, and warns about a folder that is open to others.
pub(super) fn tighten(path: &Path) {
    let folder = folder_of(path);
    let ledger = path.file_name().unwrap_or_default().as_encoded_bytes();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let rest = name.as_encoded_bytes().strip_prefix(ledger);
        if rest.is_some_and(is_ours) {
            tighten_file(&entry.path());
        }
    }
    if let Some(mode) = open_mode(folder) {
        let shown = folder.display();
        tracing::warn!(
            "the ledger's folder {shown} is open to others (mode {mode:04o}). chmod 700 it, or keep \
             the ledger in a folder of its own"
        );
    }
}

/// Whether a file is a ledger's, by what its name has behind the ledger's. A copy that somebody asked for is theirs.
fn is_ours(rest: &[u8]) -> bool {
    let is_whole = ["", "-wal", "-shm", "-journal", LOCK, TRACE].map(str::as_bytes);
    let begins = [".schema-", BEFORE_RESTORE].map(str::as_bytes);
    is_whole.contains(&rest) || begins.iter().any(|begin| rest.starts_with(begin))
}

fn tighten_file(file: &Path) {
    let Some(mode) = open_mode(file) else { return };
    let shown = file.display();
    match std::fs::set_permissions(file, Permissions::from_mode(mode & !OTHERS)) {
        Ok(()) => tracing::warn!("{shown} was open to others (mode {mode:04o}); it is private now"),
        Err(why) => tracing::warn!(
            "{shown} is open to others (mode {mode:04o}) and stays so: {why}. Let its owner chmod 600 it"
        ),
    }
}

/// The permissions of a file or folder with which others may do something.
fn open_mode(path: &Path) -> Option<u32> {
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o7777;
    (mode & OTHERS != 0).then_some(mode)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use outrider_domain::model::Scale;

    use super::*;
    use crate::ledger::{Existing, Ledger, back_up};

    fn modes(folder: &Path) -> Vec<(String, u32)> {
        let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
        let mut modes: Vec<_> = entries
            .map(|entry| {
                let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
                (entry.file_name().into_string().unwrap(), mode)
            })
            .collect();
        modes.sort();
        modes
    }

    #[test]
    fn a_ledger_is_private_and_an_open_one_becomes_so() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("deep/var");
        let (path, copy) = (own.join("l.db"), own.join("l.db.copy"));
        let open = || Ledger::open(&path, Scale::REAL, DateTime::UNIX_EPOCH).unwrap();
        let ledger = open();
        back_up(&path, &copy, Existing::Keep, |_, _| {}).unwrap();
        let made = modes(&own);
        assert!(made.len() >= 5, "{made:?}");
        assert!(made.iter().all(|(_, mode)| *mode == 0o600), "{made:?}");
        for folder in [&own, &folder.path().join("deep")] {
            let mode = std::fs::metadata(folder).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700);
        }
        drop(ledger);
        for (name, _) in modes(&own) {
            let mode = Permissions::from_mode(0o644);
            std::fs::set_permissions(own.join(name), mode).unwrap();
        }
        let _ledger = open();
        for (name, mode) in modes(&own) {
            let is_theirs = name == "l.db.copy";
            assert_eq!(mode, if is_theirs { 0o644 } else { 0o600 }, "{name}");
        }
    }
}
