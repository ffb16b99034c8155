//! How many bytes a run takes. Sizes are the same on every machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use outrider_domain::model::{
    Disposition, JourneyId, MemberId, Outcome, PartnerId, ProbeId, Scale,
};

use super::test_support::{run, tick};
use super::{EvidenceState, Ledger, LedgerEntry, Marks, RunFilter};

/// With its indexes.
const ROW_MAX: i64 = 150;
const PASSED_BULK_RUN_MAX: usize = 1_536;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

/// The 17 runs that 0.1.0 left.
pub(super) fn ledger_of_0_1_0(folder: &Path) -> PathBuf {
    let store = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/stores/0.1.0/ledger.db");
    let path = folder.join("ledger.db");
    std::fs::copy(store, &path).unwrap();
    path
}

fn pages(ledger: &Ledger) -> i64 {
    let count = ledger
        .connection
        .query_row("PRAGMA page_count", [], |row| row.get::<_, i64>(0));
    let free = ledger
        .connection
        .query_row("PRAGMA freelist_count", [], |row| row.get::<_, i64>(0));
    count.unwrap() - free.unwrap()
}

#[test]
fn a_run_in_brief_takes_150_bytes_with_its_indexes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let mut ledger = Ledger::open(&path, Scale::REAL, now()).unwrap();
    ledger
        .connection
        .execute_batch("PRAGMA synchronous = OFF")
        .unwrap();
    let probes: Vec<ProbeId> = (0..25)
        .map(|number| ProbeId {
            partner: PartnerId::new(format!("partner-{}", number / 5)),
            journey: JourneyId::new(format!("journey-{}", number % 5)),
        })
        .collect();
    let start = now().timestamp() / 60;
    let mut before = 0;
    let (warm_up, counted) = (2_500_i64, 100_000_i64);
    for number in 0..(warm_up + counted) / 500 {
        if number == warm_up / 500 {
            before = pages(&ledger);
        }
        let minutes = (0..20).map(|minute| start + number * 20 + minute);
        let all: Vec<_> = minutes
            .flat_map(|minute| probes.iter().map(move |probe| tick(probe, minute)))
            .map(|tick| {
                let mut run = run(&tick, &uuid::Uuid::new_v4().to_string());
                let member = tick.due_at.timestamp() / 60 % 40;
                run.member = Some(MemberId::new(format!("member-{member}")));
                (tick, run)
            })
            .collect();
        let marks = Marks {
            judged: 0b1111,
            ..Marks::default()
        };
        let entries: Vec<_> = all
            .iter()
            .map(|(tick, run)| LedgerEntry::Closed(tick, Disposition::Ran, Some(run), marks))
            .collect();
        ledger.commit(&entries).unwrap();
        // Rows alone: the evidence has a test of its own.
        ledger
            .connection
            .execute_batch("DELETE FROM evidence")
            .unwrap();
    }
    let bytes = (pages(&ledger) - before) * 4096;
    let each = bytes / counted;
    println!("{each} bytes a run in brief");
    assert!(each <= ROW_MAX, "{each} bytes a run");
}

#[test]
fn the_shipped_plan_takes_four_gigabytes_in_a_year() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("outrider.toml");
    let plan = outrider_domain::config::load(&file, None).unwrap();
    let expected = outrider_domain::schedule::expected_size(&plan, now());
    println!("{expected:?}");
    assert!(
        expected.year > 1_000_000_000 && expected.year <= 4_000_000_000,
        "{expected:?}"
    );
}

#[test]
fn a_passed_bulk_run_takes_a_kilobyte_and_a_half() {
    let folder = tempfile::tempdir().unwrap();
    let path = ledger_of_0_1_0(folder.path());
    let ledger = Ledger::open(&path, Scale::REAL, now()).unwrap();
    let runs = ledger
        .runs(&RunFilter {
            limit: 100,
            ..RunFilter::default()
        })
        .unwrap();
    assert_eq!(runs.len(), 17);
    let mut sizes: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for run in &runs {
        assert_eq!(run.evidence, EvidenceState::Whole);
        let sql = "SELECT length(body) FROM evidence WHERE seq = ?1";
        let size = ledger
            .connection
            .query_row(sql, [run.seq], |row| row.get(0));
        let name = format!("{} {}", run.record.journey, run.record.outcome);
        sizes.entry(name).or_default().push(size.unwrap());
    }
    let sql = "SELECT count(*), coalesce(sum(length(body)), 0) FROM evidence_references";
    let references: (usize, usize) = ledger
        .connection
        .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    println!("{sizes:?}, references {references:?}");
    let bulk = &sizes[&format!("bulk-exchange {}", Outcome::Passed)];
    assert!(
        bulk.iter().all(|size| *size <= PASSED_BULK_RUN_MAX),
        "{bulk:?}"
    );
    // The first of each probe is its reference, and costs next to nothing besides.
    assert!(bulk.iter().any(|size| *size > 100), "{bulk:?}");
}
