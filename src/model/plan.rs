//! The plan: what the files mean, once they are checked.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::layer::closed;
use super::{
    Alerting, Cadence, Calendar, Check, Connection, Escalation, FamilyWanted, HttpWanted,
    JourneyId, MemberSet, Method, PartnerId, ProbeId, Quirk, Retry, Scale, Slo, SloName, StepId,
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
    /// A request that we ourselves held up for longer is `contaminated`.
    pub own_delay_max: Duration,
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
    /// Origins beside its own where its jobs may be: our token travels there.
    pub job_origins: Vec<String>,
    /// What it does differently and may.
    pub quirks: BTreeSet<Quirk>,
}

/// What a partner lets us ask of it; none for what is not agreed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests within any minute.
    pub requests_per_minute: Option<u32>,
    /// Runs at one time.
    pub runs_in_flight: Option<usize>,
}

/// How we sign in at a partner.
#[derive(Clone, Debug, PartialEq)]
pub struct Auth {
    /// Our id at the partner: `iss` and `sub` of an assertion, or `client_id`. Empty for a bearer token.
    pub client_id: String,
    /// What proves that it is us.
    pub kind: AuthKind,
    /// The certificate that we show in each TLS handshake (RFC 8705); none for none.
    pub certificate: Option<ClientCertificate>,
}

/// What proves that it is us; names of RFC 7591 and RFC 8705.
#[derive(Clone, Debug, PartialEq)]
pub enum AuthKind {
    /// SMART Backend Services: an assertion signed by RS384 or ES384, as the key is.
    PrivateKeyJwt {
        /// The private key, PEM.
        key: SecretRef,
        /// The key's id at the partner; none for its RFC 7638 thumbprint.
        kid: Option<String>,
        /// Keys that are not signed with, and whose public halves we publish beside.
        also_published: Vec<PathBuf>,
    },
    /// A shared secret in the `Authorization` header of the token request.
    ClientSecretBasic {
        /// The secret.
        secret: SecretRef,
    },
    /// A shared secret in the body of the token request.
    ClientSecretPost {
        /// The secret.
        secret: SecretRef,
    },
    /// The client certificate alone.
    TlsClientAuth,
    /// A token that does not change; no endpoint is asked.
    Bearer {
        /// The token.
        token: SecretRef,
    },
}

/// A client certificate and its key, PEM.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientCertificate {
    /// The chain, leaf first.
    pub chain: PathBuf,
    /// Its private key.
    pub key: SecretRef,
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
    /// The family of addresses that its requests go to.
    pub family: FamilyWanted,
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
    /// A connection for each request, unless the step says otherwise.
    pub connection: Connection,
    /// The version of HTTP spoken.
    pub http: HttpWanted,
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
    pub connection: Option<Connection>,
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
            // A job is opened for somebody.
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

/// Header fields of a step, by lower-case name.
pub type Headers = BTreeMap<String, Template>;

/// When a token step does not take a token that is kept from an earlier run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fresh {
    /// Any token is good until four fifths of its life are over.
    Never,
    /// Each run asks anew.
    Always,
    /// The first run that comes so long after the last one that did asks anew.
    Every(Duration),
}

/// What a request or a kick-off sends.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// One that is made for the run's member.
    Named(NamedBody),
    /// A JSON document with templates for its texts.
    Json(Filling),
    /// `application/x-www-form-urlencoded`, in this order.
    Form(Vec<(String, Template)>),
}

impl Body {
    /// Every template in it.
    fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Named(_) => Vec::new(),
            Self::Json(filling) => filling.templates(),
            Self::Form(fields) => fields.iter().map(|(_, template)| template).collect(),
        }
    }
}

/// A JSON document with holes.
#[derive(Clone, Debug, PartialEq)]
pub enum Filling {
    /// As it stands: a number, a truth value, null.
    Fixed(serde_json::Value),
    /// A text, or the value itself with its own type where a template is nothing else.
    Text(Template),
    /// A list.
    List(Vec<Filling>),
    /// An object.
    Object(BTreeMap<String, Filling>),
}

impl Filling {
    fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Fixed(_) => Vec::new(),
            Self::Text(template) => vec![template],
            Self::List(items) => items.iter().flat_map(Self::templates).collect(),
            Self::Object(entries) => entries.values().flat_map(Self::templates).collect(),
        }
    }
}

/// A value inside a document, and what it is compared with.
#[derive(Clone, Debug, PartialEq)]
pub struct Is {
    /// Where (RFC 9535).
    pub path: serde_json_path::JsonPath,
    /// It is one of these, of the same kind.
    pub one_of: Vec<serde_json::Value>,
}

closed!(
    /// Bodies that are made for the run's member.
    NamedBody {
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
    /// What it must be. Nothing is turned into it.
    pub kind: CaptureKind,
    /// Whether the answer may lack it.
    pub optional: bool,
}

closed!(
    /// What a captured value is.
    CaptureKind {
        /// A string.
        String = "string",
        /// A JSON number, with its digits.
        Number = "number",
        /// True or false.
        Bool = "bool",
        /// A string that is never shown, and never stands in a URL.
        Secret = "secret",
        /// Every value found, in order: a header's fields, the nodes of a path, or one JSON array.
        List = "list",
        /// One JSON value of any kind, or the whole document.
        Document = "document",
    }
);

/// Where a captured value is.
#[derive(Clone, Debug, PartialEq)]
pub enum Query {
    /// Inside the document (RFC 9535).
    Json(serde_json_path::JsonPath),
    /// A header field, by lower-case name. Repeated fields stay apart.
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
    /// `run.started_at`: RFC 3339, UTC, whole seconds.
    StartedAt,
    /// `member.id`.
    MemberId,
    /// `<step>.<name>`.
    Captured(StepId, String),
}
