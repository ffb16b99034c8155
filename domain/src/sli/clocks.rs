//! The business clocks of one run, read off its steps.

use std::time::Duration;

use crate::model::{
    Action, Clock, Journey, Measured, NamedBody, Part, Read, RequestEvidence, RequestKind, Root,
    RunRecord, Step, StepEvidence, StepId, StepState, Template,
};

/// The answer that says a job was taken.
const ACCEPTED: u16 = 202;
/// The answer that is the result itself, where a partner needs no job.
const DIRECT: u16 = 200;

/// One clock of one run. A clock that never began has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timed {
    /// Which.
    pub clock: Clock,
    /// Until its end, or until the run's.
    pub time: Duration,
    /// Of that time, at most so much was our own delay.
    pub own_delay: Duration,
    /// Whether it came to its end.
    pub ended: bool,
}

impl Timed {
    /// Its time with our own delay in it.
    pub fn measured(&self) -> Measured {
        Measured {
            duration: self.time,
            own_delay: self.own_delay,
        }
    }
}

/// Every clock that began in a run.
pub fn clocks(journey: &Journey, run: &RunRecord) -> Vec<Timed> {
    let all = Clock::ALL.iter();
    all.filter_map(|clock| timed(journey, run, *clock))
        .collect()
}

/// Whether a journey has the steps that begin and end a clock.
pub fn has_clock(journey: &Journey, clock: Clock) -> bool {
    match clock {
        Clock::Acceptance => journey.steps.iter().any(|step| body_of(step).is_some()),
        Clock::Identity => match_steps(journey).is_some(),
        Clock::Retrieval => export_steps(journey).is_some(),
        Clock::Settlement => true,
    }
}

fn timed(journey: &Journey, run: &RunRecord, clock: Clock) -> Option<Timed> {
    match clock {
        Clock::Acceptance => acceptance(journey, run),
        Clock::Identity => between(run, clock, match_steps(journey)?),
        Clock::Retrieval => between(run, clock, export_steps(journey)?),
        Clock::Settlement => Some(Timed {
            clock,
            time: run.duration,
            own_delay: run.own_delay,
            ended: run.outcome.is_passed(),
        }),
    }
}

/// The slowest kick-off of the run; none of them accepted is no end.
fn acceptance(journey: &Journey, run: &RunRecord) -> Option<Timed> {
    let submits = journey.steps.iter().filter(|step| body_of(step).is_some());
    let sent: Vec<&RequestEvidence> = submits
        .filter_map(|step| kick_off(evidence(run, &step.id)?))
        .collect();
    let time = sent.iter().map(|request| request.total).max()?;
    // The one that was slowest without our own delay decides whether the clock was late for certain.
    let without = sent
        .iter()
        .map(|request| request.total.saturating_sub(request.own_delay));
    Some(Timed {
        clock: Clock::Acceptance,
        time,
        own_delay: time - without.max()?.min(time),
        ended: sent.iter().all(|request| is_accepted(request)),
    })
}

/// From the 202 of one step to the end of another; none when there was no 202.
fn between(run: &RunRecord, clock: Clock, (first, last): (&StepId, &StepId)) -> Option<Timed> {
    let begin = kick_off(evidence(run, first)?).filter(|request| is_accepted(request))?;
    if begin.status == Some(DIRECT) {
        return Some(Timed {
            clock,
            time: begin.total,
            own_delay: begin.own_delay,
            ended: true,
        });
    }
    let begin = begin.offset + begin.total;
    let own_delay = own_delay(run, first, last, begin);
    let end = evidence(run, last).filter(|step| step.state == StepState::Passed);
    let until = end.map_or(run.duration, |step| step.offset + step.duration);
    let time = until.saturating_sub(begin);
    Some(Timed {
        clock,
        time,
        own_delay: own_delay.min(time),
        ended: end.is_some(),
    })
}

/// Our own delay from a time in the first step until the end of the last one.
fn own_delay(run: &RunRecord, first: &StepId, last: &StepId, begin: Duration) -> Duration {
    let from = run.steps.iter().position(|step| step.step == *first);
    let to = run.steps.iter().position(|step| step.step == *last);
    let covered = from.and_then(|from| run.steps.get(from..=to.unwrap_or(run.steps.len() - 1)));
    let covered = covered.unwrap_or_default();
    let whole: Duration = covered.iter().map(|step| step.own_delay).sum();
    let requests = covered.first().into_iter().flat_map(|step| &step.requests);
    let before = requests.filter(|request| request.offset + request.total <= begin);
    let before: Duration = before.map(|request| request.own_delay).sum();
    whole.saturating_sub(before)
}

fn evidence<'r>(run: &'r RunRecord, step: &StepId) -> Option<&'r StepEvidence> {
    run.steps.iter().find(|evidence| evidence.step == *step)
}

fn kick_off(step: &StepEvidence) -> Option<&RequestEvidence> {
    let mut requests = step.requests.iter();
    requests.find(|request| request.kind == RequestKind::Submit)
}

fn is_accepted(request: &RequestEvidence) -> bool {
    request.failure.is_none() && matches!(request.status, Some(ACCEPTED | DIRECT))
}

fn body_of(step: &Step) -> Option<NamedBody> {
    match &step.action {
        Action::Submit(_) => step.action.named_body(),
        Action::Watch(_)
        | Action::Request(_)
        | Action::Token(_)
        | Action::Poll(_)
        | Action::Download(_)
        | Action::Check(_)
        | Action::Release(_) => None,
    }
}

/// The submit of a match and the poll that brings its manifest; of an exchange core the request and the look at
/// it that waits for the match.
fn match_steps(journey: &Journey) -> Option<(&StepId, &StepId)> {
    if let Some(submit) = submit(journey, NamedBody::is_for_a_core) {
        let mut steps = journey.steps.iter();
        let watch = steps.find(|step| matches!(step.action, Action::Watch(_)))?;
        return Some((submit, &watch.id));
    }
    let submit = submit(journey, |body| body == NamedBody::MemberMatchParameters)?;
    let poll = journey
        .steps
        .iter()
        .find(|step| matches!(&step.action, Action::Poll(poll) if names_step(&poll.job, submit)))?;
    Some((submit, &poll.id))
}

/// The submit of an export, or of an exchange, and the download of its files.
fn export_steps(journey: &Journey) -> Option<(&StepId, &StepId)> {
    let submit = submit(journey, |body| {
        body == NamedBody::DataExportParameters || body.is_for_a_core()
    })?;
    let download = journey.steps.iter().find(|step| {
        matches!(&step.action, Action::Download(download) if download.read == Read::MemberData)
    })?;
    Some((submit, &download.id))
}

fn submit(journey: &Journey, is_wanted: fn(NamedBody) -> bool) -> Option<&StepId> {
    let mut steps = journey.steps.iter();
    steps
        .find(|step| body_of(step).is_some_and(is_wanted))
        .map(|step| &step.id)
}

fn names_step(template: &Template, wanted: &StepId) -> bool {
    let mut parts = template.0.iter();
    parts.any(|part| matches!(part, Part::Value(Root::Captured(step, _)) if step == wanted))
}
