//! Files and folders that appear whole or not at all: written aside, waited for until they are on disk, and then put
//! in their place. Of two processes that write the same at once each puts a whole one there, and one that cannot write
//! leaves nothing.

use std::fs;
use std::io::{Error, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a folder that another process puts in the way is replaced.
const TRIES: usize = 5;
/// The endings of what is written aside, and of what made way.
const ASIDE: &str = "part";
const FORMER: &str = "former";
/// What was written aside and is older was left by a process that ended half-way.
const LEFT_AFTER: Duration = Duration::from_secs(3_600);

/// Fills a folder aside with `fill`, which gets its path, and puts it in its place.
///
/// # Errors
/// What cannot be written, and why. Then what was written aside is gone.
pub(super) fn whole_folder(
    place: &Path,
    fill: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<(), String> {
    let failed = |why: Error| format!("{}: {why}", place.display());
    let aside = of_this_process(place, ASIDE);
    let put = fs::create_dir_all(&aside)
        .map_err(failed)
        .and_then(|()| fill(&aside))
        .and_then(|()| sync_folder(&aside).map_err(failed))
        .and_then(|()| replace(place, &aside).map_err(failed));
    if put.is_err() {
        // What went wrong first is what is reported.
        drop(fs::remove_dir_all(&aside));
    }
    put?;
    place.parent().map_or(Ok(()), sync_folder).map_err(failed)
}

/// Writes a file aside and puts it in its place.
///
/// # Errors
/// It cannot be written. Then what was written aside is gone.
pub(super) fn whole_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let aside = of_this_process(path, ASIDE);
    let written = write_synced(&aside, bytes).and_then(|()| fs::rename(&aside, path));
    if written.is_err() {
        // What went wrong first is what is reported.
        drop(fs::remove_file(&aside));
    }
    written
}

/// Writes a file and waits until it is on disk.
pub(super) fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut file = fs::File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Waits until the names in a folder are on disk.
fn sync_folder(folder: &Path) -> Result<(), Error> {
    fs::File::open(folder)?.sync_all()
}

/// Puts a folder where another may stand: that one is moved away first, as no folder replaces a full one.
fn replace(place: &Path, aside: &Path) -> Result<(), Error> {
    let former = of_this_process(place, FORMER);
    for _ in 1..TRIES {
        match fs::rename(aside, place) {
            // Which of the two a full folder is depends on the file system.
            Err(why)
                if matches!(
                    why.kind(),
                    ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists
                ) => {}
            done => return done,
        }
        match fs::rename(place, &former) {
            Ok(()) => fs::remove_dir_all(&former)?,
            // Another process moved it away.
            Err(why) if why.kind() == ErrorKind::NotFound => {}
            Err(why) => return Err(why),
        }
    }
    fs::rename(aside, place)
}

fn of_this_process(place: &Path, ending: &str) -> PathBuf {
    let mut name = place.as_os_str().to_owned();
    name.push(format!(".{}.{ending}", std::process::id()));
    PathBuf::from(name)
}

/// Removes what processes that ended half-way left in a folder an hour ago or earlier. What cannot be removed stays: it
/// is no report.
pub(super) fn remove_left(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let age = entry.metadata().and_then(|of| of.modified());
        let age = age.ok().and_then(|at| at.elapsed().ok());
        let is_old = age.is_some_and(|age| age >= LEFT_AFTER);
        if is_old && name.is_some_and(is_left) {
            drop(fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path)));
        }
    }
}

/// Whether a name is one that [`of_this_process`] gave, in this process or another.
fn is_left(name: &str) -> bool {
    let Some((rest, ASIDE | FORMER)) = name.rsplit_once('.') else {
        return false;
    };
    let process = rest.rsplit_once('.').map(|(_, process)| process);
    process.is_some_and(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_folder_that_cannot_be_filled_leaves_the_one_before_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("report");
        whole_folder(&place, |aside| {
            write_synced(&aside.join("a"), b"1").map_err(|why| why.to_string())
        })
        .unwrap();
        let full = whole_folder(&place, |aside| {
            write_synced(&aside.join("a"), b"2").unwrap();
            Err("no space left".to_owned())
        });
        assert_eq!(full, Err("no space left".to_owned()));
        assert_eq!(names(folder.path()), ["report"]);
        assert_eq!(fs::read(place.join("a")).unwrap(), b"1");
        whole_folder(&place, |aside| {
            write_synced(&aside.join("b"), b"3").map_err(|why| why.to_string())
        })
        .unwrap();
        assert_eq!(
            (names(folder.path()), names(&place)),
            (vec!["report".to_owned()], vec!["b".to_owned()])
        );
    }

    #[test]
    fn what_a_process_left_half_way_goes_after_an_hour() {
        let folder = tempfile::tempdir().unwrap();
        let now = fs::metadata(folder.path()).unwrap().modified().unwrap();
        let old = now - LEFT_AFTER;
        for (name, is_old) in [
            ("keystone-1.7.part", true),
            ("keystone-1.8.part", false),
            ("keystone-1.9.former", true),
            ("notes.part", true),
            ("keystone-1", true),
        ] {
            let path = folder.path().join(name);
            fs::create_dir(&path).unwrap();
            if is_old {
                fs::File::open(&path).unwrap().set_modified(old).unwrap();
            }
        }
        remove_left(folder.path());
        assert_eq!(
            names(folder.path()),
            ["keystone-1", "keystone-1.8.part", "notes.part"]
        );
    }
}
