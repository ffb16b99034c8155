//! A file that is there whole or not at all, and does not replace another unless that is asked for.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// A file that is being written, for its owner alone; what is not kept is removed.
pub(crate) struct NewFile {
    /// Where its text goes.
    pub(crate) writer: BufWriter<File>,
    place: Option<Place>,
}

/// Where it is written, and its name once it is whole.
struct Place {
    partial: PathBuf,
    whole: PathBuf,
}

impl NewFile {
    /// Begins the file at `path`. A device or a pipe is written as it is.
    pub(crate) fn create(path: &Path, may_replace: bool) -> Result<Self, Failure> {
        let unwritable = |error: io::Error| {
            let what = format!("could not write {}: {error}", path.display());
            Failure::usage(what, "give a file that you may write")
        };
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let found = fs::metadata(path).ok();
        if found.as_ref().is_some_and(|found| !found.is_file()) {
            let file = options.open(path).map_err(unwritable)?;
            return Ok(Self {
                writer: BufWriter::new(file),
                place: None,
            });
        }
        if found.is_some() && !may_replace {
            let what = format!("{} is there already", path.display());
            return Err(Failure::usage(
                what,
                "give another name, or --force to replace it",
            ));
        }
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let file = options.open(&partial).map_err(unwritable)?;
        Ok(Self {
            writer: BufWriter::new(file),
            place: Some(Place {
                partial,
                whole: path.to_owned(),
            }),
        })
    }

    /// Gives the file its name, durably.
    pub(crate) fn keep(mut self) -> io::Result<()> {
        self.writer.flush()?;
        let Some(place) = self.place.take() else {
            return Ok(());
        };
        self.writer.get_ref().sync_all()?;
        fs::rename(&place.partial, &place.whole)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some(place) = &self.place {
            // There is nobody left to tell.
            fs::remove_file(&place.partial).unwrap_or_default();
        }
    }
}
