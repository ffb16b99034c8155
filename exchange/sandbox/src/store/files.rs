//! Files of jobs, kept in pieces, so that no file is ever whole in memory.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::database::Store;
use super::error::Result;

/// Largest piece of a file in bytes, but for a single line that is longer.
pub const PIECE_BYTES: usize = 256 * 1024;
/// Most lines in one file of an export; a type with more has several.
const FILE_LINES_MAX: u64 = 400;

/// In which list of the manifest a file stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileList {
    /// `output`.
    Output,
    /// `error`.
    Error,
}

impl FileList {
    /// The manifest's key.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Output => "output",
            Self::Error => "error",
        }
    }
}

/// Where the bytes of a file come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// From its pieces, of which there are so many.
    Pieces(u64),
    /// They are made when they are asked for: this many scanned documents of the person with this id.
    Scans {
        /// Patient id.
        patient: String,
        /// How many, a line each.
        count: u64,
    },
}

/// One file of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobFile {
    /// Last segment of its URL.
    pub name: String,
    /// Resource type.
    pub kind: String,
    /// Number of lines.
    pub count: u64,
    /// Length in bytes.
    pub bytes: u64,
    /// Its list in the manifest.
    pub list: FileList,
    /// Its bytes.
    pub source: Source,
}

/// Writes the files of one job, a line at a time. At most a piece for each open file is in memory.
pub struct FileWriter<'a> {
    store: &'a Store,
    job: &'a str,
    open: BTreeMap<(FileList, String), Open>,
    done: Vec<JobFile>,
}

struct Open {
    file: JobFile,
    number: u64,
    pieces: u64,
    buffer: Vec<u8>,
}

impl Open {
    fn new(list: FileList, kind: &str, number: u64) -> Self {
        let file = JobFile {
            name: match list {
                FileList::Output => format!("{kind}-{number}.ndjson"),
                FileList::Error => format!("error-{number}.ndjson"),
            },
            kind: kind.to_owned(),
            count: 0,
            bytes: 0,
            list,
            source: Source::Pieces(0),
        };
        Self {
            file,
            number,
            pieces: 0,
            buffer: Vec::new(),
        }
    }

    fn flush(&mut self, store: &Store, job: &str) -> Result<()> {
        store.keep_piece(job, &self.file.name, self.pieces, &self.buffer)?;
        self.pieces += 1;
        self.buffer.clear();
        Ok(())
    }

    fn close(mut self, store: &Store, job: &str) -> Result<JobFile> {
        if !self.buffer.is_empty() {
            self.flush(store, job)?;
        }
        self.file.source = Source::Pieces(self.pieces);
        Ok(self.file)
    }
}

impl<'a> FileWriter<'a> {
    /// A writer for the job of that id.
    pub fn new(store: &'a Store, job: &'a str) -> Self {
        Self {
            store,
            job,
            open: BTreeMap::new(),
            done: Vec::new(),
        }
    }

    /// Adds a resource of a type to its file.
    pub fn line(&mut self, list: FileList, kind: &str, resource: &str) -> Result<()> {
        let open = self
            .open
            .entry((list, kind.to_owned()))
            .or_insert_with(|| Open::new(list, kind, 1));
        if open.file.count == FILE_LINES_MAX {
            let next = Open::new(list, kind, open.number + 1);
            let full = std::mem::replace(open, next);
            self.done.push(full.close(self.store, self.job)?);
        }
        let length = resource.len() + 1;
        if !open.buffer.is_empty() && open.buffer.len() + length > PIECE_BYTES {
            open.flush(self.store, self.job)?;
        }
        open.buffer.extend_from_slice(resource.as_bytes());
        open.buffer.push(b'\n');
        open.file.count += 1;
        open.file.bytes += u64::try_from(length).unwrap_or(u64::MAX);
        Ok(())
    }

    /// A file of its own, whole.
    pub fn whole(&mut self, name: &str, kind: &str, count: u64, body: &[u8]) -> Result<()> {
        self.store.keep_piece(self.job, name, 0, body)?;
        self.done.push(JobFile {
            name: name.to_owned(),
            kind: kind.to_owned(),
            count,
            bytes: u64::try_from(body.len()).unwrap_or(u64::MAX),
            list: FileList::Output,
            source: Source::Pieces(1),
        });
        Ok(())
    }

    /// The files, in order of their lists and names; to be kept with the job.
    pub fn finish(mut self) -> Result<Vec<JobFile>> {
        for (_, open) in self.open {
            self.done.push(open.close(self.store, self.job)?);
        }
        self.done.sort_by(|a, b| {
            let key = |file: &JobFile| (file.list, file.kind.clone(), file.name.len());
            key(a).cmp(&key(b)).then_with(|| a.name.cmp(&b.name))
        });
        Ok(self.done)
    }
}

impl Store {
    fn keep_piece(&self, job: &str, name: &str, n: u64, body: &[u8]) -> Result<()> {
        self.lock()
            .prepare_cached("INSERT INTO piece VALUES(?1,?2,?3,?4)")?
            .execute(params![job, name, n, body])?;
        Ok(())
    }

    /// The files of a job.
    pub fn files(&self, job: &str) -> Result<Vec<JobFile>> {
        let db = self.lock();
        let mut query = db.prepare_cached(
            "SELECT name, type, count, bytes, pieces, list, source FROM file WHERE job=?1 ORDER BY rowid",
        )?;
        let rows = query.query_map([job], file_of_row)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// One file of a job.
    pub fn file(&self, job: &str, name: &str) -> Result<Option<JobFile>> {
        let db = self.lock();
        let mut query = db.prepare_cached(
            "SELECT name, type, count, bytes, pieces, list, source FROM file WHERE job=?1 AND name=?2",
        )?;
        Ok(query.query_row([job, name], file_of_row).optional()?)
    }

    /// Piece number `n` of a file.
    pub fn piece(&self, job: &str, name: &str, n: u64) -> Result<Option<Vec<u8>>> {
        let db = self.lock();
        let mut query =
            db.prepare_cached("SELECT body FROM piece WHERE job=?1 AND name=?2 AND n=?3")?;
        Ok(query
            .query_row(params![job, name, n], |row| row.get(0))
            .optional()?)
    }
}

pub(super) fn keep(transaction: &Transaction<'_>, job: &str, file: &JobFile) -> Result<()> {
    let (pieces, source) = match &file.source {
        Source::Pieces(pieces) => (*pieces, None),
        Source::Scans { patient, count } => (*count, Some(patient)),
    };
    transaction
        .prepare_cached("INSERT INTO file VALUES(?1,?2,?3,?4,?5,?6,?7,?8)")?
        .execute(params![
            job,
            file.name,
            file.kind,
            file.count,
            file.bytes,
            pieces,
            file.list.name(),
            source
        ])?;
    Ok(())
}

fn file_of_row(row: &Row<'_>) -> rusqlite::Result<JobFile> {
    let pieces: u64 = row.get(4)?;
    let list: String = row.get(5)?;
    let patient: Option<String> = row.get(6)?;
    Ok(JobFile {
        name: row.get(0)?,
        kind: row.get(1)?,
        count: row.get(2)?,
        bytes: row.get(3)?,
        list: if list == FileList::Error.name() {
            FileList::Error
        } else {
            FileList::Output
        },
        source: match patient {
            None => Source::Pieces(pieces),
            Some(patient) => Source::Scans {
                patient,
                count: pieces,
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_cut_at_their_limits_and_come_back_whole() {
        let store = Store::in_memory().unwrap();
        let mut writer = FileWriter::new(&store, "j");
        let long = "x".repeat(PIECE_BYTES / 3);
        for n in 0..FILE_LINES_MAX + 5 {
            writer
                .line(FileList::Output, "Patient", &n.to_string())
                .unwrap();
        }
        for _ in 0..7 {
            writer.line(FileList::Output, "Binary", &long).unwrap();
        }
        let files = writer.finish().unwrap();
        let names: Vec<_> = files.iter().map(|f| (f.name.as_str(), f.count)).collect();
        assert_eq!(
            names,
            [
                ("Binary-1.ndjson", 7),
                ("Patient-1.ndjson", FILE_LINES_MAX),
                ("Patient-2.ndjson", 5)
            ]
        );
        let Source::Pieces(pieces) = files[0].source else {
            panic!("pieces")
        };
        assert!(pieces > 2);
        let whole: Vec<u8> = (0..pieces)
            .flat_map(|n| store.piece("j", "Binary-1.ndjson", n).unwrap().unwrap())
            .collect();
        assert_eq!(whole, format!("{long}\n").repeat(7).into_bytes());
        assert_eq!(files[0].bytes, whole.len() as u64);
    }
}
