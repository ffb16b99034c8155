//! Where the bench keeps its files.

use std::path::{Path, PathBuf};

/// Where the bench keeps its files and leaves its results.
pub(crate) fn bench_folder() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("a target directory");
    let folder = target.join("bench");
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// A folder that goes away with its owner, on the disk where the repository lies.
pub(crate) fn workshop() -> tempfile::TempDir {
    tempfile::tempdir_in(bench_folder()).expect("a folder")
}
