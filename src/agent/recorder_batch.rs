//! What the recorder makes of a batch of events: entries of the ledger, and additions to counters.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use outrider_domain::model::{Disposition, OrphanResult, PartnerId, ProbeId, Tick, names};
use outrider_domain::schedule::DueCount;
use outrider_domain::sli::{Increment, SloEvent};

use super::changes::DeclaredChange;
use super::recorder_events::{FinishedRun, RecorderEvent};
use crate::journey::JobNote;
use crate::ledger::{EpochBegun, LedgerEntry, Marks, SeenChain};

/// What a batch adds to counters: one addition a series, however many runs it came from.
#[derive(Default)]
pub(super) struct Sums {
    pub(super) counts: BTreeMap<(&'static str, Vec<String>), u64>,
    /// What its runs add to objectives, one by one.
    pub(super) events: Vec<SloEvent>,
}

impl Sums {
    pub(super) fn add(&mut self, increments: impl IntoIterator<Item = Increment>) {
        for one in increments {
            *self.counts.entry((one.metric, one.labels)).or_default() += one.by;
        }
    }

    pub(super) fn increments(self) -> Vec<Increment> {
        let sums = self.counts.into_iter();
        sums.map(|((metric, labels), by)| Increment { metric, labels, by })
            .collect()
    }
}

/// What came due adds to the counters of objectives: without what declared windows held back.
pub(super) fn of_due(counts: &[DueCount]) -> Vec<Increment> {
    let of_one = |one: &DueCount| {
        let (partner, by) = (
            one.probe.partner.to_string(),
            one.due.saturating_sub(one.held),
        );
        let slos = one.slos.clone().into_iter();
        slos.map(move |slo| Increment {
            metric: names::SLO_DUE.name,
            labels: vec![partner.clone(), slo.name().to_owned()],
            by,
        })
    };
    counts.iter().flat_map(of_one).collect()
}

/// An event with what follows from it.
pub(super) struct Prepared {
    pub(super) event: RecorderEvent,
    pub(super) pause: Option<ProbeId>,
    pub(super) marks: Marks,
    pub(super) epochs: Vec<EpochBegun>,
    pub(super) declared: DeclaredChange,
    /// What the hosts of its partner showed, where that is new.
    pub(super) chains: Option<(PartnerId, Vec<SeenChain>)>,
    pub(super) now: DateTime<Utc>,
}

/// What is written of a batch. A tick that was opened and closed in it is written once, and of a
/// probe's watermarks the last.
pub(super) fn entries<'a>(
    prepared: &'a [Prepared],
    counted: &'a [Increment],
    was_paused: impl Fn(&ProbeId) -> bool,
) -> Vec<LedgerEntry<'a>> {
    let mut closed = BTreeSet::new();
    let mut through: BTreeMap<&ProbeId, DateTime<Utc>> = BTreeMap::new();
    for one in prepared {
        if let RecorderEvent::Finished(_, tick, _) | RecorderEvent::Closed(tick, _) = &one.event {
            closed.insert((&tick.probe, tick.due_at));
        }
        if let RecorderEvent::Opened(tick) | RecorderEvent::Closed(tick, _) = &one.event {
            let last = through.entry(&tick.probe).or_insert(tick.due_at);
            *last = tick.due_at.max(*last);
        }
    }
    // Names first: what follows is written under the present ones.
    let mut entries = names_and_epochs(prepared);
    for one in prepared {
        match &one.event {
            RecorderEvent::Due(due) => {
                entries.push(LedgerEntry::Due(&due.counts));
                entries.push(LedgerEntry::DueThrough(due.through));
            }
            RecorderEvent::Opened(tick) if closed.contains(&(&tick.probe, tick.due_at)) => {}
            RecorderEvent::Opened(tick) => entries.push(LedgerEntry::TickOpened(tick)),
            RecorderEvent::Closed(tick, disposition) => {
                entries.push(LedgerEntry::Closed(tick, *disposition, None, one.marks));
            }
            RecorderEvent::Finished(run, tick, disposition) => {
                entries.extend(of_run(one, run, tick, *disposition));
            }
            RecorderEvent::Job(note) => entries.extend(of_job(note)),
            RecorderEvent::Orphan(job, OrphanResult::Failed) => {
                entries.push(LedgerEntry::JobTried(job));
            }
            RecorderEvent::Orphan(job, _) => entries.push(LedgerEntry::JobReleased(&job.location)),
            RecorderEvent::FollowUp(run) => entries.push(LedgerEntry::FollowUpRun(run)),
            RecorderEvent::Began(probe, at) => entries.push(LedgerEntry::Watermark(probe, *at)),
            RecorderEvent::ProbeRemoved(probe) => entries.push(LedgerEntry::ProbeRemoved(probe)),
            RecorderEvent::Resume(probe, action, _) => {
                entries.push(LedgerEntry::Resumed(probe));
                let is_paused = prepared.iter().any(|one| one.pause.as_ref() == Some(probe));
                if is_paused || was_paused(probe) {
                    entries.push(LedgerEntry::Action(action));
                }
            }
            RecorderEvent::Action(action) => entries.push(LedgerEntry::Action(action)),
            RecorderEvent::Planned(..)
            | RecorderEvent::Docket(..)
            | RecorderEvent::Fault(_)
            | RecorderEvent::Flush(_)
            | RecorderEvent::Stop => {}
        }
    }
    let through = through.into_iter();
    entries.extend(through.map(|(probe, at)| LedgerEntry::Watermark(probe, at)));
    if !counted.is_empty() {
        entries.push(LedgerEntry::Counters(counted));
    }
    entries
}

fn of_job(note: &JobNote) -> Option<LedgerEntry<'_>> {
    match note {
        JobNote::Opened(job, _) => Some(LedgerEntry::JobOpened(job)),
        JobNote::Released { location } => Some(LedgerEntry::JobReleased(location)),
        JobNote::OthersOpen { .. } => None,
    }
}

/// What is written of a run, and what follows from it.
fn of_run<'a>(
    one: &'a Prepared,
    run: &'a FinishedRun,
    tick: &'a Tick,
    disposition: Option<Disposition>,
) -> impl Iterator<Item = LedgerEntry<'a>> {
    let row = match disposition {
        Some(disposition) => LedgerEntry::Closed(tick, disposition, Some(run), one.marks),
        None => LedgerEntry::Attached(tick, run, one.marks),
    };
    let chains = one.chains.as_ref();
    let chains = chains.map(|(partner, chains)| LedgerEntry::Certificates(partner, chains));
    let pause = one.pause.as_ref();
    let pause = pause.map(|probe| LedgerEntry::Paused(probe, &run.run, one.now));
    [row].into_iter().chain(chains).chain(pause)
}

/// What another plan brings: present names, and epochs that begin.
fn names_and_epochs(prepared: &[Prepared]) -> Vec<LedgerEntry<'_>> {
    let mut entries = Vec::new();
    for one in prepared {
        if let RecorderEvent::Planned(plan, _) = &one.event {
            entries.push(LedgerEntry::Renamed(&plan.renames));
            entries.extend(one.epochs.iter().map(LedgerEntry::Epoch));
            entries.extend(one.declared.entries());
        }
    }
    entries
}
