//! What was seen: facts without a rule.

use std::collections::BTreeMap;
use std::time::Duration;

use super::closed::closed;
use super::{AgentFault, Family, Finding, HttpVersion, Link, StepId};

closed!(
    /// HTTP methods that journeys use.
    Method {
        /// GET.
        Get = "GET",
        /// POST.
        Post = "POST",
        /// DELETE.
        Delete = "DELETE",
    }
);

closed!(
    /// What a request was for.
    RequestKind {
        /// A plain request of a step.
        Request = "request",
        /// A token, asked for by a step of its own or renewed within another.
        Token = "token",
        /// The kick-off of an asynchronous job.
        Submit = "submit",
        /// A look at a job.
        Poll = "poll",
        /// One file of a manifest.
        File = "file",
        /// The release of a job.
        Release = "release",
    }
);

closed!(
    /// The phases of one request, in order.
    Phase {
        /// Name lookup.
        Dns = "dns",
        /// TCP.
        Connect = "connect",
        /// TLS handshake.
        Tls = "tls",
        /// Until the last byte of the request was handed to the connection.
        Send = "send",
        /// Until the first byte of the answer.
        Wait = "wait",
        /// Until the last byte of the answer.
        Transfer = "transfer",
    }
);

/// How long each phase took; none where it was not entered. A phase that was entered and broken
/// off holds the time until then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phases([Option<Duration>; 6]);

impl Phases {
    /// The time of one phase.
    pub fn get(&self, phase: Phase) -> Option<Duration> {
        self.0[phase as usize]
    }

    /// Notes the time of one phase; a redirect adds to it.
    pub fn add(&mut self, phase: Phase, time: Duration) {
        let slot = &mut self.0[phase as usize];
        *slot = Some(slot.unwrap_or_default() + time);
    }
}

closed!(
    /// What is wrong with a TLS session.
    TlsFailure {
        /// The certificate's time is over.
        Expired = "certificate expired",
        /// The certificate's time has not come.
        NotYetValid = "certificate not yet valid",
        /// The certificate is for another name.
        WrongName = "certificate for another name",
        /// No chain to a trusted authority.
        Untrusted = "certificate not trusted",
        /// Version, cipher or alert.
        Handshake = "handshake failed",
    }
);

closed!(
    /// A limit that an answer went over. Each number is next to the code that enforces it.
    Limit {
        /// Body of a document.
        Body = "body",
        /// Head of an answer.
        Headers = "headers",
        /// One line of NDJSON.
        Line = "line",
        /// Decompressed bytes for each byte on the wire.
        Compression = "compression ratio",
        /// Redirects in a row.
        Redirects = "redirects",
        /// Files of one manifest.
        Files = "files",
        /// Values of one JSON document or line.
        Values = "JSON values",
        /// Things remembered while a stream is judged.
        Memory = "remembered keys",
    }
);

/// Why no whole answer arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A working resolver says that there is no such name, or no address.
    NoSuchName,
    /// The partner's address refuses or ignores connections.
    Connect,
    /// No TLS session.
    Tls(TlsFailure),
    /// Broken off in this phase.
    Reset(Phase),
    /// Not whole in the step's time; the phase that was going on.
    Timeout(Phase),
    /// The journey's deadline came in this phase.
    Deadline(Phase),
    /// Not HTTP, or not the encoding it says.
    Malformed,
    /// Over a limit.
    Limit(Limit),
    /// A redirect that must not be followed: no location, or from TLS to plain.
    Redirect,
    /// Ours.
    Agent(AgentFault),
}

/// One request and its answer in brief; this much is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestEvidence {
    /// What it was for.
    pub kind: RequestKind,
    /// Its method.
    pub method: Method,
    /// Its path, without query.
    pub path: String,
    /// When it began, from the start of the run.
    pub offset: Duration,
    /// From its begin to the last byte, or to the failure.
    pub total: Duration,
    /// Its phases.
    pub phases: Phases,
    /// The status, when a head arrived.
    pub status: Option<u16>,
    /// The content type without parameters, when a head arrived; at most 100 characters.
    pub media: Option<String>,
    /// Bytes of body on the wire.
    pub bytes: u64,
    /// Why the answer is not whole; none when it is.
    pub failure: Option<Failure>,
    /// 1 for the first; a step's retry makes more of the same request.
    pub attempt: u32,
    /// What its connection was. A reused one has no phases dns, connect and tls.
    pub link: Link,
    /// The family of the address reached, or tried last; none before an address was tried.
    pub family: Option<Family>,
    /// The version of HTTP; none before a connection was there.
    pub http: Option<HttpVersion>,
    /// Of its time, at most so much was ours: waiting for this machine or for other work of ours.
    pub own_delay: Duration,
    /// Whether that is above the limit: its times say nothing exact about the partner.
    pub contaminated: bool,
}

closed!(
    /// The class of a request's fate: a label.
    RequestResult {
        /// No such name.
        Dns = "dns",
        /// No connection.
        Connect = "connect",
        /// No TLS session.
        Tls = "tls",
        /// Broken off.
        Reset = "reset",
        /// Not whole in time.
        Timeout = "timeout",
        /// Not HTTP, over a limit, or a redirect that may not be followed.
        Protocol = "protocol",
        /// Ours.
        Agent = "agent",
        /// A whole answer with such a status.
        Success = "2xx",
        /// A whole answer with such a status.
        Redirect = "3xx",
        /// A whole answer with such a status.
        ClientError = "4xx",
        /// A whole answer with such a status.
        ServerError = "5xx",
        /// A whole answer with a status of no class.
        Other = "other",
    }
);

impl RequestEvidence {
    /// The class of its fate.
    pub fn result(&self) -> RequestResult {
        match (self.failure, self.status) {
            (Some(Failure::NoSuchName), _) => RequestResult::Dns,
            (Some(Failure::Connect), _) => RequestResult::Connect,
            (Some(Failure::Tls(_)), _) => RequestResult::Tls,
            (Some(Failure::Reset(_)), _) => RequestResult::Reset,
            (Some(Failure::Timeout(_) | Failure::Deadline(_)), _) => RequestResult::Timeout,
            (Some(Failure::Malformed | Failure::Limit(_) | Failure::Redirect), _) => {
                RequestResult::Protocol
            }
            (Some(Failure::Agent(_)), _) => RequestResult::Agent,
            (None, Some(200..=299)) => RequestResult::Success,
            (None, Some(300..=399)) => RequestResult::Redirect,
            (None, Some(400..=499)) => RequestResult::ClientError,
            (None, Some(500..=599)) => RequestResult::ServerError,
            (None, _) => RequestResult::Other,
        }
    }
}

/// One whole answer with its content, while a run goes on; never kept.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Content type without parameters, lower case.
    pub media: Option<String>,
    /// Header fields by lower-case name; a repeated field keeps every value.
    pub headers: BTreeMap<String, Vec<String>>,
    /// The body as JSON; none when empty or not JSON.
    pub json: Option<serde_json::Value>,
    /// Whether the body had bytes.
    pub has_body: bool,
}

impl Answer {
    /// The first value of a header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .get(name)
            .and_then(|values| values.first())
            .map(String::as_str)
    }
}

closed!(
    /// How a step ended.
    StepState {
        /// All its findings that must hold did.
        Passed = "passed",
        /// One did not.
        Failed = "failed",
        /// Not due for this member, or a step before it failed.
        Skipped = "skipped",
    }
);

/// The times of one asynchronous job: what the server took, and what our waiting added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobTimes {
    /// Polls sent.
    pub polls: u32,
    /// From the first poll to the answer that said it is done.
    pub elapsed: Duration,
    /// Of that, time in which we waited by rule.
    pub waited: Duration,
    /// Of `elapsed`, what the server was seen to take: until the last answer that said "not yet".
    pub server: Duration,
    /// Of `elapsed`, what looking adds: from there to the first byte of the last answer. The job may
    /// have been done at any time in it.
    pub overhead: Duration,
    /// Of `elapsed`, the transfer of the last answer.
    pub transfer: Duration,
    /// The last percentage that `X-Progress` told while the job went on.
    pub progress_percent: Option<u8>,
}

/// What one step saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepEvidence {
    /// Which.
    pub step: StepId,
    /// How it ended.
    pub state: StepState,
    /// Its begin, from the start of the run.
    pub offset: Duration,
    /// How long it took.
    pub duration: Duration,
    /// Its requests in order; of a long poll the first and last ones.
    pub requests: Vec<RequestEvidence>,
    /// Requests left out of `requests`, by result.
    pub requests_omitted: BTreeMap<RequestResult, u32>,
    /// What was found, in order.
    pub findings: Vec<Finding>,
    /// What broke attempts that were followed by another one: these decide transport and application.
    pub retried: Vec<Finding>,
    /// Whether a token from an earlier run was good enough, so that none was asked for.
    pub cached_token: bool,
    /// The times of the job it waited for.
    pub job: Option<JobTimes>,
}
