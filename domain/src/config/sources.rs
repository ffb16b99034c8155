//! The files themselves: read as text, or what could not be read and why.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::diagnostic::{Diagnostics, SourceFile};

/// Names of what is there but could not be read: what refers to it is not judged, since its help is
/// theirs.
#[derive(Debug, Default)]
pub(super) struct UnreadFiles {
    pub(super) names: BTreeSet<String>,
    /// A whole folder.
    pub(super) is_everything: bool,
}

impl UnreadFiles {
    pub(super) fn holds(&self, name: &str) -> bool {
        self.is_everything || self.names.contains(name)
    }

    /// A file by its stem, which is what its id should be.
    pub(super) fn file(&mut self, source: &SourceFile) {
        let stem = Path::new(&source.path).file_stem();
        self.names
            .extend(stem.map(|stem| stem.to_string_lossy().into_owned()));
    }
}

pub(super) fn source(path: &Path, diagnostics: &mut Diagnostics) -> Option<Arc<SourceFile>> {
    let name = path.display().to_string();
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        let source = Arc::new(SourceFile {
            path: name,
            text: String::new(),
        });
        diagnostics.add(
            &source,
            None,
            "is no regular file",
            "put a file there, or take it away",
        );
        return None;
    }
    match std::fs::read(path).map(String::from_utf8) {
        Ok(Ok(text)) => Some(Arc::new(SourceFile { path: name, text })),
        Ok(Err(_)) => {
            let source = Arc::new(SourceFile {
                path: name,
                text: String::new(),
            });
            diagnostics.add(&source, None, "the file is not UTF-8", "save it as UTF-8");
            None
        }
        Err(why) => {
            let source = Arc::new(SourceFile {
                path: name,
                text: String::new(),
            });
            let help = "name another file, or give this user the right to read it";
            diagnostics.add(
                &source,
                None,
                format!("cannot be read: {}", reason(&why)),
                help,
            );
            None
        }
    }
}

fn reason(why: &std::io::Error) -> String {
    use std::io::ErrorKind as Kind;
    if why.kind() == Kind::NotFound {
        "there is no such file or folder".to_owned()
    } else if why.kind() == Kind::PermissionDenied {
        "this user may not".to_owned()
    } else {
        why.to_string()
    }
}

/// Whether it is what an editor or a machine keeps beside a file: `.#p.toml`, `._p.toml`.
fn is_hidden(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

/// Every file of a folder with this ending, hidden ones excepted, in order of name, and what could not be read.
pub(super) fn sources(
    folder: &Path,
    ending: &str,
    diagnostics: &mut Diagnostics,
) -> (Vec<Arc<SourceFile>>, UnreadFiles) {
    let mut unread = UnreadFiles::default();
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(why) => {
            let path = folder.display().to_string();
            let source = Arc::new(SourceFile {
                path,
                text: String::new(),
            });
            let help = "make the folder next to the agent's file";
            diagnostics.add(
                &source,
                None,
                format!("cannot be read: {}", reason(&why)),
                help,
            );
            unread.is_everything = true;
            return (Vec::new(), unread);
        }
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == ending)
                && !is_hidden(path)
        })
        .collect();
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        match source(&path, diagnostics) {
            Some(source) => found.push(source),
            None => {
                let path = path.display().to_string();
                unread.file(&SourceFile {
                    path,
                    text: String::new(),
                });
            }
        }
    }
    (found, unread)
}
