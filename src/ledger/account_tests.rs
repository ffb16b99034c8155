//! What was changed from outside is named, and the ledger goes on from what is proven.

use chrono::{DateTime, TimeDelta, Utc};
use outrider_domain::model::{Disposition, Excuse, Scale, SloName, quarter_of};
use outrider_domain::schedule::DueCount;
use outrider_domain::sli::{self, SloEvent};
use outrider_domain::slo::{Epoch, Promise, Terms};

use super::test_support::{counted, ledger_with_runs, probe, run, tick};
use super::{Difference, EpochBegun, Ledger, LedgerEntry, Marks, Promises, RunFilter};

fn reopened(tamper: &str) -> (Ledger, Vec<Difference>) {
    let mut ledger = ledger_with_runs(100);
    assert_eq!(ledger.differences().unwrap(), []);
    ledger.connection.execute_batch(tamper).unwrap();
    let differences = ledger
        .repair(&Promises::new(), DateTime::UNIX_EPOCH)
        .unwrap();
    assert_eq!(
        ledger.differences().unwrap(),
        [],
        "it goes on from what is proven"
    );
    (ledger, differences)
}

fn value(ledger: &Ledger, metric: &str) -> u64 {
    let all = ledger.counters().unwrap();
    let of = all.iter().filter(|(one, _, _)| one == metric);
    of.map(|(_, _, value)| value).sum()
}

#[test]
fn deleted_rows_are_named_and_no_longer_expected() {
    let (_, differences) = reopened("DELETE FROM ticks WHERE seq <= 51");
    let rows = Difference::Rows {
        probe: probe(),
        expected: 100,
        found: 49,
    };
    assert_eq!(differences, [rows]);
    assert!(
        differences[0].to_string().contains("51 are gone"),
        "{}",
        differences[0]
    );
}

#[test]
fn a_counter_that_was_raised_takes_its_proven_value() {
    let raise = "UPDATE counters SET value = value + 1000
                 WHERE metric = 'outrider_runs_total' AND labels LIKE '%\"passed\"%'";
    let (ledger, differences) = reopened(raise);
    assert_eq!(differences.len(), 1, "{differences:?}");
    assert!(
        differences[0]
            .to_string()
            .contains("is 1100, and 100 is proven")
    );
    assert_eq!(value(&ledger, "outrider_runs_total"), 100);
}

#[test]
fn an_unharmed_counter_outweighs_a_quarter_hour_that_was_changed() {
    let lower = "UPDATE probe_quarters SET ran = 0 WHERE quarter_us = 0";
    let (ledger, differences) = reopened(lower);
    assert!(
        matches!(differences[..], [Difference::Quarters { .. }]),
        "{differences:?}"
    );
    assert_eq!(value(&ledger, "outrider_ticks_total"), 100);
}

#[test]
fn counters_of_which_nothing_is_proven_restart_at_0_with_their_metric() {
    let raise = "UPDATE counters SET value = value + 1 WHERE metric = 'outrider_requests_total'";
    let (ledger, differences) = reopened(raise);
    assert!(
        matches!(differences[..], [Difference::Sum { .. }]),
        "{differences:?}"
    );
    assert_eq!(value(&ledger, "outrider_requests_total"), 0);
    assert_eq!(value(&ledger, "outrider_runs_total"), 100);
}

/// Terms under which `every` names the schedule.
fn promise(every: &str) -> Promise {
    let terms = Terms {
        schedule: every.to_owned(),
        threshold: None,
    };
    Promise {
        objective_ppm: 970_000,
        window: "30d".to_owned(),
        journeys: [("bulk-exchange".to_owned(), terms)].into(),
    }
}

/// A run a minute for two hours, judged by two objectives; every tenth is bad. The second hour is another epoch.
fn ledger_with_budgets() -> Ledger {
    let mut ledger = Ledger::in_memory().unwrap();
    let slos = [SloName::Business, SloName::Transport];
    let at = |minute: i64| DateTime::from_timestamp(minute * 60, 0).unwrap();
    for (number, from) in [(1, -1), (2, 59)] {
        let begun = slos.map(|slo| EpochBegun {
            partner: probe().partner,
            slo,
            epoch: Epoch {
                number,
                from: at(from),
                promise: promise(["every 1m", "every 60s"][usize::from(number == 2)]),
            },
        });
        ledger
            .commit(&begun.each_ref().map(LedgerEntry::Epoch))
            .unwrap();
    }
    for minute in 0..120 {
        let tick = tick(&probe(), minute);
        let run = run(&tick, &uuid::Uuid::new_v4().to_string());
        let quarter = quarter_of(Scale::REAL, tick.due_at);
        let events = slos.map(|slo| SloEvent {
            partner: probe().partner,
            slo,
            due_at: tick.due_at,
            quarter,
            events: 1,
            bad: u64::from(minute % 10 == 0),
            inconclusive: 0,
            excuse: Excuse::default(),
        });
        let due = [DueCount {
            probe: probe(),
            slos: slos.to_vec(),
            quarter,
            last: tick.due_at,
            due: 1,
            held: 0,
            no_alert: 0,
            excluded: 0,
            quiet: 0,
        }];
        let mut counts = counted(&probe(), run.outcome);
        counts.extend(sli::of_events(&events));
        let entries = [
            LedgerEntry::Closed(&tick, Disposition::Ran, Some(&run), Marks::of(&events, 0)),
            LedgerEntry::Counters(&counts),
            LedgerEntry::SloEvents(&events),
            LedgerEntry::Due(&due),
            LedgerEntry::DueThrough(tick.due_at),
        ];
        ledger.commit(&entries).unwrap();
    }
    ledger
}

/// What is promised now: the same to both objectives.
fn present() -> Promises {
    let of = |slo| ((probe().partner, slo), promise("every 5m"));
    [SloName::Business, SloName::Transport].map(of).into()
}

/// Judged and bad runs of an objective by epoch, and how many bad ones are listed.
fn budget(ledger: &Ledger, slo: SloName) -> (Vec<(u64, u64)>, u64) {
    let history = ledger.slo_history(&probe().partner, slo, Scale::REAL);
    let history = history.unwrap();
    let all = history
        .since(DateTime::<Utc>::MIN_UTC + TimeDelta::days(1))
        .unwrap();
    let counts = all.iter().map(|one| (one.counts.judged, one.counts.bad));
    let listed = history.bad_since(DateTime::<Utc>::MIN_UTC).unwrap();
    (counts.collect(), listed.iter().map(|(_, bad)| bad).sum())
}

/// Judged and bad runs of two epochs.
type Epochs = [(u64, u64); 2];

/// What is changed, what is said of it, and judged and bad runs by epoch afterwards.
const BUDGETS: [(&str, &str, Epochs); 8] = [
    (
        "DELETE FROM slo_bad",
        "0 bad runs of keystone/business are listed",
        [(60, 6), (60, 6)],
    ),
    (
        "UPDATE slo_bad SET bad = 3 WHERE due_us = 600000000",
        "14 bad runs of keystone/business are listed where its quarter hours count 12",
        [(60, 6), (60, 6)],
    ),
    (
        "UPDATE slo_quarters SET bad = bad + 5 WHERE objective = 1",
        "12 bad runs of keystone/business are listed where its quarter hours count 52",
        [(60, 6), (60, 6)],
    ),
    (
        "DELETE FROM slo_quarters WHERE objective = 1 AND quarter_us = 0",
        "whose counter says 120",
        // Those that are listed are proven.
        [(47, 6), (60, 6)],
    ),
    (
        "UPDATE counters SET value = value + 1000 WHERE metric = 'outrider_slo_bad_total';
         UPDATE counter_sums SET value = value + 2000 WHERE metric = 'outrider_slo_bad_total'",
        "is 1012, and 12 is proven",
        [(60, 6), (60, 6)],
    ),
    (
        "UPDATE counters SET value = value + 1000
         WHERE metric = 'outrider_slo_events_total' AND labels LIKE '%business%'",
        "is 1120, and 120 is proven",
        [(60, 6), (60, 6)],
    ),
    (
        "UPDATE epochs SET promise = '{' WHERE objective = 1",
        "epoch 2 of keystone/business cannot be read",
        [(60, 6), (60, 6)],
    ),
    (
        "DELETE FROM epochs WHERE objective = 1 AND number = 1",
        "epoch 1 of keystone/business is gone",
        [(60, 6), (60, 6)],
    ),
];

#[test]
fn a_changed_budget_is_named_and_goes_on_from_what_is_proven() {
    for (tamper, says, budgets) in BUDGETS {
        let mut ledger = ledger_with_budgets();
        assert_eq!(ledger.differences().unwrap(), []);
        ledger.connection.execute_batch(tamper).unwrap();
        let said = |differences: &[Difference]| {
            let said: Vec<String> = differences.iter().map(ToString::to_string).collect();
            said.join("; ")
        };
        let verified = said(&ledger.differences().unwrap());
        assert!(verified.contains(says), "{tamper}: {verified}");
        let named = said(&ledger.repair(&present(), DateTime::UNIX_EPOCH).unwrap());
        assert!(named.contains(says), "{tamper}: {named}");
        assert_eq!(ledger.differences().unwrap(), [], "{tamper}");
        let (counts, listed) = budget(&ledger, SloName::Business);
        assert_eq!(counts, budgets, "{tamper}");
        assert_eq!(listed, 12, "{tamper}");
        assert_eq!(
            budget(&ledger, SloName::Transport),
            (vec![(60, 6), (60, 6)], 12),
            "{tamper}"
        );
        let bad = ledger.counters().unwrap();
        let bad: u64 = bad
            .iter()
            .filter(|one| one.0 == "outrider_slo_bad_total")
            .map(|one| one.2)
            .sum();
        assert_eq!(bad, 24, "{tamper}");
    }
}

#[test]
fn an_epoch_that_cannot_be_read_has_the_promise_of_the_nearest_or_the_present_one() {
    let promises = |tamper: &str| {
        let mut ledger = ledger_with_budgets();
        ledger.connection.execute_batch(tamper).unwrap();
        ledger.repair(&present(), DateTime::UNIX_EPOCH).unwrap();
        let history = ledger.slo_history(&probe().partner, SloName::Business, Scale::REAL);
        let epochs = history.unwrap().epochs().to_vec();
        let of = |epoch: &Epoch| epoch.promise.journeys["bulk-exchange"].schedule.clone();
        epochs.iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(promises(""), ["every 1m", "every 60s"]);
    assert_eq!(
        promises("UPDATE epochs SET promise = 'x' WHERE number = 2"),
        ["every 1m", "every 1m"]
    );
    assert_eq!(
        promises("DELETE FROM epochs WHERE number = 1"),
        ["every 60s", "every 60s"]
    );
    assert_eq!(promises("DELETE FROM epochs"), ["every 5m", "every 5m"]);
}

/// What is changed of names, places and rows, and what is said of it at a start and when all is verified.
const PLACES: [(&str, &str, bool); 9] = [
    ("DELETE FROM words", "rows name word ", true),
    ("DELETE FROM objectives", "rows name objective 2", true),
    ("DELETE FROM probes", "rows name probe 1", true),
    (
        "DELETE FROM tick_hours",
        "hours do not say where their rows lie",
        true,
    ),
    (
        "UPDATE tick_hours SET last_seq = first_seq",
        "2 hours do not say",
        false,
    ),
    (
        "UPDATE meta SET value = '7' WHERE key = 'seq'",
        "is said to be 7, and a row has 120",
        true,
    ),
    (
        "UPDATE meta SET value = 'x' WHERE key = 'seq'",
        "is said to be no number, and a row has 120",
        true,
    ),
    (
        "UPDATE ticks SET outcome = 99 WHERE seq > 100;
         INSERT INTO words (id, word) VALUES (99, 'failed')",
        "100 rows of ticks are outrider_runs_total[\"keystone\",\"bulk-exchange\",\"passed\"], where 120 were counted",
        false,
    ),
    (
        "UPDATE counters SET value = 'many' WHERE metric = 'outrider_ticks_total'",
        "outrider_ticks_total[\"keystone\",\"bulk-exchange\",\"ran\"] is 0, and 120 is proven",
        true,
    ),
];

#[test]
fn names_places_and_rows_are_compared() {
    for (tamper, says, is_at_start) in PLACES {
        let mut ledger = ledger_with_budgets();
        ledger.connection.execute_batch(tamper).unwrap();
        let is_said = |differences: Vec<Difference>| {
            differences.iter().any(|one| one.to_string().contains(says))
        };
        ledger.ids.borrow_mut().forget();
        let all = ledger.differences().unwrap();
        assert!(is_said(all.clone()), "{tamper}: {all:?}");
        let named = ledger.repair(&present(), DateTime::UNIX_EPOCH).unwrap();
        assert_eq!(is_said(named.clone()), is_at_start, "{tamper}: {named:?}");
        if is_at_start {
            assert_eq!(ledger.differences().unwrap(), [], "{tamper}");
        }
        let later = tick(&probe(), 500);
        let run = run(&later, "later");
        let entry = LedgerEntry::Closed(&later, Disposition::Ran, Some(&run), Marks::default());
        assert!(ledger.commit(&[entry]).unwrap()[0] > 120, "{tamper}");
    }
}

#[test]
fn numbers_of_lost_names_are_not_given_to_others() {
    let mut ledger = ledger_with_budgets();
    let lost = "DELETE FROM words; DELETE FROM objectives; DELETE FROM probes";
    ledger.connection.execute_batch(lost).unwrap();
    ledger.ids.borrow_mut().forget();
    ledger.repair(&present(), DateTime::UNIX_EPOCH).unwrap();
    super::test_support::add_runs(&mut ledger, &probe(), 300..303);
    let filter = RunFilter {
        partner: Some(probe().partner.to_string()),
        limit: 100,
        ..RunFilter::default()
    };
    assert_eq!(ledger.runs(&filter).unwrap().len(), 3);
    assert_eq!(ledger.differences().unwrap(), []);
}

#[test]
fn counters_that_were_changed_with_their_sum_are_outweighed_by_rows_and_quarter_hours() {
    let both = "UPDATE counters SET value = value + 1000 WHERE metric = 'outrider_runs_total';
                UPDATE counter_sums SET value = value + 1000 WHERE metric = 'outrider_runs_total'";
    let (ledger, differences) = reopened(both);
    assert!(
        matches!(differences[..], [Difference::Counter { .. }]),
        "{differences:?}"
    );
    assert_eq!(value(&ledger, "outrider_runs_total"), 100);
}
