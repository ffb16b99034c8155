//! What a step does: one verb, with what that verb needs.

use std::time::Duration;

use super::{
    AnswerCheck, Body, Capture, Expect, Fresh, Headers, Is, MemberId, Method, NamedBody, Part,
    Read, RecordCheck, Root, StepId, Template,
};

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Sends one request and checks its answer.
    Request(Request),
    /// Gets an access token, as the partner's `[auth]` says.
    Token(SignIn),
    /// Kicks an asynchronous job off: 202 and `Content-Location`.
    Submit(Submit),
    /// Polls a job until it is done.
    Poll(Poll),
    /// Polls a document until a value in it says that it is done.
    Watch(Watch),
    /// Downloads every file of a manifest and judges it as a stream.
    Download(Download),
    /// Checks what the run has gathered so far against the oracle, in this order.
    Check(Vec<RecordCheck>),
    /// Releases the job that a submit step opened, if it did.
    Release(Release),
}

/// One request, and what its answer must be.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// Its URL.
    pub url: Template,
    /// Header fields of its own.
    pub headers: Headers,
    /// What it sends.
    pub body: Option<Body>,
    /// The step whose token it carries.
    pub token: Option<StepId>,
    /// What the answer must be.
    pub expect: Expect,
    /// Named checks of the answer.
    pub checks: Vec<AnswerCheck>,
    /// What is kept of the answer for later steps.
    pub captures: Vec<Capture>,
}

/// A request for an access token.
#[derive(Clone, Debug, PartialEq)]
pub struct SignIn {
    /// The token endpoint; also the assertion's audience.
    pub endpoint: Template,
    /// The scopes to request.
    pub scope: Vec<String>,
    /// When a cached token is not good enough.
    pub fresh: Fresh,
}

/// The kick-off of an asynchronous job.
#[derive(Clone, Debug, PartialEq)]
pub struct Submit {
    /// POST, or GET where the server takes its parameters from the URL.
    pub method: Method,
    /// Its URL.
    pub url: Template,
    /// Header fields of its own, which replace ours of the same name.
    pub headers: Headers,
    /// What it sends; none with GET.
    pub body: Option<Body>,
    /// The step whose token it carries; none without sign-in.
    pub token: Option<StepId>,
}

/// The polling of a job.
#[derive(Clone, Debug, PartialEq)]
pub struct Poll {
    /// The status URL.
    pub job: Template,
    /// The step whose token it carries; none without sign-in.
    pub token: Option<StepId>,
    /// The longest wait that a `Retry-After` may ask for.
    pub retry_after_max: Duration,
}

/// The polling of a document.
#[derive(Clone, Debug, PartialEq)]
pub struct Watch {
    /// Its URL.
    pub url: Template,
    /// Header fields of its own.
    pub headers: Headers,
    /// The step whose token it carries.
    pub token: Option<StepId>,
    /// What each answer must be.
    pub expect: Expect,
    /// It is done when this holds.
    pub until: Is,
    /// It has failed when this holds.
    pub fail: Option<Is>,
    /// The wait before the second poll; it doubles from poll to poll, and `Retry-After` overrides it.
    pub every: Duration,
    /// The longest wait, and the longest that a `Retry-After` may ask for.
    pub retry_after_max: Duration,
    /// What is kept of the last answer for later steps.
    pub captures: Vec<Capture>,
}

/// The download of a manifest's files.
#[derive(Clone, Debug, PartialEq)]
pub struct Download {
    /// The poll step that brought the manifest.
    pub manifest: StepId,
    /// What the files hold.
    pub read: Read,
    /// Whose records they hold, where they are of a group.
    pub group: GroupOracle,
    /// The step whose token it carries when the manifest says so; none without sign-in.
    pub token: Option<StepId>,
}

/// The release of a job.
#[derive(Clone, Debug, PartialEq)]
pub struct Release {
    /// The submit step that opened it.
    pub job_of: StepId,
    /// The step whose token it carries; none without sign-in.
    pub token: Option<StepId>,
}

/// Whose records an export of a group must hold, of the members of the probe's set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum GroupOracle {
    /// Of each of them that the partner must match.
    #[default]
    All,
    /// Of any of them, and of nobody else; the records of those that come are due.
    Any,
    /// Of these, each.
    Members(Vec<MemberId>),
}

impl Action {
    /// Whether it sends something that is made for a member, or names one.
    pub(super) fn names_member(&self) -> bool {
        let names = |part: &Part| matches!(part, Part::Value(Root::MemberId));
        if self.templates().iter().any(|one| one.0.iter().any(names)) {
            return true;
        }
        match self {
            // A job is opened for a member.
            Self::Submit(_) => true,
            Self::Request(request) => matches!(request.body, Some(Body::Named(_))),
            Self::Token(_)
            | Self::Poll(_)
            | Self::Watch(_)
            | Self::Download(_)
            | Self::Check(_)
            | Self::Release(_) => false,
        }
    }

    /// What it sends.
    pub fn body(&self) -> Option<&Body> {
        match self {
            Self::Request(request) => request.body.as_ref(),
            Self::Submit(submit) => submit.body.as_ref(),
            Self::Token(_)
            | Self::Poll(_)
            | Self::Watch(_)
            | Self::Download(_)
            | Self::Check(_)
            | Self::Release(_) => None,
        }
    }

    /// The body made for a member that it sends.
    pub fn named_body(&self) -> Option<NamedBody> {
        match self.body()? {
            Body::Named(named) => Some(*named),
            Body::Json(_) | Body::Form(_) => None,
        }
    }

    /// Every template that must be filled in before it can be done.
    pub fn templates(&self) -> Vec<&Template> {
        let (url, headers) = match self {
            Self::Request(request) => (&request.url, Some(&request.headers)),
            Self::Submit(submit) => (&submit.url, Some(&submit.headers)),
            Self::Watch(watch) => (&watch.url, Some(&watch.headers)),
            Self::Token(sign_in) => (&sign_in.endpoint, None),
            Self::Poll(poll) => (&poll.job, None),
            Self::Download(_) | Self::Check(_) | Self::Release(_) => return Vec::new(),
        };
        let headers = headers.into_iter().flat_map(|headers| headers.values());
        let body = self.body().into_iter().flat_map(Body::templates);
        let rules = self.expect().into_iter().flat_map(|expect| &expect.json);
        let rules = rules.filter_map(|rule| rule.template.as_ref());
        let all = std::iter::once(url).chain(headers).chain(body);
        all.chain(rules).collect()
    }

    /// What its answers must be.
    fn expect(&self) -> Option<&Expect> {
        match self {
            Self::Request(request) => Some(&request.expect),
            Self::Watch(watch) => Some(&watch.expect),
            Self::Token(_)
            | Self::Submit(_)
            | Self::Poll(_)
            | Self::Download(_)
            | Self::Check(_)
            | Self::Release(_) => None,
        }
    }

    /// Whether it asks for a token of its own accord.
    pub fn signs_in(&self) -> bool {
        matches!(self, Self::Token(_))
    }

    /// Whether it is of a job and carries no token.
    pub fn is_anonymous(&self) -> bool {
        match self {
            Self::Submit(submit) => submit.token.is_none(),
            Self::Poll(poll) => poll.token.is_none(),
            Self::Download(download) => download.token.is_none(),
            Self::Release(_)
            | Self::Request(_)
            | Self::Token(_)
            | Self::Watch(_)
            | Self::Check(_) => false,
        }
    }

    /// The word in the file.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Request(_) => "request",
            Self::Token(_) => "token",
            Self::Submit(_) => "submit",
            Self::Poll(_) | Self::Watch(_) => "poll",
            Self::Download(_) => "download",
            Self::Check(_) => "check",
            Self::Release(_) => "release",
        }
    }
}
