//! One request and what was seen of its answer.

use bytes::Bytes;

use crate::store::Receiving;

/// The methods that are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
    /// DELETE.
    Delete,
}

impl Method {
    /// The word on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

/// A request. Has no `Debug`, because of its token and its body.
#[derive(Clone)]
pub struct Call {
    /// Method.
    pub method: Method,
    /// Absolute URL.
    pub url: String,
    /// Bearer token.
    pub token: Option<String>,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// Body; empty for none.
    pub body: Bytes,
}

impl Call {
    /// A request without a body.
    pub fn to(method: Method, url: String) -> Self {
        Self {
            method,
            url,
            token: None,
            headers: vec![(
                "accept",
                "application/fhir+json, application/json, application/fhir+ndjson".to_owned(),
            )],
            body: Bytes::new(),
        }
    }

    /// The same with a token.
    pub fn bearing(mut self, token: Option<String>) -> Self {
        self.token = token;
        self
    }
}

/// Where the body of an answer goes.
pub enum Sink {
    /// Into memory, at most so many bytes.
    Memory(u64),
    /// Into a file, at most so many bytes; other answers than 200 go into memory.
    File(Receiving, u64),
}

/// An answer, whole.
#[derive(Debug, Default)]
pub struct PartnerResponse {
    /// Status.
    pub status: u16,
    /// `Retry-After`.
    pub retry_after: Option<String>,
    /// `Content-Location`.
    pub content_location: Option<String>,
    /// `Location`.
    pub location: Option<String>,
    /// `Content-Type`, without parameters.
    pub media: Option<String>,
    /// `X-Progress`.
    pub progress: Option<String>,
    /// The body, when it went into memory.
    pub body: Bytes,
    /// SHA-256 of the body.
    pub sha256: String,
    /// Length of the body.
    pub bytes: u64,
    /// The file, when the body went into one.
    pub file: Option<Receiving>,
}

/// Why there was no complete response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallFailure {
    /// The address is none, or lies where we do not go.
    Address,
    /// No connection.
    Connect,
    /// No TLS.
    Tls,
    /// Not in time.
    Timeout,
    /// The connection ended early.
    Reset,
    /// More bytes than the limit.
    TooLarge,
    /// A content coding that was not asked for and cannot be read, or a body that is not of its coding; its name.
    Coding(&'static str),
    /// We could not keep the body.
    Ours,
    /// No token was to be had; the token endpoint's status, if it answered.
    NoToken(Option<u16>),
}

impl CallFailure {
    /// The word in the audit trail.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::TooLarge => "too-large",
            Self::Coding(_) => "coding",
            Self::Ours => "not-kept",
            Self::NoToken(_) => "no-token",
        }
    }
}

/// The result of a call.
#[derive(Debug)]
pub enum CallResult {
    /// A complete response.
    Response(Box<PartnerResponse>),
    /// No complete response.
    Failed(CallFailure),
}

impl CallResult {
    /// The status, if there was one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Response(answer) => Some(answer.status),
            Self::Failed(_) => None,
        }
    }
}
