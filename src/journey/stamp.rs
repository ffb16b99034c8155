//! Whether a file is still the one that was read.

use std::path::Path;
use std::time::{Duration, SystemTime};

use outrider_domain::secret::SecretRef;

/// When a file was changed last, and its length; none where it cannot be looked at.
pub(super) type Stamp = Option<(SystemTime, u64)>;

pub(super) fn stamp(path: &Path) -> Stamp {
    let found = std::fs::metadata(path).ok()?;
    Some((found.modified().ok()?, found.len()))
}

/// The same of where a secret is. Where that is no file, how often its value changed takes the place of the time.
pub(super) fn secret_stamp(secret: &SecretRef) -> Stamp {
    match secret.file() {
        Some(path) => stamp(&path),
        None => {
            let changes = Duration::from_secs(secret.changes());
            Some((SystemTime::UNIX_EPOCH + changes, 0))
        }
    }
}
