//! Files that commands about identity read and write.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use exchange_identity::csv::{self, Table, Unreadable};
use exchange_identity::rules::{self as rule_sets, Rules};
use exchange_kit::clock::Clock;
use exchange_kit::mistakes::Complaints;

use super::options::Dates;
use crate::failure::Failure;

/// The rules of a file, of a shipped set that is named by its version, or the shipped ones that decide.
pub(crate) fn rules(path: Option<&Path>) -> Result<Rules, Failure> {
    let Some(path) = path else {
        return rule_sets::shipped().map_err(Failure::internal);
    };
    if let Some(text) = shipped_text(path) {
        return rule_sets::read(&path.display().to_string(), text).map_err(Failure::internal);
    }
    let text = text(path, rule_sets::FILE_BYTES_MAX, "--rules")?;
    rule_sets::read(&path.display().to_string(), &text)
        .map_err(|complaints| Failure::wrong(&complaints))
}

/// The text of the shipped set of that version, unless a file is called so.
pub(super) fn shipped_text(path: &Path) -> Option<&'static str> {
    let named = rule_sets::ALL_SHIPPED
        .iter()
        .find(|(version, _)| Path::new(version) == path);
    named.filter(|_| !path.exists()).map(|(_, text)| *text)
}

/// A small text file. Reads no more than one byte too many.
fn text(path: &Path, bytes_max: usize, option: &str) -> Result<String, Failure> {
    use std::io::Read as _;
    let unreadable = |error: io::Error| {
        let what = format!("could not read {}: {error}", path.display());
        Failure::usage(what, format!("give {option} a file that you may read"))
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    String::from_utf8(bytes).map_err(|_| {
        let mut complaints = Complaints::default();
        complaints.add(
            path.display().to_string(),
            "the file is not UTF-8",
            "save it as UTF-8",
        );
        Failure::wrong(&complaints)
    })
}

/// Both files, with the mistakes of both.
pub(super) fn tables(left: &Path, right: &Path, dates: &Dates) -> Result<(Table, Table), Failure> {
    let mut wrong = Complaints::default();
    let today = Clock::System.today();
    let mut read = |path: &Path, option: &str| match csv::read(path, dates.policy(), today) {
        Ok(table) => Ok(Some(table)),
        Err(Unreadable::Wrong(complaints)) => {
            wrong.append(complaints);
            Ok(None)
        }
        Err(error @ Unreadable::File { .. }) => Err(Failure::usage(
            error.to_string(),
            format!("give {option} a file that you may read"),
        )),
    };
    match (read(left, "--left")?, read(right, "--right")?) {
        (Some(left), Some(right)) => Ok((left, right)),
        (None, _) | (_, None) => Err(Failure::wrong(&wrong)),
    }
}

/// Writes bytes to `path`, whole or not at all.
pub(super) fn write_whole(path: &Path, option: &str, bytes: &[u8]) -> Result<(), Failure> {
    write_whole_by(path, option, |out| out.write_all(bytes))
}

/// Writes what `write` writes to `path`, whole or not at all.
pub(super) fn write_whole_by(
    path: &Path,
    option: &str,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), Failure> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".part");
    // A pipe or a device is written to as it is: nothing can be put in its place.
    let special = std::fs::metadata(path).is_ok_and(|about| !about.is_file());
    let target = if special { path } else { Path::new(&partial) };
    let written = File::create(target).and_then(|file| {
        let mut out = BufWriter::new(file);
        write(&mut out)?;
        out.flush()?;
        if special {
            return Ok(());
        }
        std::fs::rename(target, path)
    });
    written.map_err(|error| {
        if !special {
            // It may not be there at all.
            std::fs::remove_file(target).unwrap_or_default();
        }
        let what = format!("could not write {}: {error}", path.display());
        Failure::usage(what, format!("give {option} a file that you may write"))
    })
}
