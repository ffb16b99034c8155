//! The windows that burn alerts count, of every objective: due runs in memory, told by the plan as they come due and
//! by the recorder once their runs are durable. What was before comes from the ledger (`window_loader`); until then
//! nothing is exported, and rules hold what they know.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use outrider_domain::model::{
    Count, Layer, Owner, PartnerId, Plan, ProbeId, RunRecord, SloName, names,
};
use outrider_domain::slo::{RunVerdict, objectives};
use tokio::sync::Notify;

use super::read_window::{Committed, ObjectiveKey, ReadWindow, Shape, verdict};
use crate::expose::Numbers;
use crate::ledger::Marks;

/// Overlapped starts of a probe that are kept until the run that they found comes to its end.
const OVERLAPS_MAX: usize = 1_000;
/// Committed runs of an objective that are kept while the ledger is read.
const PENDING_MAX: usize = 10_000;

/// A handle to the windows of every objective of the plan.
#[derive(Clone, Debug, Default)]
pub(super) struct Windows {
    all: Arc<Mutex<AllWindows>>,
    /// Notified when windows must be read from the ledger.
    pub(super) unread: Arc<Notify>,
}

#[derive(Debug, Default)]
pub(super) struct AllWindows {
    objectives: BTreeMap<ObjectiveKey, ObjectiveWindow>,
    /// Starts of a probe that found its run still going, oldest first.
    overlapped: BTreeMap<ProbeId, VecDeque<DateTime<Utc>>>,
}

/// The due runs of one objective.
#[derive(Debug)]
struct ObjectiveWindow {
    shape: Shape,
    state: WindowState,
}

#[derive(Debug)]
enum WindowState {
    /// The ledger is not read yet: what was committed meanwhile, with its place there.
    Unread(Vec<(u64, Committed)>),
    Read(Box<ReadWindow>),
}

/// A run that is durable now.
pub(super) struct DurableRun<'a> {
    /// Its place in the ledger.
    pub(super) place: u64,
    pub(super) run: &'a RunRecord,
    pub(super) marks: Marks,
}

impl Windows {
    pub(super) fn all(&self) -> MutexGuard<'_, AllWindows> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a plan over: windows that are other ones by it are read from the ledger, which must have what the plan
    /// renames under its present name.
    pub(super) fn set_plan(&self, plan: &Plan, numbers: &mut Numbers) {
        // A plan with an objective that cannot be watched was refused before.
        let objectives = objectives(plan).unwrap_or_default();
        let mut all = self.all();
        let mut before = std::mem::take(&mut all.objectives);
        for objective in &objectives {
            let key = (objective.partner.id.clone(), objective.slo.name);
            let shape = Shape::of(plan, objective);
            let mut same = before.remove(&key).filter(|one| one.shape == shape);
            if let Some(WindowState::Read(window)) = same.as_mut().map(|one| &mut one.state) {
                // Declared windows may be others.
                window.next_change = None;
            }
            let window = same.unwrap_or(ObjectiveWindow {
                shape,
                state: WindowState::Unread(Vec::new()),
            });
            all.objectives.insert(key, window);
        }
        all.overlapped
            .retain(|probe, _| plan.probes.contains_key(probe));
        for metric in [
            &names::SLO_WINDOW,
            &names::SLO_UNSEEN,
            &names::SLO_NEXT_DUE,
            &names::SLO_RECOVERED,
        ] {
            numbers.retain(metric, |labels| all.is_read(labels));
        }
        drop(all);
        self.unread.notify_one();
    }

    /// Those that must be read from the ledger.
    pub(super) fn unread(&self) -> Vec<(ObjectiveKey, Shape)> {
        let all = self.all();
        let unread = all.objectives.iter();
        let unread = unread.filter(|(_, one)| matches!(one.state, WindowState::Unread(_)));
        unread
            .map(|(key, one)| (key.clone(), one.shape.clone()))
            .collect()
    }

    /// Takes windows in that were read up to a place in the ledger; what was committed after it is added. Left as it
    /// is where the plan has changed meanwhile.
    pub(super) fn set_read(
        &self,
        key: &ObjectiveKey,
        shape: &Shape,
        mut window: ReadWindow,
        place: u64,
    ) {
        let mut all = self.all();
        let Some(one) = all
            .objectives
            .get_mut(key)
            .filter(|one| one.shape == *shape)
        else {
            return;
        };
        if let WindowState::Unread(pending) = &mut one.state {
            let later = pending.drain(..).filter(|(at, _)| *at > place);
            later.for_each(|(_, committed)| window.commit(&committed));
            one.state = WindowState::Read(Box::new(window));
        }
    }

    /// A start found a run of its probe still going, which may make it bad.
    pub(super) fn overlapped(&self, probe: &ProbeId, due_at: DateTime<Utc>) {
        let mut all = self.all();
        let starts = all.overlapped.entry(probe.clone()).or_default();
        starts.push_back(due_at);
        if starts.len() > OVERLAPS_MAX {
            starts.pop_front();
        }
    }

    /// Takes in a run that is durable now.
    pub(super) fn commit(&self, durable: &DurableRun<'_>) {
        let mut all = self.all();
        let run = durable.run;
        let overlapped = all.take_overlapped(run);
        if durable.marks.excused != 0 {
            return;
        }
        for ((partner, slo), one) in &mut all.objectives {
            if *partner != run.partner || !one.shape.journeys.contains(&run.journey) {
                continue;
            }
            let Some(verdict) = verdict(*slo, durable.marks, run.outcome) else {
                continue;
            };
            let is_bad_for_all = *slo == SloName::Business && verdict == RunVerdict::Bad;
            let committed = Committed {
                journey: run.journey.clone(),
                due_at: run.due_at,
                verdict,
                overlapped: if is_bad_for_all {
                    overlapped.clone()
                } else {
                    Vec::new()
                },
            };
            match &mut one.state {
                WindowState::Read(window) => window.commit(&committed),
                WindowState::Unread(pending) => {
                    pending.push((durable.place, committed));
                    if pending.len() > PENDING_MAX {
                        pending.remove(0);
                    }
                }
            }
        }
    }

    /// A follow-up run of a failed run has passed.
    pub(super) fn follow_up_passed(&self, plan: &Plan, probe: &ProbeId, now: DateTime<Utc>) {
        let mut all = self.all();
        for ((partner, _), one) in &mut all.objectives {
            if let WindowState::Read(window) = &mut one.state
                && *partner == probe.partner
                && one.shape.journeys.contains(&probe.journey)
            {
                window.advance(plan, partner, &one.shape.journeys, now);
                window.recovery.passed.insert(probe.journey.clone());
                window.look_for_recovery(plan);
            }
        }
    }

    /// Tells what came due until now and sets the numbers of every objective whose windows are read.
    pub(super) fn publish(&self, plan: &Plan, now: DateTime<Utc>, numbers: &mut Numbers) {
        for (key, one) in &mut self.all().objectives {
            if let WindowState::Read(window) = &mut one.state {
                window.advance(plan, &key.0, &one.shape.journeys, now);
                window.publish(key, &one.shape, numbers);
            }
        }
    }
}

impl AllWindows {
    /// Whether the first labels are those of an objective whose windows are read.
    fn is_read(&self, labels: &[&str]) -> bool {
        let [partner, slo, ..] = labels else {
            return false;
        };
        let Some(slo) = SloName::named(slo) else {
            return false;
        };
        let one = self.objectives.get(&(PartnerId::new(*partner), slo));
        one.is_some_and(|one| matches!(one.state, WindowState::Read(_)))
    }

    /// The starts that found a run still going, of the partner's fault alone.
    fn take_overlapped(&mut self, run: &RunRecord) -> Vec<DateTime<Utc>> {
        let probe = ProbeId {
            partner: run.partner.clone(),
            journey: run.journey.clone(),
        };
        let Some(starts) = self.overlapped.get_mut(&probe) else {
            return Vec::new();
        };
        let first = starts.partition_point(|due_at| *due_at <= run.due_at);
        let most = usize::try_from(run.overlaps).unwrap_or(usize::MAX);
        let end = first.saturating_add(most).min(starts.len());
        let taken: Vec<_> = starts.drain(first..end).collect();
        let blame = run.verdict.blame.as_ref();
        let is_partners = blame.is_some_and(|blame| blame.owner == Owner::Partner);
        let is_bad = run.verdict.count(Layer::Business) == Count::Bad;
        if is_partners && is_bad {
            taken
        } else {
            Vec::new()
        }
    }
}
