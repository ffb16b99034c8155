//! Reads the windows of objectives from the ledger, in the background: at the start, and after a plan by which they
//! are other ones.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use outrider_domain::clock::Clock;
use outrider_domain::model::{JourneyId, PartnerId, Plan, ProbeId, Reproduction, SloName};
use outrider_domain::slo::{DueWindow, Epoch, RunVerdict};
use tokio::sync::watch;

use super::read_window::{ObjectiveKey, ReadWindow, Recovery, Shape, verdict};
use super::state::SharedState;
use crate::ledger::{Ledger, LedgerError, SloHistory, WindowRun};

/// How long to wait before a ledger that could not be read is read again.
const RETRY: Duration = Duration::from_secs(5);

/// Starts to read them, with a reader of its own, until the stop signal.
///
/// # Errors
/// The ledger is unavailable.
pub(super) fn start(
    shared: &SharedState,
    clock: &Clock,
    stopped: &watch::Receiver<bool>,
) -> Result<(), LedgerError> {
    let reader = Ledger::reader(&shared.plan().settings.ledger)?;
    let (shared, clock, stopped) = (shared.clone(), clock.clone(), stopped.clone());
    tokio::spawn(keep(shared, clock, reader, stopped));
    Ok(())
}

async fn keep(
    shared: SharedState,
    clock: Clock,
    reader: Ledger,
    mut stopped: watch::Receiver<bool>,
) {
    let mut reader = Some(reader);
    loop {
        let Some(ledger) = reader.take() else { return };
        let (to, now) = (shared.clone(), clock.clone());
        // SQLite blocks, so this goes to a thread that may.
        let read = tokio::task::spawn_blocking(move || {
            // A change of the files may have renamed some.
            ledger.forget_names();
            let read = read_all(&to, &ledger, &now);
            (ledger, read)
        });
        let Ok((ledger, read)) = read.await else {
            return;
        };
        reader = Some(ledger);
        let next = async {
            match read {
                Ok(()) => shared.windows.unread.notified().await,
                Err(why) => {
                    tracing::error!(error = %why, "the windows of alerts could not be read; trying again");
                    tokio::time::sleep(RETRY).await;
                }
            }
        };
        tokio::select! {
            () = next => {}
            // The sender lives as long as the agent; its end means the same.
            _ended = stopped.wait_for(|is_stopped| *is_stopped) => return,
        }
    }
}

fn read_all(shared: &SharedState, ledger: &Ledger, clock: &Clock) -> Result<(), LedgerError> {
    for (key, shape) in shared.windows.unread() {
        let plan = shared.plan();
        let now = clock.now();
        let (window, place) = ledger.consistently(|ledger| {
            let window = read(&plan, ledger, &key, &shape, now)?;
            Ok((window, ledger.last_place()?))
        })?;
        shared.windows.set_read(&key, &shape, window, place);
    }
    Ok(())
}

/// The windows of an objective as the ledger has them, and what came due since it was last written.
pub(super) fn read(
    plan: &Plan,
    ledger: &Ledger,
    (partner, slo): &ObjectiveKey,
    shape: &Shape,
    now: DateTime<Utc>,
) -> Result<ReadWindow, LedgerError> {
    let history = ledger.slo_history(partner, *slo, plan.scale)?;
    let runs_max = shape.runs_max();
    let mut loading = Loading {
        slo: *slo,
        epochs: history.epochs(),
        weights: weights(&history, *slo)?,
        starts: Vec::new(),
        newest: BTreeMap::new(),
    };
    // Whether a tier fired when a declared window began is said by the runs before that.
    let is_declared = plan.calendars_of(partner).next().is_some();
    let most = runs_max.saturating_mul(if is_declared { 2 } else { 1 });
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    for journey in loading.journeys(shape) {
        let probe = ProbeId {
            partner: partner.clone(),
            journey,
        };
        let mut runs = ledger.window_runs(&probe, most)?;
        runs.retain(|run| run.due_at <= now);
        loading.add(&probe.journey, &runs);
    }
    loading.add_unwritten(plan, ledger, partner, shape, now)?;
    let mut window = loading.into_window(plan, partner, shape, now);
    window.recovery.passed = passed(ledger, partner, &window.recovery.failing)?;
    window.advance(plan, partner, &shape.journeys, now);
    window.look_for_recovery(plan);
    Ok(window)
}

/// How many bad events single runs were, where more than one: those of starts that found them going.
fn weights(
    history: &SloHistory<'_>,
    slo: SloName,
) -> Result<BTreeMap<DateTime<Utc>, u64>, LedgerError> {
    if slo != SloName::Business {
        return Ok(BTreeMap::new());
    }
    let bad = history.bad_since(DateTime::<Utc>::MIN_UTC)?;
    Ok(bad.into_iter().filter(|(_, weight)| *weight > 1).collect())
}

/// Journeys of which a follow-up run of the newest run has passed.
fn passed(
    ledger: &Ledger,
    partner: &PartnerId,
    failing: &BTreeSet<JourneyId>,
) -> Result<BTreeSet<JourneyId>, LedgerError> {
    let mut passed = BTreeSet::new();
    for journey in failing {
        let probe = ProbeId {
            partner: partner.clone(),
            journey: journey.clone(),
        };
        let Some(last) = ledger.last_run(&probe)? else {
            continue;
        };
        let follow_ups = ledger.follow_up_runs(last.record.run.as_str())?;
        let is_good = |reproduction| reproduction == Reproduction::NotReproduced;
        if follow_ups.iter().any(|one| is_good(one.reproduction)) {
            passed.insert(journey.clone());
        }
    }
    Ok(passed)
}

/// What was read so far.
struct Loading<'l> {
    slo: SloName,
    epochs: &'l [Epoch],
    weights: BTreeMap<DateTime<Utc>, u64>,
    starts: Vec<(DateTime<Utc>, Option<RunVerdict>)>,
    /// The newest judged run of each journey, and whether it was bad.
    newest: BTreeMap<JourneyId, (DateTime<Utc>, bool)>,
}

impl Loading<'_> {
    /// Every journey that the objective counted once.
    fn journeys(&self, shape: &Shape) -> BTreeSet<JourneyId> {
        let promises = self.epochs.iter().map(|epoch| &epoch.promise);
        let promises = promises.chain([&shape.promise]);
        let journeys = promises.flat_map(|promise| promise.journeys.keys());
        journeys
            .map(|journey| JourneyId::new(journey.as_str()))
            .collect()
    }

    /// Whether the objective counted a journey when a start was due; what was due before the first epoch belongs to it.
    fn counted(&self, journey: &JourneyId, due_at: DateTime<Utc>) -> bool {
        let epoch = self.epochs.iter().rfind(|epoch| epoch.from < due_at);
        let epoch = epoch.or(self.epochs.first());
        epoch.is_none_or(|epoch| epoch.promise.journeys.contains_key(journey.as_str()))
    }

    /// Adds runs of one probe, which come newest first.
    fn add(&mut self, journey: &JourneyId, runs: &[WindowRun]) {
        let mut bad_overlaps = 0;
        for run in runs.iter().rev() {
            if !self.counted(journey, run.due_at) {
                continue;
            }
            let mut judged = run
                .outcome
                .and_then(|outcome| verdict(self.slo, run.marks, outcome));
            if run.is_overlap && bad_overlaps > 0 {
                bad_overlaps -= 1;
                judged = Some(RunVerdict::Bad);
            } else if let Some(weight) = self.weights.get(&run.due_at)
                && judged == Some(RunVerdict::Bad)
            {
                bad_overlaps = weight - 1;
            }
            self.starts.push((run.due_at, judged));
            if let Some(is_bad) = judged.and_then(is_bad) {
                self.newest.insert(journey.clone(), (run.due_at, is_bad));
            }
        }
    }

    /// Adds starts whose run goes on, and those that came due after the last that was written.
    fn add_unwritten(
        &mut self,
        plan: &Plan,
        ledger: &Ledger,
        partner: &PartnerId,
        shape: &Shape,
        now: DateTime<Utc>,
    ) -> Result<(), LedgerError> {
        let is_counted = |probe: &ProbeId| {
            let journeys = &shape.promise.journeys;
            probe.partner == *partner && journeys.contains_key(probe.journey.as_str())
        };
        let open = ledger.open_ticks()?;
        let open = open.iter().filter(|tick| is_counted(&tick.probe));
        let mut due: Vec<_> = open.map(|tick| tick.due_at).collect();
        let watermarks = ledger.watermarks()?;
        for probe in plan.probes.values().filter(|probe| is_counted(&probe.id)) {
            if let Some(through) = watermarks.get(&probe.id) {
                due.extend(probe.starts(*through, now));
            }
        }
        due.retain(|due_at| {
            let excuse = plan.excuse(partner, *due_at);
            *due_at <= now && !excuse.held && !excuse.is_quiet()
        });
        self.starts
            .extend(due.into_iter().map(|due_at| (due_at, None)));
        Ok(())
    }

    fn into_window(
        mut self,
        plan: &Plan,
        partner: &PartnerId,
        shape: &Shape,
        now: DateTime<Utc>,
    ) -> ReadWindow {
        self.starts.sort_by_key(|(due_at, _)| *due_at);
        let last = self.epochs.last().filter(|epoch| epoch.number > 1);
        let due_in_epoch = last.map(|epoch| {
            let in_epoch = self.starts.iter().filter(|(due, _)| *due > epoch.from);
            u64::try_from(in_epoch.count()).unwrap_or(u64::MAX)
        });
        let failing = self.newest.into_iter().filter(|(_, (_, is_bad))| *is_bad);
        let mut window = ReadWindow {
            runs: DueWindow::new(shape.windows()),
            through: now,
            last_due: self.starts.last().map(|(due_at, _)| *due_at),
            next_due: None,
            next_change: None,
            declared_until: DateTime::<Utc>::MIN_UTC,
            due_in_epoch,
            recovery: Recovery {
                failing: failing.map(|(journey, _)| journey).collect(),
                ..Recovery::default()
            },
        };
        // First, so that it keeps the runs before them.
        if let Some((oldest, _)) = self.starts.first() {
            window.declare(plan, partner, *oldest, now);
        }
        for (due_at, judged) in &self.starts {
            window.runs.due(*due_at);
            if let Some(verdict) = judged {
                window.runs.judged(*due_at, *verdict);
            }
        }
        window
    }
}

/// Whether a verdict is bad; none where it says nothing of the partner.
fn is_bad(verdict: RunVerdict) -> Option<bool> {
    match verdict {
        RunVerdict::Good => Some(false),
        RunVerdict::Bad => Some(true),
        RunVerdict::Unjudged => None,
    }
}
