//! A request as a step makes it, before it is sent.

use bytes::Bytes;
use http::header::{ACCEPT, CONNECTION, HOST};
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::Full;
use outrider_domain::model::{Failure, Method, RedirectFault, RequestKind, StepId};

use super::pool::OutgoingRequest;
use super::template::Address;

/// A request to send.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) kind: RequestKind,
    pub(super) method: Method,
    pub(super) to: Address,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// The step whose token is sent with it.
    pub(super) token: Option<StepId>,
}

impl Call {
    /// A call without a body that accepts JSON.
    pub(super) fn new(kind: RequestKind, method: Method, to: Address) -> Self {
        let mut headers = HeaderMap::new();
        let accept = HeaderValue::from_static("application/fhir+json, application/json");
        headers.insert(ACCEPT, accept);
        Self {
            kind,
            method,
            to,
            headers,
            body: Bytes::new(),
            token: None,
        }
    }

    /// The request for HTTP/1; [`super::pool`] turns it into one for HTTP/2 where that is spoken.
    pub(super) fn into_request(self, is_kept: bool) -> Result<OutgoingRequest, Failure> {
        let url = &self.to.url;
        let path = url.path_and_query().map_or("/", |path| path.as_str());
        let authority = url
            .authority()
            .ok_or(Failure::Redirect(RedirectFault::Unreadable))?;
        let mut request = Request::builder()
            .method(self.method.name())
            .uri(path)
            // RFC 9110 §4.2.3: an empty port is none.
            .header(HOST, authority.as_str().trim_end_matches(':'))
            .body(Full::new(self.body))
            .map_err(|_| Failure::Redirect(RedirectFault::Unreadable))?;
        if !is_kept {
            let close = HeaderValue::from_static("close");
            request.headers_mut().insert(CONNECTION, close);
        }
        request.headers_mut().extend(self.headers);
        Ok(request)
    }
}
