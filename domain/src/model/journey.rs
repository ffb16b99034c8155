//! Journeys: their steps, and what each does.

use std::time::Duration;

use super::closed::closed;
use super::raw_json::RawJson;
use super::{
    Action, ConnectionPolicy, HttpWanted, JourneyId, NamedBody, RecordCheck, Retry, StepId,
};

/// A journey (`probes/<id>.toml`).
#[derive(Clone, Debug, PartialEq)]
pub struct Journey {
    /// Its id.
    pub id: JourneyId,
    /// Its name for people.
    pub title: String,
    /// The kind of transaction; a label.
    pub transaction_type: String,
    /// From its begin to the end of its last step that is not `always`.
    pub deadline: Duration,
    /// The time of one request unless the step says otherwise.
    pub timeout: Duration,
    /// Whether the partner must refuse: such runs feed conformance, and no other objective.
    pub negative: bool,
    /// A connection for each request, unless the step says otherwise.
    pub connection: ConnectionPolicy,
    /// The version of HTTP spoken.
    pub http: HttpWanted,
    /// Its steps in order.
    pub steps: Vec<Step>,
}

impl Journey {
    /// Whether it looks at the business layer at all.
    pub fn judges_business(&self) -> bool {
        self.steps.iter().any(|step| match &step.action {
            Action::Check(_) => true,
            Action::Request(request) => request.checks.iter().any(|check| check.is_of_a_core()),
            Action::Token(_)
            | Action::Submit(_)
            | Action::Poll(_)
            | Action::Watch(_)
            | Action::Download(_)
            | Action::Release(_) => false,
        })
    }

    /// The checks of what was gathered, in the order in which its steps ask for them.
    pub fn checks(&self) -> impl Iterator<Item = RecordCheck> {
        self.steps
            .iter()
            .flat_map(|step| match &step.action {
                Action::Check(checks) => checks.as_slice(),
                Action::Request(_)
                | Action::Token(_)
                | Action::Submit(_)
                | Action::Poll(_)
                | Action::Watch(_)
                | Action::Download(_)
                | Action::Release(_) => &[],
            })
            .copied()
    }

    /// The bodies made for its member that it sends, in order.
    pub fn named_bodies(&self) -> impl Iterator<Item = NamedBody> {
        self.steps
            .iter()
            .filter_map(|step| step.action.named_body())
    }

    /// Whether one of its steps asks for a check of what was gathered.
    pub fn asks(&self, wanted: RecordCheck) -> bool {
        self.checks().any(|check| check == wanted)
    }

    /// Whether it carries a member.
    pub fn needs_member(&self) -> bool {
        self.judges_business() || self.steps.iter().any(|step| step.action.names_member())
    }
}

/// One step of a journey.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its id.
    pub id: StepId,
    /// What its failure, and that of others, means for it.
    pub duty: Duty,
    /// Runs only then; none for each time.
    pub when: Option<When>,
    /// The time of one request; none for the journey's.
    pub timeout: Option<Duration>,
    /// Asks again after a failure that may pass by itself; none for never.
    pub retry: Option<Retry>,
    /// None for the journey's.
    pub connection: Option<ConnectionPolicy>,
    /// What it does.
    pub action: Action,
}

impl Step {
    /// Whether it runs also when something broke before; such a step never decides.
    pub fn is_always(&self) -> bool {
        self.duty == Duty::Always
    }

    /// Whether its findings decide the verdict.
    pub fn decides(&self) -> bool {
        self.duty == Duty::Required
    }
}

closed!(
    /// What a step's failure means.
    Duty {
        /// The run fails with it, and later steps are skipped.
        Required = "required",
        /// It is shown; the run goes on, without the steps that need what it would have captured.
        MayFail = "may-fail",
        /// Runs also when something broke before; its failure is shown.
        Always = "always",
    }
);

/// A condition of a step.
#[derive(Clone, Debug, PartialEq)]
pub enum When {
    /// The partner put our member into MatchedMembers.
    Matched,
    /// An earlier step captured this value, or did not.
    Present(StepId, String, bool),
    /// An earlier step captured just this value, of the same kind.
    Equals(StepId, String, RawJson),
}
