//! Ledgers of earlier schemas, brought to the present one.

use std::path::Path;

use chrono::{DateTime, Utc};
use outrider_domain::model::Scale;
use rusqlite::Connection;

use super::size_tests::ledger_of_0_1_0;
use super::{Ledger, LedgerError, Promises, RunFilter};

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn all() -> RunFilter {
    RunFilter {
        limit: 1_000,
        ..RunFilter::default()
    }
}

/// Runs in a file of an earlier schema.
fn runs_of(path: &Path) -> usize {
    let old = Connection::open(path).unwrap();
    old.query_row("SELECT count(*) FROM runs", [], |row| row.get(0))
        .unwrap()
}

#[test]
fn everything_of_an_earlier_ledger_is_there_and_the_old_file_goes_once_the_new_one_is_proven() {
    let folder = tempfile::tempdir().unwrap();
    let path = ledger_of_0_1_0(folder.path());
    let kept = folder.path().join("ledger.db.schema-4");
    let old = Connection::open(&path).unwrap();
    let number = |sql: &str| old.query_row(sql, [], |row| row.get::<_, u64>(0)).unwrap();
    let (ticks, counted) = (
        number("SELECT count(*) FROM ticks"),
        number("SELECT sum(value) FROM counters"),
    );
    let mut statement = old
        .prepare("SELECT seq, run, started_us, detail FROM runs ORDER BY seq")
        .unwrap();
    let of_old: Vec<(u64, String, i64, String)> = statement
        .query_map([], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .unwrap()
        .map(Result::unwrap)
        .collect();
    drop(statement);
    drop(old);

    let mut ledger = Ledger::open(&path, Scale::REAL, now()).unwrap();
    assert_eq!(runs_of(&kept), of_old.len());
    assert_eq!(ledger.repair(&Promises::new(), now()).unwrap(), []);
    assert!(kept.exists(), "a first start does not prove it yet");
    let runs = ledger.runs(&all()).unwrap();
    assert_eq!(runs.len(), of_old.len());
    for (run, (seq, id, started_us, detail)) in runs.iter().zip(&of_old) {
        assert_eq!((run.seq, run.record.run.as_str()), (*seq, id.as_str()));
        assert_eq!(run.record.started_at.timestamp_micros(), *started_us);
        let again = super::rows::Detail::of(&run.record);
        let mut again = serde_json::to_value(&again).unwrap();
        let mut old: serde_json::Value =
            serde_json::from_str(&detail.replace("contaminated", "agent_delayed")).unwrap();
        // What an earlier version did not write is what it would have written.
        fill(&mut old, &mut again);
        assert_eq!(again, old);
        let by_id = ledger.run(id).unwrap().unwrap().record;
        assert_eq!(by_id.steps, run.record.steps);
        assert_eq!(by_id.verdict, run.record.verdict);
    }
    let sql = "SELECT (SELECT count(*) FROM ticks) + (SELECT count(*) FROM open_ticks)";
    let now_there: u64 = ledger
        .connection
        .query_row(sql, [], |row| row.get(0))
        .unwrap();
    assert_eq!(now_there, ticks);
    let sum: u64 = ledger.counters().unwrap().iter().map(|one| one.2).sum();
    assert_eq!(sum, counted);
    ledger.close().unwrap();

    let mut ledger = Ledger::open(&path, Scale::REAL, now()).unwrap();
    assert_eq!(ledger.rollback(), None, "it is the same ledger");
    assert_eq!(ledger.repair(&Promises::new(), now()).unwrap(), []);
    assert!(!kept.exists(), "the second start proved it");
    assert_eq!(ledger.runs(&all()).unwrap().len(), of_old.len());
}

/// Takes out of the present form the members that the old one lacks.
fn fill(old: &mut serde_json::Value, new: &mut serde_json::Value) {
    match (old, new) {
        (serde_json::Value::Object(old), serde_json::Value::Object(new)) => {
            new.retain(|key, _| old.contains_key(key));
            for (key, old) in old {
                if let Some(new) = new.get_mut(key) {
                    fill(old, new);
                }
            }
        }
        (serde_json::Value::Array(old), serde_json::Value::Array(new)) => {
            old.iter_mut()
                .zip(new)
                .for_each(|(old, new)| fill(old, new));
        }
        _ => {}
    }
}

#[test]
fn a_ledger_of_the_first_schema_is_brought_up_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = ledger_of_0_1_0(folder.path());
    let old = Connection::open(&path).unwrap();
    old.execute_batch(
        "DROP TABLE slo_judged; DROP TABLE slo_bad; DROP TABLE slo_excluded; DROP TABLE asides;
         DROP INDEX ticks_excused; PRAGMA user_version = 1",
    )
    .unwrap();
    drop(old);
    let refused = Ledger::reader(&path).unwrap_err();
    assert!(
        matches!(refused, LedgerError::TooOld { found: 1, .. }),
        "{refused}"
    );
    let ledger = Ledger::open(&path, Scale::REAL, now()).unwrap();
    assert_eq!(ledger.runs(&all()).unwrap().len(), 17);
    assert_eq!(ledger.differences().unwrap(), []);
}

#[test]
fn a_migration_that_was_killed_starts_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = ledger_of_0_1_0(folder.path());
    // Killed while it built the new file, and after the old one had its second name.
    std::fs::write(folder.path().join("ledger.db.new"), b"half a ledger").unwrap();
    std::fs::write(folder.path().join("ledger.db.new-wal"), b"half a log").unwrap();
    std::fs::hard_link(&path, folder.path().join("ledger.db.schema-4")).unwrap();
    let ledger = Ledger::open(&path, Scale::REAL, now()).unwrap();
    assert_eq!(ledger.runs(&all()).unwrap().len(), 17);
    assert!(!folder.path().join("ledger.db.new").exists());
    assert_eq!(runs_of(&folder.path().join("ledger.db.schema-4")), 17);
}

#[test]
fn damaged_evidence_names_its_run_and_is_never_a_value() {
    let folder = tempfile::tempdir().unwrap();
    let path = ledger_of_0_1_0(folder.path());
    let ledger = Ledger::open(&path, Scale::REAL, now()).unwrap();
    let garble =
        "UPDATE evidence SET body = substr(body, 1, 6) || x'0102030405' || substr(body, 12)";
    ledger.connection.execute_batch(garble).unwrap();
    let runs = ledger.runs(&all()).unwrap();
    assert_eq!(runs.len(), 17);
    for run in runs {
        let id = run.record.run.as_str();
        assert!(run.record.steps.is_empty());
        let refused = ledger.run(id).unwrap_err().to_string();
        assert!(
            refused.contains(&format!("evidence of run {id} is damaged")),
            "{refused}"
        );
    }
}
