//! What one run costs a partner: from the journey's steps, at least and at most.

use std::ops::{Add, Mul};
use std::time::Duration;

use crate::model::{Action, Fresh, Journey, Probe, Step};

/// The shortest wait between two looks at a job, which a partner can ask for.
const POLL_WAIT: Duration = Duration::from_secs(1);

/// At least and at most. The most is none where the partner alone decides it: the number of files.
/// Tokens that are renewed in mid-run and redirects are counted in neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// In a run that goes well at once.
    pub least: u64,
    /// In one that uses its whole deadline; none where there is no bound of ours.
    pub most: Option<u64>,
}

impl Default for Range {
    fn default() -> Self {
        Self::NONE
    }
}

impl Range {
    const NONE: Self = Self::just(0);

    const fn just(number: u64) -> Self {
        Self {
            least: number,
            most: Some(number),
        }
    }
}

impl Add for Range {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            least: self.least + other.least,
            most: self.most.zip(other.most).map(|(a, b)| a.saturating_add(b)),
        }
    }
}

impl Mul<u64> for Range {
    type Output = Self;

    fn mul(self, times: u64) -> Self {
        Self {
            least: self.least * times,
            most: self.most.map(|most| most.saturating_mul(times)),
        }
    }
}

/// What one run asks of a partner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Requests.
    pub requests: Range,
    /// Jobs that it opens.
    pub jobs: Range,
}

impl Mul<u64> for Cost {
    type Output = Self;

    fn mul(self, runs: u64) -> Self {
        Self {
            requests: self.requests * runs,
            jobs: self.jobs * runs,
        }
    }
}

/// The cost of one run of a probe. A run that breaks early asks less.
pub fn cost(probe: &Probe, journey: &Journey) -> Cost {
    let steps = journey.steps.iter().map(|step| {
        let (requests, jobs) = of_step(step, probe.deadline);
        let attempts = step.retry.as_ref().map_or(1, |retry| retry.attempts);
        let requests = Range {
            least: requests.least,
            ..requests * u64::from(attempts)
        };
        // A step with a condition is left out in some runs.
        let least = |range: Range| Range {
            least: if step.when.is_some() { 0 } else { range.least },
            ..range
        };
        (least(requests), least(jobs))
    });
    let none = (Range::NONE, Range::NONE);
    let (requests, jobs) = steps.fold(none, |sum, one| (sum.0 + one.0, sum.1 + one.1));
    Cost { requests, jobs }
}

/// More than any partner agrees to in a minute.
const NOBODY_KNOWS: u64 = u32::MAX as u64;

/// Requests that are kept free for a run: the most that one of its probe's runs was seen to make. Before
/// one was seen that fetches files, their number is unknown, and it gets a minute for itself.
pub fn likely_requests(journey: &Journey, seen: u64) -> u64 {
    let fetches = |step: &Step| matches!(step.action, Action::Download(_));
    if seen == 0 && journey.steps.iter().any(fetches) {
        return NOBODY_KNOWS;
    }
    usual_requests(journey).max(seen)
}

/// Requests of a run in which every step that asks does so once.
fn usual_requests(journey: &Journey) -> u64 {
    let asking = journey.steps.iter().filter(|step| match &step.action {
        Action::Check(_) => false,
        Action::Request(_)
        | Action::Token(_)
        | Action::Submit(_)
        | Action::Poll(_)
        | Action::Watch(_)
        | Action::Download(_)
        | Action::Release(_) => true,
    });
    u64::try_from(asking.count()).unwrap_or(u64::MAX)
}

fn of_step(step: &Step, deadline: Duration) -> (Range, Range) {
    match &step.action {
        Action::Request(_) => (Range::just(1), Range::NONE),
        Action::Token(sign_in) if sign_in.fresh == Fresh::Always => (Range::just(1), Range::NONE),
        // A token that is cached from an earlier run may do.
        Action::Token(_) => {
            let requests = Range {
                least: 0,
                most: Some(1),
            };
            (requests, Range::NONE)
        }
        Action::Submit(_) => (Range::just(1), Range::just(1)),
        Action::Poll(_) | Action::Watch(_) => {
            let polls = deadline.as_secs() / POLL_WAIT.as_secs() + 1;
            let requests = Range {
                least: 1,
                most: Some(polls),
            };
            (requests, Range::NONE)
        }
        // A manifest may name no file.
        Action::Download(_) => {
            let requests = Range {
                least: 0,
                most: None,
            };
            (requests, Range::NONE)
        }
        Action::Check(_) => (Range::NONE, Range::NONE),
        // Only what was opened is released.
        Action::Release(_) => {
            let requests = Range {
                least: 0,
                most: Some(1),
            };
            (requests, Range::NONE)
        }
    }
}
