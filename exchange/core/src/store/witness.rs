//! Whether the database is the one that the state folder had: its key and the file of heads are its witnesses.

use std::io;
use std::path::Path;

use exchange_kit::clock::{Clock, rfc3339};
use rusqlite::Connection;

use super::error::{PUT_BACK, PUT_BACK_OR_ACCEPT, Result, StoreError};
use crate::audit::{
    AUDIT_TABLE, BEGIN, BrokenLink, Chain, HEADS_FILE, Head, Heads, KEY_FILE, Keys, Seal,
    SignedHead,
};

/// The folder of the payloads.
pub(super) const PAYLOADS: &str = "payloads";

/// Whether the folder has a database that is not empty.
pub(super) fn has_database(folder: &Path) -> Result<bool> {
    match std::fs::metadata(folder.join("core.sqlite")) {
        Ok(file) => Ok(file.len() > 0),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The key of the folder. It is made with the database and never after it.
pub(super) fn keys(folder: &Path, has_database: bool) -> Result<Keys> {
    if !has_database && let Some(head) = last_head(folder)? {
        return Err(lost(format!(
            "core.sqlite is gone or empty, and {HEADS_FILE} says that its trail had {} entries",
            head.seq
        )));
    }
    if !has_database && has_payloads(folder)? {
        return Err(lost(format!(
            "core.sqlite is gone or empty, and {PAYLOADS} still holds files that belong to it"
        )));
    }
    Keys::open(folder, !has_database).map_err(|error| {
        if has_database && error.kind() == io::ErrorKind::NotFound {
            return lost(format!(
                "{KEY_FILE} is gone, with which the trail in core.sqlite is sealed"
            ));
        }
        error.into()
    })
}

/// Whether payloads lie in the folder; a new database would know of none and remove them.
fn has_payloads(folder: &Path) -> Result<bool> {
    match std::fs::read_dir(folder.join(PAYLOADS)) {
        Ok(mut files) => Ok(files.next().transpose()?.is_some()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// A database of that version must have its file of heads, and one without a version must have none that counts.
pub(super) fn check_version(folder: &Path, version: usize) -> Result<()> {
    let head = last_head(folder)?;
    match (version, head) {
        (0, Some(head)) => Err(lost(format!(
            "core.sqlite is empty or older than {HEADS_FILE}, which says that its trail had {} entries",
            head.seq
        ))),
        (1.., None) if !Heads::exists(folder) => Err(lost(format!(
            "{HEADS_FILE} is gone, which shows whether core.sqlite is complete"
        ))),
        (_, _) => Ok(()),
    }
}

/// The newest head, if there is one of a trail that was written to.
fn last_head(folder: &Path) -> Result<Option<Head>> {
    if !Heads::exists(folder) {
        return Ok(None);
    }
    let last = Heads::open(folder)?.map(|heads| heads.last().head);
    Ok(last.filter(|head| head.number > 0))
}

/// Begins the file of heads with the trail as it is.
pub(super) fn begin(db: &Connection, folder: &Path, keys: &Keys) -> Result<()> {
    let none = Head {
        number: 0,
        seq: 0,
        hash: BEGIN.to_owned(),
        events: 0,
        events_hash: BEGIN.to_owned(),
    };
    let head = Seal::read(db)?.map_or(none, |seal| seal.head);
    let at = rfc3339(Clock::System.now_millis());
    Ok(Heads::create(folder, &SignedHead::new(head, at, keys))?)
}

/// The file of heads.
pub(super) fn open(folder: &Path) -> Result<Heads> {
    Heads::open(folder)?.ok_or_else(|| {
        lost(format!(
            "the last line of {HEADS_FILE} is no head with a good signature"
        ))
    })
}

/// A trail must not end before a head that was given out.
pub(super) fn newer(chain: &Chain, last: &Head) -> Result<()> {
    let head = chain.head();
    if head.number >= last.number {
        return Ok(());
    }
    Err(StoreError::Broken(BrokenLink {
        seq: head.seq,
        place: AUDIT_TABLE,
        row: head.seq,
        what: "number of the seal",
        expected: format!("at least {} as in {HEADS_FILE}", last.number),
        seen: head.number.to_string(),
    }))
}

/// The refusal of an older copy, which may have been put back on purpose.
pub(super) fn older(what: String) -> StoreError {
    StoreError::Lost {
        what,
        help: PUT_BACK_OR_ACCEPT,
    }
}

pub(super) fn lost(what: String) -> StoreError {
    StoreError::Lost {
        what,
        help: PUT_BACK,
    }
}
