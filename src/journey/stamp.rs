//! Whether a file is still the one that was read.

use std::path::Path;
use std::time::SystemTime;

/// When a file was changed last, and its length; none where it cannot be looked at.
pub(super) type Stamp = Option<(SystemTime, u64)>;

pub(super) fn stamp(path: &Path) -> Stamp {
    let found = std::fs::metadata(path).ok()?;
    Some((found.modified().ok()?, found.len()))
}
