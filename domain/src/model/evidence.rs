//! What was seen: facts without a rule.

use std::collections::BTreeMap;
use std::time::Duration;

use super::closed::closed;
use super::{
    AddressAttempt, Failure, Family, Finding, HttpVersion, Link, Measured, NotJson,
    PartnerRequestId, Phases, Punctuality, StepId,
};

closed!(
    /// HTTP methods that journeys use.
    Method {
        /// GET.
        Get = "GET",
        /// HEAD.
        Head = "HEAD",
        /// POST.
        Post = "POST",
        /// PUT.
        Put = "PUT",
        /// PATCH.
        Patch = "PATCH",
        /// DELETE.
        Delete = "DELETE",
    }
);

impl Method {
    /// Whether a request of it may have a body.
    pub fn takes_a_body(self) -> bool {
        matches!(self, Self::Post | Self::Put | Self::Patch)
    }

    /// Whether a redirect of it is followed: it changes nothing at the partner.
    pub fn is_followed(self) -> bool {
        matches!(self, Self::Get | Self::Head)
    }
}

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
    /// The addresses that were tried for a new connection, in the order of their begin.
    pub addresses: Vec<AddressAttempt>,
    /// The family of the address reached, or tried last; none before an address was tried.
    pub family: Option<Family>,
    /// The version of HTTP; none before a connection was there.
    pub http: Option<HttpVersion>,
    /// Of its time, at most so much was ours: waiting for this machine or for other work of ours.
    pub own_delay: Duration,
    /// Its timeout, without the extension by our own delay, where it took longer than that; else none.
    pub time_limit: Option<Duration>,
    /// Whether the own delay is above `own_delay_max`: its times say nothing exact about the partner.
    pub agent_delayed: bool,
    /// The partner's own id of it; none in a run that passed.
    pub request_id: Option<PartnerRequestId>,
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
        /// Not HTTP, over a limit, or a redirect or address that may not be followed.
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
    /// Its time with our own delay in it.
    pub fn measured(&self) -> Measured {
        Measured {
            duration: self.total,
            own_delay: self.own_delay,
        }
    }

    /// Whether it took longer than its timeout, and our own delay alone could have made it so.
    pub fn is_inconclusive(&self) -> bool {
        let judged = self.time_limit.map(|limit| self.measured().against(limit));
        judged.is_some_and(|judged| judged != Punctuality::Late)
    }

    /// The class of its fate.
    pub fn result(&self) -> RequestResult {
        match (self.failure, self.status) {
            (Some(failure), _) if failure.own_fault().is_some() => RequestResult::Agent,
            (Some(Failure::Dns(_)), _) => RequestResult::Dns,
            (Some(Failure::Connect | Failure::Proxy(_)), _) => RequestResult::Connect,
            (Some(Failure::Tls(_)), _) => RequestResult::Tls,
            (Some(Failure::Reset(_)), _) => RequestResult::Reset,
            (Some(Failure::Timeout(_) | Failure::Deadline(_)), _) => RequestResult::Timeout,
            (
                Some(
                    Failure::Malformed
                    | Failure::Coding(_)
                    | Failure::Limit(_)
                    | Failure::Redirect(_)
                    | Failure::Egress(_),
                ),
                _,
            ) => RequestResult::Protocol,
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
#[derive(Clone, Debug, Default)]
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
    /// The body as it came, where it is JSON.
    pub text: String,
    /// Why the body is not one JSON document, where it is none.
    pub not_json: Option<NotJson>,
    /// Whether the body began with a byte order mark.
    pub has_bom: bool,
}

impl Answer {
    /// The body, where it is no JSON document: words for a finding.
    pub fn body_kind(&self) -> String {
        match self.not_json {
            Some(NotJson::Empty) | None => "no body".to_owned(),
            Some(why) => format!("a body that is {why}"),
        }
    }

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
    /// Of it, at most so much was our own delay.
    pub own_delay: Duration,
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
