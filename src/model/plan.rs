//! The plan: what the files mean, once they are checked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::layer::closed;
use super::{
    Alerting, Cadence, Calendar, Escalation, JourneyId, MemberSet, Method, PartnerId, ProbeId,
    Scale, Slo, SloName, StepId,
};

/// Everything that the files say, whole and consistent.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The agent's own settings.
    pub settings: Settings,
    /// Who is watched, by id.
    pub partners: BTreeMap<PartnerId, Partner>,
    /// What can be walked, by id.
    pub journeys: BTreeMap<JourneyId, Journey>,
    /// Who is carried, by the set's name.
    pub members: BTreeMap<String, MemberSet>,
    /// What is scheduled, by id.
    pub probes: BTreeMap<ProbeId, Probe>,
    /// By how much every duration was divided.
    pub scale: Scale,
}

impl Plan {
    /// Every declared window that holds for a partner: its own and the agent's.
    pub fn calendars_of(&self, partner: &PartnerId) -> impl Iterator<Item = &Calendar> {
        let own = self.partners.get(partner);
        let own = own.into_iter().flat_map(|partner| &partner.calendars);
        own.chain(&self.settings.calendars)
    }
}

/// The agent's own settings (`outrider.toml`).
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The agent's name; a label of every series.
    pub agent: String,
    /// Where it runs; a label of every series.
    pub location: String,
    /// Whom a partner may call about our requests; part of the User-Agent.
    pub contact: String,
    /// Where pages and metrics are served.
    pub listen: SocketAddr,
    /// The ledger's file.
    pub ledger: PathBuf,
    /// Runs at one time over all probes.
    pub runs_in_flight_max: usize,
    /// Of them, long ones.
    pub long_runs_in_flight_max: usize,
    /// A run that begins later than this after its tick is `late`; a tick that gets no permit in
    /// this time is `capped`.
    pub late_after: Duration,
    /// How long runs may go on after a stop was asked for.
    pub stop_grace: Duration,
    /// Name servers instead of the machine's; empty for the machine's.
    pub nameservers: Vec<SocketAddr>,
    /// Where people reach the pages, without a slash at the end; none for where it listens.
    pub portal: Option<String>,
    /// Who hears of alerts.
    pub alerting: Alerting,
    /// Declared windows for every partner.
    pub calendars: Vec<Calendar>,
}

/// A partner (`partners/<id>.toml`).
#[derive(Clone, Debug, PartialEq)]
pub struct Partner {
    /// Its id.
    pub id: PartnerId,
    /// Its name for people.
    pub name: String,
    /// FHIR base URL without a slash at the end.
    pub base_url: String,
    /// `sandbox` or `production`.
    pub environment: String,
    /// The guide and version it speaks; a label.
    pub spec: String,
    /// Its region; a label.
    pub region: String,
    /// How we sign in.
    pub auth: Auth,
    /// The CA to trust instead of the machine's.
    pub trust: Option<PathBuf>,
    /// Its objectives by name.
    pub slos: BTreeMap<SloName, Slo>,
    /// Who else hears of its alerts.
    pub escalation: Escalation,
    /// Declared windows.
    pub calendars: Vec<Calendar>,
    /// What it lets us ask of it.
    pub limits: Limits,
}

/// What a partner lets us ask of it; none for what is not agreed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests within any minute.
    pub requests_per_minute: Option<u32>,
    /// Runs at one time.
    pub runs_in_flight: Option<usize>,
}

/// SMART Backend Services: `private_key_jwt`, ES384.
#[derive(Clone, Debug, PartialEq)]
pub struct Auth {
    /// Our id at the partner; `iss` and `sub`.
    pub client_id: String,
    /// The private key, PEM.
    pub key: SecretRef,
    /// The key's id at the partner; none for its RFC 7638 thumbprint.
    pub kid: Option<String>,
}

/// Where a secret is; never the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// A file, read anew each time it is needed.
    File(PathBuf),
}

/// A probe: what is scheduled.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// Partner and journey.
    pub id: ProbeId,
    /// When.
    pub cadence: Cadence,
    /// By up to this much each start is moved, always by the same.
    pub jitter: Duration,
    /// Whose permits its runs take.
    pub class: Class,
    /// Whether a failed run is walked once more.
    pub confirm: bool,
    /// How often it is walked besides while it fails; none for no more than else.
    pub when_failing: Option<Duration>,
    /// Runs of this probe at one time.
    pub concurrency: usize,
    /// The set whose members it carries; none for a journey without a member.
    pub members: Option<String>,
    /// The journey's deadline, here perhaps shorter than its file says.
    pub deadline: Duration,
    /// The time of one request, here perhaps shorter than its file says.
    pub timeout: Duration,
    /// Shuffles the order of members.
    pub seed: u64,
}

closed!(
    /// Whose permits a run takes, so that long runs never hold all of them.
    Class {
        /// Any permit.
        Short = "short",
        /// One of those that long runs may have.
        Long = "long",
    }
);

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
    /// Its steps in order.
    pub steps: Vec<Step>,
}

impl Journey {
    /// Whether it looks at the business layer at all.
    pub fn judges_business(&self) -> bool {
        self.steps
            .iter()
            .any(|step| matches!(step.action, Action::Check { .. }))
    }

    /// Whether it carries a member.
    pub fn needs_member(&self) -> bool {
        self.judges_business()
            || self
                .steps
                .iter()
                .any(|step| matches!(step.action, Action::Submit { .. }))
    }
}

/// One step of a journey.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its id.
    pub id: StepId,
    /// Runs also when something broke before.
    pub always: bool,
    /// Runs only then; none for each time.
    pub when: Option<When>,
    /// The time of one request; none for the journey's.
    pub timeout: Option<Duration>,
    /// What it does.
    pub action: Action,
}

closed!(
    /// A condition of a step.
    When {
        /// The partner put our member into MatchedMembers.
        Matched = "matched",
    }
);

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// One request and its answer.
    Request {
        /// GET, POST or DELETE.
        method: Method,
        /// Where to.
        url: Template,
        /// The step whose token goes along.
        token: Option<StepId>,
        /// What the answer must be.
        expect: Expect,
        /// Named checks of the answer.
        checks: Vec<Check>,
        /// What is kept of the answer for later steps.
        captures: Vec<Capture>,
    },
    /// An access token by SMART Backend Services.
    Token {
        /// The token endpoint; also the assertion's audience.
        endpoint: Template,
        /// The scopes asked for.
        scope: Vec<String>,
    },
    /// The kick-off of an asynchronous job: 202 and `Content-Location`.
    Submit {
        /// Where to.
        url: Template,
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
    /// The word in the file.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Request { .. } => "request",
            Self::Token { .. } => "token",
            Self::Submit { .. } => "submit",
            Self::Poll { .. } => "poll",
            Self::Download { .. } => "download",
            Self::Check { .. } => "check",
            Self::Release { .. } => "release",
        }
    }
}

closed!(
    /// Bodies that a submit step can send.
    Body {
        /// PDex bulk match request for the run's member.
        MemberMatchParameters = "member-match-parameters",
        /// PDex payer-to-payer export request.
        DataExportParameters = "data-export-parameters",
    }
);

closed!(
    /// What the files of a manifest are.
    Read {
        /// Groups of a match result.
        MatchResult = "match-result",
        /// Records of members.
        MemberData = "member-data",
    }
);

/// What an answer must be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expect {
    /// One of these statuses.
    pub status: Vec<u16>,
    /// One of these content types; empty for any.
    pub media: Vec<String>,
    /// Values inside the document.
    pub json: Vec<JsonRule>,
}

/// A value that a document must hold.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonRule {
    /// Where (RFC 9535).
    pub path: serde_json_path::JsonPath,
    /// What must be there.
    pub equals: serde_json::Value,
}

/// Something kept of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Capture {
    /// Its name after the step's id.
    pub name: String,
    /// Where it is.
    pub query: Query,
}

/// Where a captured text is.
#[derive(Clone, Debug, PartialEq)]
pub enum Query {
    /// A string inside the document (RFC 9535). Numbers are not turned into strings.
    Json(serde_json_path::JsonPath),
    /// A header field.
    Header(String),
}

/// A text with values to be filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(pub Vec<Part>);

/// One part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// As it stands.
    Text(String),
    /// A value, escaped for where it goes.
    Value(Root),
}

/// What a template may name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Root {
    /// `partner.base_url`.
    BaseUrl,
    /// `run.id`.
    RunId,
    /// `member.id`.
    MemberId,
    /// `<step>.<name>`.
    Captured(StepId, String),
}
