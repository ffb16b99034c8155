//! A month written through the real ledger: what the budget of a window is counts what was due when it was due,
//! whatever the files say now, and every number is the one counted by hand.

use chrono::{DateTime, TimeDelta, Utc};
use outrider::agent::slo_status;
use outrider::ledger::{EpochBegun, Ledger, LedgerEntry, Marks, Promises};
use outrider_domain::model::{
    Blame, BlameCause, Cause, Count, Disposition, LayerVerdict, Outcome, Owner, Plan, Probe, RunId,
    RunRecord, Scale, SloName, Tick, Verdict,
};
use outrider_domain::schedule::due_counts;
use outrider_domain::sli;
use outrider_domain::slo::{Epoch, Promise, SloStatus, objectives};

use crate::support::{Config, Pace, record_of};

/// Every so many starts, one whose run is bad in the business layer.
const BAD_EVERY: u64 = 97;
/// Every so many starts, one that was missed.
const MISSED_EVERY: u64 = 211;
/// Starts written in one transaction.
const BATCH: usize = 500;

/// What was written, counted by hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    due: u64,
    judged: u64,
    bad: u64,
}

struct Month {
    ledger: Ledger,
    starts: u64,
    /// When each start was due, and what came of it.
    told: Vec<(DateTime<Utc>, Tally)>,
}

impl Month {
    /// Writes what happens after a time and up to another by a plan, as the recorder does.
    fn write(&mut self, plan: &Plan, after: DateTime<Utc>, until: DateTime<Utc>) {
        let probe = plan.probes.values().next().unwrap();
        let starts: Vec<DateTime<Utc>> = probe.starts(after, until).collect();
        let mut from = after;
        for batch in starts.chunks(BATCH) {
            let to = *batch.last().unwrap();
            self.write_batch(plan, probe, batch);
            let due = due_counts(plan, probe, from, to);
            let entries = [LedgerEntry::Due(&due), LedgerEntry::DueThrough(to)];
            self.ledger.commit(&entries).unwrap();
            from = to;
        }
        self.ledger
            .commit(&[LedgerEntry::DueThrough(until)])
            .unwrap();
    }

    fn write_batch(&mut self, plan: &Plan, probe: &Probe, batch: &[DateTime<Utc>]) {
        let mut ticks = Vec::new();
        for due_at in batch {
            self.starts += 1;
            let is_missed = self.starts.is_multiple_of(MISSED_EVERY);
            let is_bad = !is_missed && self.starts.is_multiple_of(BAD_EVERY);
            let tick = Tick {
                probe: probe.id.clone(),
                due_at: *due_at,
            };
            let run = (!is_missed).then(|| run(probe, *due_at, is_bad, self.starts));
            self.told.push((
                *due_at,
                Tally {
                    due: 1,
                    judged: u64::from(!is_missed),
                    bad: u64::from(is_bad),
                },
            ));
            ticks.push((tick, run));
        }
        let mut events = Vec::new();
        let mut counted = Vec::new();
        let mut marked = Vec::new();
        for (tick, run) in &ticks {
            let disposition = if run.is_some() {
                Disposition::Ran
            } else {
                Disposition::Missed
            };
            counted.push(sli::of_tick(&tick.probe, disposition));
            let own = run
                .as_ref()
                .map_or_else(Vec::new, |run| sli::slo_events(plan, run));
            counted.extend(run.iter().flat_map(|run| sli::of_run(plan, run)));
            counted.extend(sli::of_events(&own));
            marked.push((tick, disposition, run.as_ref(), Marks::of(&own, 0)));
            events.extend(own);
        }
        let mut entries: Vec<LedgerEntry<'_>> = marked
            .into_iter()
            .map(|(tick, disposition, run, marks)| {
                LedgerEntry::Closed(tick, disposition, run, marks)
            })
            .collect();
        entries.push(LedgerEntry::SloEvents(&events));
        entries.push(LedgerEntry::Counters(&counted));
        self.ledger.commit(&entries).unwrap();
    }

    /// What was due after a time and up to another, counted by hand.
    fn by_hand(&self, after: DateTime<Utc>, until: DateTime<Utc>) -> Tally {
        let within = self
            .told
            .iter()
            .filter(|(due, _)| *due > after && *due <= until);
        within.fold(Tally::default(), |sum, (_, one)| Tally {
            due: sum.due + one.due,
            judged: sum.judged + one.judged,
            bad: sum.bad + one.bad,
        })
    }
}

fn run(probe: &Probe, due_at: DateTime<Utc>, is_bad: bool, number: u64) -> RunRecord {
    let mut run = record_of(&probe.id, due_at);
    run.run = RunId::new(uuid::Uuid::from_u64_pair(7, number).to_string());
    if is_bad {
        run.outcome = Outcome::Failed;
        run.verdict = Verdict {
            layers: [LayerVerdict::Good, LayerVerdict::Good, LayerVerdict::Bad],
            counts: [Count::Good, Count::Good, Count::Bad],
            blame: Some(Blame {
                cause: BlameCause::Layer(Cause::Completeness),
                owner: Owner::Partner,
                step: None,
                summary: "a record is missing".to_owned(),
            }),
        };
    }
    run
}

fn plan(config: &Config) -> Plan {
    outrider_domain::config::load(&config.folder.path().join("outrider.toml"), None).unwrap()
}

/// The epochs that a plan begins, as the agent writes them.
fn begin(month: &mut Month, plan: &Plan, number: u32, from: DateTime<Utc>) {
    for partner in plan.partners.values() {
        for slo in partner.slos.values() {
            let begun = EpochBegun {
                partner: partner.id.clone(),
                slo: slo.name,
                epoch: Epoch {
                    number,
                    from,
                    promise: Promise::of(plan, partner, slo),
                },
            };
            month.ledger.commit(&[LedgerEntry::Epoch(&begun)]).unwrap();
        }
    }
}

fn business(plan: &Plan, ledger: &Ledger, now: DateTime<Utc>) -> SloStatus {
    let all = objectives(plan).unwrap();
    let one = all.iter().find(|one| one.slo.name == SloName::Business);
    slo_status(plan, ledger, one.unwrap(), now).unwrap()
}

fn is(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-9, "{a} is not {b}");
}

#[expect(clippy::cast_precision_loss, reason = "counts of a month")]
fn float(count: u64) -> f64 {
    count as f64
}

#[test]
fn a_month_through_the_ledger_is_what_was_due_whatever_the_files_say_now() {
    let config = Config::new(&Pace {
        every: "1m",
        timeout: "10s",
        deadline: "1m",
        concurrency: 1,
    });
    let file = "partners/keystone.toml";
    let old = plan(&config);
    // Not at the begin of a quarter hour, so that the window's edge lies within one.
    let begin_at = DateTime::from_timestamp(900 * 2_000_000 + 437, 0).unwrap();
    let days = |days| begin_at + TimeDelta::days(days);
    let path = config.folder.path().join("ledger.db");
    let ledger = Ledger::open(&path, Scale::REAL, begin_at).unwrap();
    let mut month = Month {
        ledger,
        starts: 0,
        told: Vec::new(),
    };
    begin(&mut month, &old, 1, begin_at);
    let changed_at = days(31);
    month.write(&old, begin_at, changed_at);

    // A fifth of the runs, and half a percent more is promised: at that moment nothing is rewritten.
    let before = business(&old, &month.ledger, changed_at);
    let by_hand = month.by_hand(days(1), changed_at);
    assert_eq!((before.due, before.events), (43_200, by_hand.judged));
    assert_eq!((by_hand.due, before.bad), (43_200, by_hand.bad));
    is(before.budget, 43_200.0 * 0.03);
    is(before.coverage, float(by_hand.judged) / 43_200.0);
    config.replace(file, "\"1m\"\ntimeout", "\"5m\"\ntimeout");
    config.replace(
        file,
        "[slo.business]\n",
        "[slo.business]\nobjective = 97.5\n",
    );
    let new = plan(&config);
    begin(&mut month, &new, 2, changed_at);
    let after = business(&new, &month.ledger, changed_at);
    is(after.remaining, before.remaining);
    is(after.budget, before.budget);
    is(after.coverage, before.coverage);
    assert_eq!((after.due, after.events), (before.due, before.events));

    // Five days on, each part has what was due in it, and its own promise.
    let now = days(36);
    month.write(&new, changed_at, now);
    let status = business(&new, &month.ledger, now);
    let (first, second) = (
        month.by_hand(days(6), changed_at),
        month.by_hand(changed_at, now),
    );
    let seen: Vec<Tally> = status
        .parts
        .iter()
        .map(|part| Tally {
            due: part.counts.owed(),
            judged: part.counts.judged,
            bad: part.counts.bad,
        })
        .collect();
    assert_eq!(seen, [first, second]);
    let budget = float(first.due) * 0.03 + float(second.due) * 0.025;
    is(status.budget, budget);
    is(
        status.remaining,
        1.0 - float(first.bad + second.bad) / budget,
    );
    assert!(status.coverage <= 1.0, "{}", status.coverage);

    // What was due and is not written yet is added by the plan, to the run.
    let later = now + TimeDelta::minutes(14);
    let more = business(&new, &month.ledger, later);
    let probe = new.probes.values().next().unwrap();
    let due = month.by_hand(later - TimeDelta::days(30), now).due + probe.count(now, later);
    assert_eq!(more.due, due);

    accounts_agree(month, &path, now);
}

fn accounts_agree(month: Month, path: &std::path::Path, now: DateTime<Utc>) {
    month.ledger.close().unwrap();
    let mut ledger = Ledger::open(path, Scale::REAL, now).unwrap();
    assert_eq!(ledger.repair(&Promises::new(), now).unwrap(), []);
}
