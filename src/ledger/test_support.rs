//! Ledgers for unit tests.

use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use outrider_domain::model::{
    Disposition, JourneyId, MemberId, Outcome, PartnerId, ProbeId, RunId, RunRecord, Tick, names,
};
use outrider_domain::sli::{self, Increment};

use super::{Ledger, LedgerEntry, Marks};

pub(super) fn probe() -> ProbeId {
    ProbeId {
        partner: PartnerId::new("keystone"),
        journey: JourneyId::new("bulk-exchange"),
    }
}

/// The tick of a minute.
pub(super) fn tick(probe: &ProbeId, minute: i64) -> Tick {
    Tick {
        probe: probe.clone(),
        due_at: DateTime::from_timestamp(minute * 60, 0).unwrap(),
    }
}

/// A run that passed, without steps.
pub(super) fn run(tick: &Tick, id: &str) -> RunRecord {
    let started_at = tick.due_at + TimeDelta::microseconds(1_234);
    let duration = Duration::from_micros(48_765_432);
    RunRecord {
        member: Some(MemberId::new("keystone-basic-0007")),
        cohort: "adult".to_owned(),
        ..RunRecord::bare(RunId::new(id), tick.clone(), started_at, duration)
    }
}

/// What a passed run is counted as, with one request that no account proves.
pub(super) fn counted(probe: &ProbeId, outcome: Outcome) -> Vec<Increment> {
    let of = |metric: &'static str, name: &str| Increment {
        metric,
        labels: vec![
            probe.partner.to_string(),
            probe.journey.to_string(),
            name.to_owned(),
        ],
        by: 1,
    };
    vec![
        sli::of_tick(probe, Disposition::Ran),
        of(names::RUNS.name, outcome.name()),
        of(names::REQUESTS.name, "2xx"),
    ]
}

/// Closes the tick of each minute with a run that passed.
pub(super) fn add_runs(ledger: &mut Ledger, probe: &ProbeId, minutes: std::ops::Range<i64>) {
    for minute in minutes {
        let tick = tick(probe, minute);
        let run = run(&tick, &uuid::Uuid::new_v4().to_string());
        let counted = counted(probe, run.outcome);
        let entries = [
            LedgerEntry::Closed(&tick, Disposition::Ran, Some(&run), Marks::default()),
            LedgerEntry::Counters(&counted),
        ];
        ledger.commit(&entries).unwrap();
    }
}

/// A ledger in memory with runs that passed, one a minute.
pub(super) fn ledger_with_runs(count: i64) -> Ledger {
    let mut ledger = Ledger::in_memory().unwrap();
    add_runs(&mut ledger, &probe(), 0..count);
    ledger
}
