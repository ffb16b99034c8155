//! A ledger of a bounded size, filled through its own writer until there is nothing left to give up.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use outrider_domain::model::{
    Blame, BlameCause, Cause, Disposition, Excuse, Outcome, Owner, Retention, Scale, SloName,
    names, quarter_of,
};
use outrider_domain::schedule::DueCount;
use outrider_domain::sli::{Series, Sketch, SketchKey, SloEvent};
use proptest::prelude::{ProptestConfig, proptest};

use super::test_support::{counted, probe, run, tick};
use super::{Fullness, Ledger, LedgerEntry, Marks};

const BOUND: u64 = 1 << 20;
/// Runs of a batch.
const BATCH: i64 = 20;

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(minute * 60, 0).unwrap()
}

/// Bytes of the file and of its log, as the file system has them.
fn bytes(path: &Path) -> u64 {
    let log = path.with_extension("db-wal");
    let sizes = [path, &log].map(|file| std::fs::metadata(file).map_or(0, |file| file.len()));
    sizes.iter().sum()
}

/// A ledger under load, and what was counted in it.
struct Filling {
    _folder: tempfile::TempDir,
    path: std::path::PathBuf,
    ledger: Ledger,
    noise: u64,
    runs: i64,
    bad: u64,
    stages: BTreeSet<Fullness>,
    kept: Retention,
    /// Bytes of what evidence holds, and minutes from one run to the next.
    evidence: usize,
    minutes: i64,
    minute: i64,
}

impl Filling {
    fn start(evidence: usize, minutes: i64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let ledger = Ledger::open(&path, Scale::REAL, at(0)).unwrap();
        // What is measured is space; a disk that syncs takes its time.
        ledger
            .connection
            .execute_batch("PRAGMA synchronous = OFF")
            .unwrap();
        let mut filling = Self {
            _folder: folder,
            path,
            ledger,
            noise: 1,
            runs: 0,
            bad: 0,
            stages: BTreeSet::new(),
            kept: Retention::default(),
            evidence,
            minutes,
            minute: 0,
        };
        filling.bound(Some(BOUND));
        filling
    }

    fn bound(&mut self, max: Option<u64>) {
        self.kept.ledger_max = max;
        self.ledger.set_bound(max).unwrap();
    }

    /// What no packing makes smaller.
    fn noise(&mut self) -> String {
        let mut text = String::new();
        while text.len() < self.evidence {
            self.noise = self
                .noise
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            text += &format!("{:x}", self.noise);
        }
        text
    }

    /// Writes a batch of runs, one in five failed, as the recorder does; then what it does between two batches.
    fn batch(&mut self) {
        let mut all = Vec::new();
        let mut increments = Vec::new();
        for _ in 0..BATCH {
            self.minute += self.minutes;
            let tick = tick(&probe(), self.minute);
            let mut run = run(&tick, &uuid::Uuid::new_v4().to_string());
            run.verdict.blame = Some(Blame {
                cause: BlameCause::Layer(Cause::Connect),
                owner: Owner::Partner,
                step: None,
                summary: self.noise(),
            });
            self.runs += 1;
            if self.runs % 5 == 0 {
                run.outcome = Outcome::Failed;
                self.bad += 1;
            }
            increments.extend(counted(&probe(), run.outcome));
            all.push((tick, run));
        }
        let quarter = |at| quarter_of(Scale::REAL, at);
        let events: Vec<SloEvent> = all
            .iter()
            .map(|(tick, run)| SloEvent {
                partner: probe().partner,
                slo: SloName::Transport,
                due_at: tick.due_at,
                quarter: quarter(tick.due_at),
                events: 1,
                bad: u64::from(run.outcome == Outcome::Failed),
                inconclusive: 0,
                excuse: Excuse::default(),
            })
            .collect();
        increments.extend(outrider_domain::sli::of_events(&events));
        let due: Vec<DueCount> = all
            .iter()
            .map(|(tick, _)| DueCount {
                probe: probe(),
                slos: vec![SloName::Transport],
                quarter: quarter(tick.due_at),
                last: tick.due_at,
                due: 1,
                held: 0,
                no_alert: 0,
                excluded: 0,
                quiet: 0,
            })
            .collect();
        let mut entries: Vec<_> = all
            .iter()
            .map(|(tick, run)| {
                LedgerEntry::Closed(tick, Disposition::Ran, Some(run), Marks::default())
            })
            .collect();
        entries.push(LedgerEntry::Due(&due));
        entries.push(LedgerEntry::Counters(&increments));
        entries.push(LedgerEntry::SloEvents(&events));
        let (key, sketch) = sketch(at(self.minute));
        entries.push(LedgerEntry::Sketch(&key, &sketch));
        self.ledger.commit(&entries).unwrap();
        let mut steps = 0;
        let (now, kept) = (at(self.minute), self.kept);
        while self.ledger.retain(&kept, now).unwrap() && steps < 20 {
            steps += 1;
            self.fits();
        }
        self.stages.insert(self.ledger.fullness());
        self.fits();
    }

    fn fits(&self) {
        let (bytes, max) = (bytes(&self.path), self.kept.ledger_max);
        let fits = max.is_none_or(|max| bytes <= max);
        assert!(fits, "{bytes} bytes after {} runs", self.runs);
    }

    fn counts_are_right(&self) {
        assert_eq!(self.ledger.differences().unwrap(), []);
        let mut sums = std::collections::BTreeMap::<String, u64>::new();
        for (metric, _, value) in self.ledger.counters().unwrap() {
            *sums.entry(metric).or_default() += value;
        }
        let runs = u64::try_from(self.runs).unwrap();
        for metric in [&names::RUNS, &names::TICKS, &names::SLO_EVENTS] {
            assert_eq!(sums.get(metric.name), Some(&runs), "{}", metric.name);
        }
        assert_eq!(sums.get(names::SLO_BAD.name), Some(&self.bad));
        let sum = |sql: &str| -> u64 {
            let sum = self.ledger.connection.query_row(sql, [], |row| row.get(0));
            sum.unwrap()
        };
        assert_eq!(sum("SELECT sum(ran) FROM probe_quarters"), runs);
        assert_eq!(sum("SELECT sum(due) FROM slo_quarters"), runs);
        assert_eq!(sum("SELECT sum(judged) FROM slo_quarters"), runs);
        assert_eq!(sum("SELECT sum(bad) FROM slo_bad"), self.bad);
    }

    fn count(&self, sql: &str) -> i64 {
        let count = self.ledger.connection.query_row(sql, [], |row| row.get(0));
        count.unwrap()
    }
}

/// The sketch of an hour, as large as one of a few hundred samples.
fn sketch(now: DateTime<Utc>) -> (SketchKey, Sketch) {
    let probe = probe();
    let hour = outrider_domain::sli::hour_of(now);
    let key = SketchKey {
        hour,
        partner: probe.partner,
        journey: probe.journey,
        series: Series::Journey,
    };
    let mut sketch = Sketch::new(&Series::Journey);
    for number in 0..300 {
        sketch.record(Duration::from_micros(1_000 + number * number * 37));
    }
    (key, sketch)
}

#[test]
fn evidence_goes_first_then_runs_then_sketches_and_counts_are_added_up_last() {
    let mut filling = Filling::start(600, 60);
    while filling.ledger.fullness() == Fullness::Everything {
        filling.batch();
    }
    assert_eq!(filling.ledger.fullness(), Fullness::LessEvidence);
    assert_eq!(filling.ledger.folded_before().unwrap(), None);
    assert_eq!(filling.count("SELECT count(*) FROM ticks"), filling.runs);
    let failed = "SELECT count(*) FROM evidence e JOIN ticks t ON t.seq = e.seq JOIN words w ON w.id = t.outcome
        WHERE w.word = 'failed'";
    assert!(filling.count(failed) > 0, "passed ones go first");
    filling.counts_are_right();
    while filling.ledger.fullness() < Fullness::FewerCounts {
        filling.batch();
        assert!(filling.runs < 20_000, "{:?}", filling.stages);
    }
    for _ in 0..50 {
        filling.batch();
    }
    let stages: Vec<Fullness> = filling.stages.iter().copied().collect();
    assert_eq!(stages, Fullness::ALL);
    filling.counts_are_right();
    // A report can tell which counts were added up.
    let folded_before = filling.ledger.folded_before().unwrap();
    let minute = filling.minute;
    assert!(folded_before.is_some_and(|end| end > at(0) && end <= at(minute)));
    // The newest run is there, and so are the counts of the last quarter hours.
    let last = filling.minute * 60_000_000;
    let newest = format!("SELECT count(*) FROM ticks WHERE due_us = {last}");
    assert_eq!(filling.count(&newest), 1);
    let newest = format!("SELECT ran FROM probe_quarters WHERE quarter_us = {last}");
    assert_eq!(filling.count(&newest), 1);
    let Filling {
        _folder,
        path,
        ledger,
        runs,
        ..
    } = filling;
    ledger.close().unwrap();
    let mut again = Ledger::open(&path, Scale::REAL, at(0)).unwrap();
    assert_eq!(again.repair(&super::Promises::new(), at(0)).unwrap(), []);
    // With space again everything is kept again.
    again.set_bound(Some(64 << 20)).unwrap();
    assert_eq!(again.fullness(), Fullness::Everything);
    let begun = again.runs_begun().unwrap();
    assert_eq!(begun[&probe()], u64::try_from(runs).unwrap());
}

#[test]
fn a_ledger_larger_than_its_new_bound_shrinks_in_small_steps() {
    let mut filling = Filling::start(4_000, 1);
    filling.bound(None);
    while bytes(&filling.path) < 4 * BOUND {
        filling.batch();
    }
    filling.bound(Some(BOUND));
    let mut steps = 0;
    while filling
        .ledger
        .retain(&filling.kept, at(filling.minute))
        .unwrap()
    {
        steps += 1;
        assert!(steps < 10_000);
    }
    assert!(steps > 4, "{steps}");
    // What was given back leaves the file with the next write of the log.
    filling.kept.ledger_max = None;
    filling.batch();
    filling.batch();
    filling.kept.ledger_max = Some(BOUND);
    filling.batch();
    filling.counts_are_right();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, ..ProptestConfig::default() })]
    #[test]
    fn counts_stay_right_whatever_is_given_up(
        evidence in 0_usize..3_000, minutes in 1_i64..120, batches in 50_usize..200,
    ) {
        let mut filling = Filling::start(evidence, minutes);
        for _ in 0..batches {
            filling.batch();
        }
        filling.counts_are_right();
    }
}
