//! The rules of the workspace that no compiler holds: imports only go down, no files import each other,
//! files stay small, and no date in a test meets a live clock. Compiled for unit tests alone.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "syntax trees and Markdown have many kinds, of which a rule looks at a few"
)]

mod dates;
mod documents;
mod floors;
mod imports;
mod knots;
mod modules;
mod packages;
mod sizes;

use std::path::{Path, PathBuf};

/// The top folder of the repository.
fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below a folder, in order.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries =
        std::fs::read_dir(folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
    for entry in entries {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A crate of these files in a folder of its own.
fn planted(files: &[(&str, &str)]) -> modules::Crate {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    modules::Crate::read(&folder.path().join("lib.rs"))
}
