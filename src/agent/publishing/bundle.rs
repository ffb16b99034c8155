//! The evidence of a report: a folder with the quarter hours that it was counted from, and the digests of its files
//! as coreutils check them.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Error, Read as _};
use std::path::{Path, PathBuf};

use outrider_domain::model::format_bytes;

use super::super::report::ReportWithCounts;
use super::whole::{whole_folder, write_synced};
use crate::proof::sha256_hex;

/// The quarter hours.
pub const COUNTS: &str = "counts.csv";
/// The digests of the other files.
const SUMS: &str = "SHA256SUMS";
/// How many files a bundle has.
const FILES: usize = 2;
/// The longest file that is read: a row is some 100 bytes, and a year of 20 promises has 700,000.
const FILE_MAX: u64 = 256 << 20;

/// The texts of a bundle.
pub struct Bundle {
    /// The quarter hours.
    pub counts: String,
    sums: String,
}

/// Why a bundle says nothing of its report.
pub enum BundleFault {
    /// It could not be read.
    Unreadable(String),
    /// It is not as it was written.
    NotWhole(String),
}

/// Writes the evidence of a report, and gives its place back.
///
/// # Errors
/// What cannot be written, and why.
pub(super) fn write_bundle(place: &Path, found: &ReportWithCounts) -> Result<PathBuf, String> {
    let sums = sums(&found.counts);
    whole_folder(place, |aside| {
        write_synced(&aside.join(COUNTS), found.counts.as_bytes())
            .and_then(|()| write_synced(&aside.join(SUMS), sums.as_bytes()))
            .map_err(|why| format!("{}: {why}", place.display()))
    })?;
    Ok(place.to_owned())
}

fn sums(counts: &str) -> String {
    format!("{}  {COUNTS}\n", sha256_hex(counts.as_bytes()))
}

/// Reads a bundle that has just the files that one is written with.
///
/// # Errors
/// A file is missing, is no part of it, or cannot be read.
pub fn read_bundle(folder: &Path) -> Result<Bundle, BundleFault> {
    let unreadable =
        |path: &Path, why: &Error| BundleFault::Unreadable(format!("{}: {why}", path.display()));
    let mut names = BTreeSet::new();
    let entries = fs::read_dir(folder).map_err(|why| unreadable(folder, &why))?;
    // One more than there may be is enough to name it.
    for entry in entries.take(FILES + 1) {
        let entry = entry.map_err(|why| unreadable(folder, &why))?;
        names.insert(entry.file_name().to_string_lossy().into_owned());
    }
    let folder_name = folder.display();
    for known in [COUNTS, SUMS] {
        if !names.remove(known) {
            let why = format!("{folder_name} has no {known}");
            return Err(BundleFault::NotWhole(why));
        }
    }
    if let Some(other) = names.first() {
        let why = format!("{folder_name} has a file that is no part of it, {other:?}");
        return Err(BundleFault::NotWhole(why));
    }
    let read = |name: &str| {
        let path = folder.join(name);
        let mut bytes = Vec::new();
        let read =
            fs::File::open(&path).and_then(|file| file.take(FILE_MAX + 1).read_to_end(&mut bytes));
        read.map_err(|why| unreadable(&path, &why))?;
        if bytes.len() as u64 > FILE_MAX {
            let why = format!(
                "{} is longer than {}",
                path.display(),
                format_bytes(FILE_MAX)
            );
            return Err(BundleFault::NotWhole(why));
        }
        String::from_utf8(bytes)
            .map_err(|_| BundleFault::NotWhole(format!("{} is not UTF-8", path.display())))
    };
    Ok(Bundle {
        counts: read(COUNTS)?,
        sums: read(SUMS)?,
    })
}

impl Bundle {
    /// What differs from the digests that are stated: those of the signed report first.
    pub fn fault(&self, stated: &str) -> Option<String> {
        let digest = sha256_hex(self.counts.as_bytes());
        if digest != stated {
            return Some(format!(
                "/source/counts_sha256 is {stated}; {digest} is that of {COUNTS}"
            ));
        }
        let is_listed = self.sums == sums(&self.counts);
        (!is_listed).then(|| format!("{SUMS} does not state the digest of {COUNTS}, {digest}"))
    }
}
