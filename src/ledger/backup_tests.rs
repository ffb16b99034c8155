//! Copies of ledgers, taken and put back.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, Utc};
use outrider_domain::model::Scale;

use super::test_support::{add_runs, probe};
use super::{Existing, Ledger, LedgerRollback, RunFilter, back_up, put_back};

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn runs(ledger: &Ledger) -> usize {
    let filter = RunFilter {
        limit: 1_000,
        ..RunFilter::default()
    };
    ledger.runs(&filter).unwrap().len()
}

#[test]
fn a_copy_taken_while_the_ledger_is_written_is_put_back_and_its_counters_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("ledger.db"), folder.path().join("copy"));
    let mut ledger = Ledger::open(&path, Scale::REAL, now()).unwrap();
    add_runs(&mut ledger, &probe(), 0..50);
    let mut seen = 0;
    back_up(&path, &copy, Existing::Keep, |_, all| seen = all).unwrap();
    assert!(seen > 10, "{seen} pages");
    assert!(!folder.path().join("copy.partial").exists());
    add_runs(&mut ledger, &probe(), 50..60);
    let refused = put_back(&path, &copy, |_, _| ()).unwrap_err().to_string();
    assert!(refused.contains("another agent has it open"), "{refused}");
    ledger.close().unwrap();

    let restored = put_back(&path, &copy, |_, _| ()).unwrap();
    let older = Some(LedgerRollback::Older { commits: 10 });
    assert_eq!(restored.rollback, older);
    let kept = restored.kept.unwrap();
    assert_eq!(runs(&Ledger::reader(&kept).unwrap()), 60);
    let mut ledger = Ledger::open(&path, Scale::REAL, now()).unwrap();
    assert_eq!(ledger.rollback(), older);
    assert_eq!(ledger.counters_since().unwrap(), now());
    assert_eq!(runs(&ledger), 50);
    assert_eq!(ledger.counters().unwrap(), []);
    assert_eq!(
        ledger.differences().unwrap(),
        [],
        "what was counted before is its base"
    );
    add_runs(&mut ledger, &probe(), 50..53);
    assert_eq!(ledger.differences().unwrap(), []);
    assert_eq!(ledger.runs_begun().unwrap()[&probe()], 53);
}

#[test]
fn what_is_no_sound_ledger_is_not_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("ledger.db"), folder.path().join("copy"));
    let mut ledger = Ledger::open(&path, Scale::REAL, now()).unwrap();
    add_runs(&mut ledger, &probe(), 0..5);
    ledger.close().unwrap();
    std::fs::write(&copy, b"notes of a day").unwrap();
    assert!(put_back(&path, &copy, |_, _| ()).is_err());
    assert!(put_back(&path, &folder.path().join("absent"), |_, _| ()).is_err());
    assert_eq!(runs(&Ledger::reader(&path).unwrap()), 5);
}

#[test]
fn a_copy_that_cannot_be_written_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    Ledger::open(&path, Scale::REAL, now()).unwrap();
    let absent = folder.path().join("absent/copy");
    assert!(back_up(&path, &absent, Existing::Keep, |_, _| ()).is_err());
    let names = std::fs::read_dir(folder.path()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(names.into_iter().all(|name| name.starts_with("ledger.db")));
}

/// Everything in a folder, by name, but the log of a ledger that is open.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let named = entries.map(|entry| (entry.file_name().into_string().unwrap(), entry.path()));
    let kept = named.filter(|(name, _)| !name.ends_with("-wal") && !name.ends_with("-shm"));
    kept.map(|(name, path)| (name, std::fs::read(path).unwrap()))
        .collect()
}

#[test]
fn a_copy_takes_the_place_of_nothing_but_a_copy() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let path = at("ledger.db");
    let mut ledger = Ledger::open(&path, Scale::REAL, now()).unwrap();
    add_runs(&mut ledger, &probe(), 0..5);
    back_up(&path, &at("older"), Existing::Keep, |_, _| ()).unwrap();
    std::fs::write(at("notes"), "of a day").unwrap();
    std::fs::create_dir(at("folder")).unwrap();
    let other = at("folder/other.db");
    drop(Ledger::open(&other, Scale::REAL, now()).unwrap());
    std::os::unix::fs::symlink("ledger.db", at("link")).unwrap();
    std::fs::hard_link(&path, at("same")).unwrap();
    let before = files(&folder.path().join("folder"));
    for (name, why) in [
        ("ledger.db", "the ledger itself"),
        ("folder/../ledger.db", "the ledger itself"),
        ("same", "the ledger itself"),
        ("link", "the ledger itself"),
        ("ledger.db-wal", "belongs to it"),
        ("ledger.db-journal", "belongs to it"),
        ("ledger.db.lock", "belongs to it"),
        ("ledger.db.trace", "belongs to it"),
        ("ledger.db.new", "belongs to it"),
        ("ledger.db.schema-4", "belongs to it"),
        ("ledger.db.before-restore-7", "belongs to it"),
        ("folder", "no regular file"),
        ("/dev/null", "no regular file"),
        ("notes", "no copy of a ledger"),
        ("folder/other.db", "an agent writes"),
        ("older", "is there already"),
    ] {
        for existing in [Existing::ReplaceCopy, Existing::Keep] {
            if name == "older" && existing == Existing::ReplaceCopy {
                continue;
            }
            let refused = back_up(&path, &at(name), existing, |_, _| ()).unwrap_err();
            let refused = refused.to_string();
            let is_there = existing == Existing::Keep && refused.contains("is there already");
            assert!(refused.contains(why) || is_there, "{name}: {refused}");
        }
    }
    assert_eq!(std::fs::read(at("notes")).unwrap(), b"of a day");
    assert_eq!(files(&folder.path().join("folder")), before);
    let elsewhere = at("folder/ledger.db");
    back_up(&path, &elsewhere, Existing::Keep, |_, _| ()).unwrap();
    add_runs(&mut ledger, &probe(), 5..8);
    back_up(&path, &at("older"), Existing::ReplaceCopy, |_, _| ()).unwrap();
    assert_eq!(runs(&Ledger::reader(&at("older")).unwrap()), 8);
    assert_eq!(runs(&ledger), 8, "it goes on");
    assert!(!at("older-wal").exists() && !at("older-shm").exists());
}

#[test]
fn a_ledger_whose_name_is_that_of_an_unfinished_copy_is_not_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copy.partial");
    let mut ledger = Ledger::open(&path, Scale::REAL, now()).unwrap();
    add_runs(&mut ledger, &probe(), 0..5);
    let to = folder.path().join("copy");
    assert!(back_up(&path, &to, Existing::Keep, |_, _| ()).is_err());
    assert_eq!(runs(&Ledger::reader(&path).unwrap()), 5);
}

#[test]
fn every_file_that_was_there_before_a_copy_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let path = at("ledger.db");
    for count in [1, 2, 3] {
        let mut ledger = Ledger::open(&path, Scale::REAL, now()).unwrap();
        add_runs(&mut ledger, &probe(), 0..count);
        if count == 1 {
            back_up(&path, &at("copy"), Existing::Keep, |_, _| ()).unwrap();
        }
        ledger.close().unwrap();
        put_back(&path, &at("copy"), |_, _| ()).unwrap();
    }
    for (name, count) in [
        ("ledger.db.before-restore", 1),
        ("ledger.db.before-restore-2", 2),
        ("ledger.db.before-restore-3", 3),
    ] {
        assert_eq!(runs(&Ledger::reader(&at(name)).unwrap()), count, "{name}");
    }
    std::fs::copy(at("copy"), at("ledger.db.new")).unwrap();
    let refused = put_back(&path, &at("ledger.db.new"), |_, _| ()).unwrap_err();
    assert!(refused.to_string().contains("another name"), "{refused}");
    assert!(at("ledger.db.new").exists());
}

#[test]
fn what_is_wrong_with_a_copy_is_said_of_the_copy() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let path = at("ledger.db");
    let mut ledger = Ledger::open(&path, Scale::REAL, now()).unwrap();
    add_runs(&mut ledger, &probe(), 0..200);
    back_up(&path, &at("copy"), Existing::Keep, |_, _| ()).unwrap();
    ledger.close().unwrap();
    let whole = std::fs::read(at("copy")).unwrap();
    std::fs::write(at("truncated"), &whole[..whole.len() / 2]).unwrap();
    std::fs::write(at("empty"), "").unwrap();
    std::fs::write(at("notes"), "of a day".repeat(1_000)).unwrap();
    let foreign = rusqlite::Connection::open(at("foreign")).unwrap();
    foreign
        .execute_batch("CREATE TABLE songs (name TEXT)")
        .unwrap();
    let numbered = rusqlite::Connection::open(at("numbered")).unwrap();
    let table = "CREATE TABLE songs (name TEXT); PRAGMA user_version = 3";
    numbered.execute_batch(table).unwrap();
    for (name, why) in [
        ("absent", "is not there"),
        ("empty", "is no copy of a ledger"),
        ("notes", "is no copy of a ledger"),
        ("foreign", "is no copy of a ledger"),
        ("numbered", "is no copy of a ledger"),
        ("truncated", "is a damaged copy of a ledger"),
    ] {
        let refused = put_back(&path, &at(name), |_, _| ())
            .unwrap_err()
            .to_string();
        let says = format!("{name} {why}");
        assert!(refused.contains(&says), "{refused}");
        assert!(refused.ends_with("Name another copy"), "{refused}");
    }
    assert_eq!(runs(&Ledger::reader(&path).unwrap()), 200);
    let to = at("absent/copy");
    let failed = back_up(&path, &to, Existing::Keep, |_, _| ())
        .unwrap_err()
        .to_string();
    assert!(failed.starts_with("the copy "), "{failed}");
    assert!(failed.contains("absent/copy cannot be written"), "{failed}");
}
