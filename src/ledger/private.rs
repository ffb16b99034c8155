//! Files and folders that the agent's own user alone may read.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{Error, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// Makes the folder of a ledger. One that is there stays as it is: it may hold more than a ledger.
pub(super) fn make_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(FOLDER_MODE).create(folder)
}

/// How a file is opened that is private where it is made.
pub(super) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(FILE_MODE);
    options
}

/// Makes the empty file that SQLite then fills: one that SQLite makes is for everybody. Its logs get the mode of their
/// database.
pub(super) fn make_file(path: &Path) -> std::io::Result<()> {
    let made = options().write(true).create_new(true).open(path);
    let is_there = |why: &Error| why.kind() == ErrorKind::AlreadyExists;
    made.map(drop)
        .or_else(|why| if is_there(&why) { Ok(()) } else { Err(why) })
}
