//! The windows of one objective once the ledger is read: what they are by the plan, what comes to them, what is exported.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use outrider_domain::model::calendar::declared;
use outrider_domain::model::{
    JourneyId, Measure, Outcome, PartnerId, Plan, ProbeId, SloName, WindowCount, WindowSpan, names,
};
use outrider_domain::slo::{
    DueWindow, Objective, Promise, RunVerdict, TierWindow, WindowCounts, is_long_gap,
};

use crate::expose::Numbers;
use crate::ledger::Marks;

/// Starts looked at for one that no declared window holds back.
const COMING_MAX: usize = 1_000;
/// How far ahead declared windows are looked for.
const AHEAD: TimeDelta = TimeDelta::days(1);
/// The least time: a window that begins now has begun.
const INSTANT: TimeDelta = TimeDelta::milliseconds(1);

/// Whose objective, and which.
pub(super) type ObjectiveKey = (PartnerId, SloName);

/// What the windows of an objective are by the plan. Where it changes, they are read from the ledger again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    tiers: Vec<TierShape>,
    /// The newest due runs among which blindness is looked for.
    unseen_runs: u64,
    /// The runs that they are made of.
    pub(super) promise: Promise,
    pub(super) journeys: BTreeSet<JourneyId>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct TierShape {
    name: &'static str,
    window: TierWindow,
}

/// A committed run as one objective counts it.
#[derive(Clone, Debug)]
pub(super) struct Committed {
    pub(super) journey: JourneyId,
    pub(super) due_at: DateTime<Utc>,
    pub(super) verdict: RunVerdict,
    /// Overlapped starts that are bad with it.
    pub(super) overlapped: Vec<DateTime<Utc>>,
}

/// Windows as the ledger and what came after it say.
#[derive(Debug)]
pub(super) struct ReadWindow {
    pub(super) runs: DueWindow,
    /// Starts up to here were told as due.
    pub(super) through: DateTime<Utc>,
    /// The last of them.
    pub(super) last_due: Option<DateTime<Utc>>,
    pub(super) next_due: Option<DateTime<Utc>>,
    /// When something comes due or a declared window begins; none where that is not known.
    pub(super) next_change: Option<DateTime<Utc>>,
    /// The end of what was told of declared windows.
    pub(super) declared_until: DateTime<Utc>,
    /// Runs that came due since the present epoch began; none in the first epoch.
    pub(super) due_in_epoch: Option<u64>,
    pub(super) recovery: Recovery,
}

/// Whether follow-up runs say that all is well again while nothing is due.
#[derive(Clone, Debug, Default)]
pub(super) struct Recovery {
    /// Journeys whose newest judged run was bad.
    pub(super) failing: BTreeSet<JourneyId>,
    /// Those of them of which a follow-up run has passed since.
    pub(super) passed: BTreeSet<JourneyId>,
    /// All of them, while nothing was due for hours to come. The next bad run ends it.
    pub(super) is_complete: bool,
}

impl Shape {
    pub(super) fn of(plan: &Plan, objective: &Objective<'_>) -> Self {
        let tiers = objective.alarms.iter().map(|alarm| TierShape {
            name: alarm.tier.name(),
            window: alarm.window(),
        });
        Self {
            tiers: tiers.collect(),
            unseen_runs: objective.unseen().map_or(0, |unseen| unseen.runs),
            promise: Promise::of(plan, objective.partner, objective.slo),
            journeys: objective.slo.journeys.iter().cloned().collect(),
        }
    }

    /// Both windows of each tier.
    pub(super) fn windows(&self) -> impl Iterator<Item = TierWindow> {
        self.tiers.iter().map(|tier| tier.window)
    }

    /// The most runs of a window.
    pub(super) fn runs_max(&self) -> u64 {
        self.windows().map(|one| one.long_runs).max().unwrap_or(0)
    }
}

/// What a run is for an objective; none where it is no event of it, such as a failed run for one of durations.
pub(super) fn verdict(slo: SloName, marks: Marks, outcome: Outcome) -> Option<RunVerdict> {
    let bit = Marks::bit(slo);
    if marks.judged & bit != 0 {
        let is_bad = marks.bad & bit != 0;
        return Some(if is_bad {
            RunVerdict::Bad
        } else {
            RunVerdict::Good
        });
    }
    let is_unseen = match outcome {
        Outcome::Inconclusive | Outcome::AgentFault => true,
        // A good run whose duration is no event was held up by ourselves.
        Outcome::Passed | Outcome::PassedOnRetry => slo.measure() == Measure::Duration,
        Outcome::Failed => false,
    };
    is_unseen.then_some(RunVerdict::Unjudged)
}

impl ReadWindow {
    pub(super) fn commit(&mut self, committed: &Committed) {
        self.runs.judged(committed.due_at, committed.verdict);
        for due_at in &committed.overlapped {
            self.runs.judged(*due_at, RunVerdict::Bad);
        }
        let recovery = &mut self.recovery;
        match committed.verdict {
            RunVerdict::Bad => {
                recovery.failing.insert(committed.journey.clone());
                recovery.passed.remove(&committed.journey);
                recovery.is_complete = false;
            }
            RunVerdict::Good => {
                recovery.failing.remove(&committed.journey);
                recovery.passed.remove(&committed.journey);
            }
            RunVerdict::Unjudged => {}
        }
    }

    /// Tells the starts that came due, without those that are excused, and the declared windows that began.
    pub(super) fn advance(
        &mut self,
        plan: &Plan,
        partner: &PartnerId,
        journeys: &BTreeSet<JourneyId>,
        now: DateTime<Utc>,
    ) {
        if self.next_change.is_some_and(|next| next > now) || now < self.through {
            return;
        }
        self.declare(plan, partner, self.through, now);
        let is_counted =
            |probe: &ProbeId| probe.partner == *partner && journeys.contains(&probe.journey);
        let counted = plan.probes.values().filter(|probe| is_counted(&probe.id));
        let mut next = None;
        for probe in counted {
            for due_at in probe.starts(self.through, now) {
                let excuse = plan.excuse(partner, due_at);
                if excuse.held || excuse.is_quiet() {
                    continue;
                }
                self.runs.due(due_at);
                self.last_due = self.last_due.max(Some(due_at));
                if let Some(due) = &mut self.due_in_epoch {
                    *due += 1;
                }
            }
            let mut coming = probe.starts(now, DateTime::<Utc>::MAX_UTC).take(COMING_MAX);
            let of_probe = coming.find(|due_at| !plan.excuse(partner, *due_at).held);
            next = next.into_iter().chain(of_probe).min();
        }
        (self.through, self.next_due) = (now, next);
        let is_declared = plan.calendars_of(partner).next().is_some();
        let ahead = declared(plan.calendars_of(partner), now + INSTANT, now + AHEAD);
        let begins = ahead.first().map_or(now + AHEAD, |(begin, _)| *begin);
        self.next_change = next.into_iter().chain(is_declared.then_some(begins)).min();
    }

    /// Tells the declared windows that began from one time to another.
    pub(super) fn declare(
        &mut self,
        plan: &Plan,
        partner: &PartnerId,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) {
        for (begin, end) in declared(plan.calendars_of(partner), from, to + INSTANT) {
            // One that goes on was told.
            if begin > self.declared_until {
                self.runs.declare(begin);
            }
            self.declared_until = self.declared_until.max(end);
        }
    }

    /// While nothing is due for hours, follow-up runs say whether all is well again.
    pub(super) fn look_for_recovery(&mut self, plan: &Plan) {
        let gap = self.last_due.zip(self.next_due);
        let gap = gap.and_then(|(last, next)| (next - last).to_std().ok());
        let is_night = gap.is_some_and(|gap| is_long_gap(plan.scale, gap));
        let recovery = &mut self.recovery;
        let have_passed = recovery.failing.is_subset(&recovery.passed);
        recovery.is_complete |= is_night && have_passed && !recovery.failing.is_empty();
    }

    pub(super) fn publish(
        &self,
        (partner, slo): &ObjectiveKey,
        shape: &Shape,
        numbers: &mut Numbers,
    ) {
        let (partner, slo) = (partner.as_str(), slo.name());
        for tier in &shape.tiers {
            let mut set = |span: WindowSpan, of: WindowCount, runs: u64| {
                let labels = [partner, slo, tier.name, span.name(), of.name()];
                numbers.set_count(&names::SLO_WINDOW, &labels, runs);
            };
            let [long, short] = self.runs.counts_of(tier.window);
            for (
                span,
                WindowCounts {
                    due, judged, bad, ..
                },
            ) in [(WindowSpan::Long, long), (WindowSpan::Short, short)]
            {
                set(span, WindowCount::Due, due);
                set(span, WindowCount::Judged, judged);
                set(span, WindowCount::Bad, bad);
            }
            let former = self
                .due_in_epoch
                .map_or(0, |in_epoch| long.due.saturating_sub(in_epoch));
            let labels = [
                partner,
                slo,
                tier.name,
                WindowSpan::Long.name(),
                WindowCount::Former.name(),
            ];
            if former > 0 {
                numbers.set_count(&names::SLO_WINDOW, &labels, former);
            } else {
                numbers.remove(&names::SLO_WINDOW, &labels);
            }
        }
        let unseen = self.runs.counts(shape.unseen_runs).unseen;
        numbers.set_count(&names::SLO_UNSEEN, &[partner, slo], unseen);
        if let Some(next) = self.next_due {
            numbers.set_time(&names::SLO_NEXT_DUE, &[partner, slo], next);
        }
        if self.recovery.is_complete {
            numbers.set(&names::SLO_RECOVERED, &[partner, slo], 1.0);
        } else {
            numbers.remove(&names::SLO_RECOVERED, &[partner, slo]);
        }
    }
}
