//! The history of a partner, written by the ledger's own writer from a rule instead of from runs. Shared by the suite,
//! the benches and the example `demo_report`.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use outrider::ledger::{EpochBegun, Ledger, LedgerEntry, LedgerError, Marks};
use outrider_domain::model::{
    Disposition, Outcome, Partner, Plan, Probe, RunId, RunRecord, Scale, SloName, Tick, quarter_of,
};
use outrider_domain::schedule::due_counts;
use outrider_domain::sli::{Series, Sketch, SketchKey, SloEvent, hour_of};
use outrider_domain::slo::{Epoch, Promise};

/// Starts in one transaction.
const BATCH: usize = 2_000;
/// The objectives that runs are judged for.
const SLOS: [SloName; 3] = [SloName::Transport, SloName::Application, SloName::Business];

/// What a run came to in each objective; none for one that did not judge it, and of no run in all three.
pub(crate) type SeededOutcome = [Option<bool>; 3];

/// Writes what an agent would have written of every start of the probes that a partner's objectives count; `fate` gets
/// the number of a start and when it is due, and says what it came to and how long it took. The number of runs.
///
/// # Errors
/// The ledger is unavailable.
pub(crate) fn write_history(
    ledger: &mut Ledger,
    plan: &Plan,
    partner: &Partner,
    between: &Range<DateTime<Utc>>,
    fate: impl Fn(usize, DateTime<Utc>) -> (SeededOutcome, Duration),
) -> Result<usize, LedgerError> {
    let begun = epochs(plan, ledger, partner, between.start)?;
    let entries: Vec<_> = begun.iter().map(LedgerEntry::Epoch).collect();
    ledger.commit(&entries)?;
    // Starts lie in (after, through], stretches in [from, until).
    let moment = TimeDelta::nanoseconds(1);
    let (after, through) = (between.start - moment, between.end - moment);
    let mut runs = 0;
    for probe in plan
        .probes
        .values()
        .filter(|probe| is_counted(partner, probe))
    {
        let due = due_counts(plan, probe, after, through);
        ledger.commit(&[LedgerEntry::Due(&due), LedgerEntry::DueThrough(between.end)])?;
        let (mut sketches, mut last) = (Sketches::default(), None);
        let starts: Vec<_> = probe.starts(after, through).enumerate().collect();
        for starts in starts.chunks(BATCH) {
            let starts = starts.iter().map(|&(number, due_at)| {
                let (fate, duration) = fate(number, due_at);
                written(plan, probe, due_at, fate, duration)
            });
            let starts: Vec<Written> = starts.collect();
            runs += starts.iter().filter_map(|one| one.run.as_ref()).count();
            starts.iter().for_each(|one| sketches.add(one));
            last = commit(ledger, &starts)?.or(last);
        }
        sketches.commit(ledger, last)?;
    }
    Ok(runs)
}

fn is_counted(partner: &Partner, probe: &Probe) -> bool {
    let journeys = |slo: &SloName| partner.slos.get(slo).map(|slo| &slo.journeys);
    let mut counted = SLOS.iter().filter_map(journeys);
    probe.id.partner == partner.id && counted.any(|all| all.contains(&probe.id.journey))
}

/// The next epoch of each objective.
fn epochs(
    plan: &Plan,
    ledger: &Ledger,
    partner: &Partner,
    from: DateTime<Utc>,
) -> Result<Vec<EpochBegun>, LedgerError> {
    let last = ledger.last_epochs()?;
    let last = last.get(&(partner.id.clone(), SloName::Business));
    let number = last.map_or(0, |epoch| epoch.number) + 1;
    let begun = partner.slos.values().map(|slo| EpochBegun {
        partner: partner.id.clone(),
        slo: slo.name,
        epoch: Epoch {
            number,
            from: from - TimeDelta::microseconds(1),
            promise: Promise::of(plan, partner, slo),
        },
    });
    Ok(begun.collect())
}

/// A start with its run, none where it was missed, and what it adds to objectives.
struct Written {
    tick: Tick,
    run: Option<RunRecord>,
    events: Vec<SloEvent>,
}

fn written(
    plan: &Plan,
    probe: &Probe,
    due_at: DateTime<Utc>,
    fate: SeededOutcome,
    duration: Duration,
) -> Written {
    let partner = plan.partners.get(&probe.id.partner);
    let judged = SLOS.iter().zip(fate).filter(|(slo, _)| {
        let slo = partner.and_then(|partner| partner.slos.get(slo));
        slo.is_some_and(|slo| slo.journeys.contains(&probe.id.journey))
    });
    let judged = judged.filter_map(|(slo, good)| Some((*slo, good?)));
    let events = judged.map(|(slo, good)| SloEvent {
        partner: probe.id.partner.clone(),
        slo,
        due_at,
        quarter: quarter_of(Scale::REAL, due_at),
        events: 1,
        bad: u64::from(!good),
        inconclusive: 0,
        excuse: plan.excuse(&probe.id.partner, due_at),
    });
    let events: Vec<_> = events.collect();
    let tick = Tick {
        probe: probe.id.clone(),
        due_at,
    };
    let run = (!events.is_empty()).then(|| {
        let id = RunId::new(uuid::Uuid::new_v4().to_string());
        let started_at = due_at + TimeDelta::milliseconds(1);
        let mut run = RunRecord {
            cohort: "adult".to_owned(),
            ..RunRecord::bare(id, tick.clone(), started_at, duration)
        };
        if fate.contains(&Some(false)) {
            run.outcome = Outcome::Failed;
        }
        run
    });
    Written { tick, run, events }
}

/// The place of the last run.
fn commit(ledger: &mut Ledger, starts: &[Written]) -> Result<Option<u64>, LedgerError> {
    let entries = starts.iter().flat_map(|one| {
        let disposition = match one.run {
            Some(_) => Disposition::Ran,
            None => Disposition::Missed,
        };
        let marks = Marks::of(&one.events, 0);
        [
            LedgerEntry::Closed(&one.tick, disposition, one.run.as_ref(), marks),
            LedgerEntry::SloEvents(&one.events),
        ]
    });
    let places = ledger.commit(&entries.collect::<Vec<_>>())?;
    Ok(places.last().copied())
}

/// How long runs took, by hour.
#[derive(Default)]
struct Sketches(BTreeMap<SketchKey, Sketch>);

impl Sketches {
    fn add(&mut self, one: &Written) {
        let Some(run) = &one.run else { return };
        let key = SketchKey {
            hour: hour_of(run.started_at),
            partner: run.partner.clone(),
            journey: run.journey.clone(),
            series: Series::Journey,
        };
        let sketch = self.0.entry(key);
        let sketch = sketch.or_insert_with(|| Sketch::new(&Series::Journey));
        sketch.record(run.duration);
    }

    fn commit(self, ledger: &mut Ledger, last: Option<u64>) -> Result<(), LedgerError> {
        let entries = self
            .0
            .iter()
            .map(|(key, sketch)| LedgerEntry::Sketch(key, sketch));
        let entries: Vec<_> = entries.collect();
        for entries in entries.chunks(BATCH) {
            ledger.commit(entries)?;
        }
        if let Some(last) = last {
            ledger.commit(&[LedgerEntry::SketchesThrough(last)])?;
        }
        Ok(())
    }
}
