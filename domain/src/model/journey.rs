//! Journeys: their steps, and what each does.

use std::time::Duration;

use super::closed::closed;
use super::{
    Body, Capture, Check, ConnectionPolicy, Expect, Fresh, Headers, HttpWanted, Is, JourneyId,
    Method, NamedBody, Read, Retry, StepId, Template,
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
            Action::Check { .. } => true,
            Action::Request { checks, .. } => checks.iter().any(|check| check.is_of_a_core()),
            Action::Token { .. }
            | Action::Submit { .. }
            | Action::Poll { .. }
            | Action::Watch { .. }
            | Action::Download { .. }
            | Action::Release { .. } => false,
        })
    }

    /// The checks of what was gathered, in the order in which its steps ask for them.
    pub fn checks(&self) -> impl Iterator<Item = Check> {
        self.steps
            .iter()
            .flat_map(|step| match &step.action {
                Action::Check { checks } => checks.as_slice(),
                Action::Request { .. }
                | Action::Token { .. }
                | Action::Submit { .. }
                | Action::Poll { .. }
                | Action::Watch { .. }
                | Action::Download { .. }
                | Action::Release { .. } => &[],
            })
            .copied()
    }

    /// The bodies made for its member that it sends, in order.
    pub fn named_bodies(&self) -> impl Iterator<Item = NamedBody> {
        self.steps
            .iter()
            .filter_map(|step| match step.action.body()? {
                Body::Named(named) => Some(*named),
                Body::Json(_) | Body::Form(_) => None,
            })
    }

    /// Whether one of its steps asks for a check of what was gathered.
    pub fn asks(&self, wanted: Check) -> bool {
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
    Equals(StepId, String, serde_json::Value),
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// One request and its answer.
    Request {
        /// GET, POST or DELETE.
        method: Method,
        /// Where to.
        url: Template,
        /// Header fields of its own.
        headers: Headers,
        /// What is sent.
        body: Option<Body>,
        /// The step whose token goes along.
        token: Option<StepId>,
        /// What the answer must be.
        expect: Expect,
        /// Named checks of the answer.
        checks: Vec<Check>,
        /// What is kept of the answer for later steps.
        captures: Vec<Capture>,
    },
    /// An access token, as the partner's `[auth]` says.
    Token {
        /// The token endpoint; also the assertion's audience.
        endpoint: Template,
        /// The scopes asked for.
        scope: Vec<String>,
        /// When a kept token is not good enough.
        fresh: Fresh,
    },
    /// The kick-off of an asynchronous job: 202 and `Content-Location`.
    Submit {
        /// Where to.
        url: Template,
        /// Header fields of its own, instead of ours where they have the same name.
        headers: Headers,
        /// What is sent.
        body: Body,
        /// The step whose token goes along.
        token: StepId,
    },
    /// Looks at a job until it is done.
    Poll {
        /// The status URL.
        job: Template,
        /// The step whose token goes along.
        token: StepId,
        /// The longest wait that a `Retry-After` may ask for.
        retry_after_max: Duration,
    },
    /// Looks at a document until a value in it says that it is done.
    Watch {
        /// Where it is.
        url: Template,
        /// Header fields of its own.
        headers: Headers,
        /// The step whose token goes along.
        token: Option<StepId>,
        /// What each answer must be.
        expect: Expect,
        /// Done when this holds.
        until: Is,
        /// Over, and not done, when this holds.
        fail: Option<Is>,
        /// The wait before the first look again; it doubles, and `Retry-After` goes before it.
        every: Duration,
        /// The longest wait, and the longest that a `Retry-After` may ask for.
        retry_after_max: Duration,
        /// What is kept of the last answer for later steps.
        captures: Vec<Capture>,
    },
    /// Every file of a manifest, judged as a stream.
    Download {
        /// The poll step that brought the manifest.
        manifest: StepId,
        /// What the files are.
        read: Read,
        /// The step whose token goes along when the manifest says so.
        token: StepId,
    },
    /// Pure checks of what was seen so far, against the oracle.
    Check {
        /// Which, in order.
        checks: Vec<Check>,
    },
    /// Releases the job that a submit step opened, if it did.
    Release {
        /// The submit step.
        job_of: StepId,
        /// The step whose token goes along.
        token: StepId,
    },
}

impl Action {
    /// Whether it sends something that is made for a member.
    fn names_member(&self) -> bool {
        match self {
            // A job is opened for a member.
            Self::Submit { .. } => true,
            Self::Request { body, .. } => matches!(body, Some(Body::Named(_))),
            Self::Token { .. }
            | Self::Poll { .. }
            | Self::Watch { .. }
            | Self::Download { .. }
            | Self::Check { .. }
            | Self::Release { .. } => false,
        }
    }

    /// What it sends.
    pub fn body(&self) -> Option<&Body> {
        match self {
            Self::Request { body, .. } => body.as_ref(),
            Self::Submit { body, .. } => Some(body),
            Self::Token { .. }
            | Self::Poll { .. }
            | Self::Watch { .. }
            | Self::Download { .. }
            | Self::Check { .. }
            | Self::Release { .. } => None,
        }
    }

    /// Every template that must be filled before it can be done.
    pub fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Request {
                url, headers, body, ..
            } => {
                let mut all = vec![url];
                all.extend(headers.values());
                all.extend(body.iter().flat_map(Body::templates));
                all
            }
            Self::Submit {
                url, headers, body, ..
            } => {
                let mut all = vec![url];
                all.extend(headers.values());
                all.extend(body.templates());
                all
            }
            Self::Watch { url, headers, .. } => {
                let mut all = vec![url];
                all.extend(headers.values());
                all
            }
            Self::Token { endpoint, .. } => vec![endpoint],
            Self::Poll { job, .. } => vec![job],
            Self::Download { .. } | Self::Check { .. } | Self::Release { .. } => Vec::new(),
        }
    }

    /// The word in the file.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Request { .. } => "request",
            Self::Token { .. } => "token",
            Self::Submit { .. } => "submit",
            Self::Poll { .. } | Self::Watch { .. } => "poll",
            Self::Download { .. } => "download",
            Self::Check { .. } => "check",
            Self::Release { .. } => "release",
        }
    }
}
