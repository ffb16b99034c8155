//! One request off the stream, just as it came.

use std::io;

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::limits::{HEAD_BYTES_MAX, REQUEST_BYTES_MAX, SHOWN_CHARS_MAX};

const HEAD_END: &[u8] = b"\r\n\r\n";

/// A whole request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) fields: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// Why there is no request.
#[derive(Debug)]
pub(super) enum NoRequest {
    /// The client has gone, or never began.
    Gone,
    /// It cannot be read; answered with this status.
    Refused(u16),
}

impl From<io::Error> for NoRequest {
    fn from(_gone: io::Error) -> Self {
        Self::Gone
    }
}

/// Reads one request; `rest` holds what was read beyond the one before.
pub(super) async fn read(
    stream: &mut (impl AsyncRead + Unpin),
    rest: &mut Vec<u8>,
) -> Result<Request, NoRequest> {
    let mut looked_at = 0;
    let end = loop {
        let from = looked_at.min(rest.len());
        if let Some(at) = rest[from..]
            .windows(HEAD_END.len())
            .position(|w| w == HEAD_END)
        {
            break from + at + HEAD_END.len();
        }
        if rest.len() > HEAD_BYTES_MAX {
            return Err(NoRequest::Refused(431));
        }
        looked_at = rest.len().saturating_sub(HEAD_END.len() - 1);
        if stream.read_buf(rest).await? == 0 {
            return Err(NoRequest::Gone);
        }
    };
    let mut request = head(&rest[..end]).ok_or(NoRequest::Refused(400))?;
    if request.field("transfer-encoding").is_some() {
        return Err(NoRequest::Refused(411));
    }
    let length = match request.field("content-length").map(str::parse::<usize>) {
        None => 0,
        Some(Ok(length)) if length <= REQUEST_BYTES_MAX => length,
        Some(Ok(_)) => return Err(NoRequest::Refused(413)),
        Some(Err(_)) => return Err(NoRequest::Refused(400)),
    };
    while rest.len() < end + length {
        if stream.read_buf(rest).await? == 0 {
            return Err(NoRequest::Gone);
        }
    }
    request.body = rest[end..end + length].to_vec();
    rest.drain(..end + length);
    Ok(request)
}

fn head(bytes: &[u8]) -> Option<Request> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.trim_end().split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let is_http = version.starts_with("HTTP/1.") && words.next().is_none();
    if !is_http || !target.starts_with('/') {
        return None;
    }
    let fields = lines.map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_owned(), value.trim().to_owned()))
    });
    Some(Request {
        method: method.to_owned(),
        target: target.to_owned(),
        fields: fields.collect::<Option<_>>()?,
        body: Vec::new(),
    })
}

impl Request {
    /// The first value of a field.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        let found = fields.find(|(field, _)| field.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Its path, without query.
    pub(super) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// Whether the client wants the connection closed behind the answer.
    pub(super) fn wants_end(&self) -> bool {
        let is_close = |value: &str| value.to_ascii_lowercase().contains("close");
        self.field("connection").is_some_and(is_close)
    }

    /// As it is shown: every field in order, the body as text.
    pub(super) fn shown(&self) -> Value {
        json!({
            "method": self.method,
            "target": self.target,
            "headers": self.fields,
            "body": String::from_utf8_lossy(&self.body),
        })
    }
}

/// A text from outside, as long as it may be in the log.
pub(super) fn short(text: &str) -> String {
    text.chars().take(SHOWN_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(mut bytes: &[u8]) -> Vec<Result<Request, NoRequest>> {
        let mut rest = Vec::new();
        let mut seen = Vec::new();
        loop {
            let one = read(&mut bytes, &mut rest).await;
            let is_over = one.is_err();
            seen.push(one);
            if is_over {
                return seen;
            }
        }
    }

    #[tokio::test]
    async fn requests_on_one_connection_are_told_apart() {
        let bytes = b"POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbodyGET /c HTTP/1.1\r\nx-y: 1\r\nX-Y: 2\r\n\r\n";
        let seen = all(bytes).await;
        let first = seen[0].as_ref().unwrap();
        assert_eq!((first.path(), first.body.as_slice()), ("/a", &b"body"[..]));
        assert_eq!(first.field("host"), Some("x"));
        let second = seen[1].as_ref().unwrap();
        assert_eq!(second.fields.len(), 2, "a repeated field stays two");
        assert!(matches!(seen[2], Err(NoRequest::Gone)));
    }

    #[tokio::test]
    async fn what_is_no_request_is_refused() {
        let long = format!("GET /{} HTTP/1.1\r\n", "x".repeat(HEAD_BYTES_MAX));
        for (bytes, status) in [
            ("hello\r\n\r\n".to_owned(), 400),
            ("GET relative HTTP/1.1\r\n\r\n".to_owned(), 400),
            ("GET / HTTP/1.1\r\nno colon\r\n\r\n".to_owned(), 400),
            (
                "GET / HTTP/1.1\r\ncontent-length: 9999999\r\n\r\n".to_owned(),
                413,
            ),
            (
                "GET / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n".to_owned(),
                411,
            ),
            (long, 431),
        ] {
            let seen = all(bytes.as_bytes()).await;
            assert!(
                matches!(seen[0], Err(NoRequest::Refused(answered)) if answered == status),
                "{status}: {:?}",
                seen[0]
            );
        }
    }
}
