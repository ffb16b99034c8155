//! A small HTTP/1.1 for loopback: one request a connection, with limits on time and size.

use std::fmt::Write as _;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::clock::Mark;

/// From the connection to the last byte of the answer.
const CALL_LIMIT: Duration = Duration::from_secs(10);
/// Bytes of a message's first line and headers.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a message's body: a thousand runs in brief are well below it.
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A JSON interface at one address.
#[derive(Clone, Debug)]
pub(crate) struct HttpClient {
    address: SocketAddr,
    /// The file with the token that it asks for.
    token_file: Option<PathBuf>,
}

impl HttpClient {
    /// The interface at `http://<loopback address>:<port>`.
    ///
    /// # Errors
    /// When it is anything else: nothing beyond this machine is ever called.
    pub(crate) fn at(url: &str) -> Result<Self> {
        let address = url
            .strip_prefix("http://")
            .and_then(|rest| rest.trim_end_matches('/').parse::<SocketAddr>().ok());
        match address {
            Some(address) if address.ip().is_loopback() => Ok(Self {
                address,
                token_file: None,
            }),
            Some(_) | None => bail!("{url:?} is no plain HTTP address on loopback"),
        }
    }

    /// The same, which shows the token in a file with each request.
    pub(crate) fn with_token(self, file: PathBuf) -> Self {
        Self {
            token_file: Some(file),
            ..self
        }
    }

    /// Where it is.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Reads a document.
    ///
    /// # Errors
    /// When there is no answer in time, or it is a refusal or not the expected document.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let body = self.send("GET", path, None)?;
        serde_json::from_slice(&body).with_context(|| {
            format!(
                "could not read the answer of {} to GET {path}",
                self.address
            )
        })
    }

    /// Sends an order and gives back the answer's body.
    ///
    /// # Errors
    /// When there is no answer in time, or it is a refusal.
    pub(crate) fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Vec<u8>> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let (status, answer) = self
            .call(method, path, &body)
            .and_then(|answer| Ok((status(&answer.first_line)?, answer)))
            .with_context(|| format!("could not ask {} for {method} {path}", self.address))?;
        if !(200..300).contains(&status) {
            bail!(
                "{} refused {method} {path}: {}",
                self.address,
                refusal(status, &answer.body)
            );
        }
        Ok(answer.body)
    }

    /// The header field with the token.
    fn authorization(&self) -> Result<String> {
        let Some(file) = &self.token_file else {
            return Ok(String::new());
        };
        let token = std::fs::read_to_string(file)
            .with_context(|| format!("could not read the token in {}", file.display()))?;
        Ok(format!("Authorization: Bearer {}\r\n", token.trim()))
    }

    fn call(&self, method: &str, path: &str, body: &str) -> Result<Message> {
        let begun = Mark::now();
        let authorization = self.authorization()?;
        let mut stream = TcpStream::connect_timeout(&self.address, CALL_LIMIT)?;
        stream.set_write_timeout(Some(CALL_LIMIT))?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nUser-Agent: outrider-demo\r\n{authorization}\
             Accept: application/json\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.address,
            body.len()
        );
        stream.write_all(request.as_bytes())?;
        receive(&mut stream, CALL_LIMIT.saturating_sub(begun.elapsed()))
    }
}

/// Reads one message, an answer or a request.
///
/// # Errors
/// When it is broken, too long, or not whole in time.
pub(crate) fn receive(stream: &mut TcpStream, limit: Duration) -> Result<Message> {
    let begun = Mark::now();
    let mut received = Vec::new();
    let mut piece = [0; 16 * 1024];
    loop {
        let left = limit.saturating_sub(begun.elapsed());
        ensure!(
            !left.is_zero(),
            "no whole message in {} s",
            limit.as_secs_f32().ceil()
        );
        stream.set_read_timeout(Some(left))?;
        let count = match stream.read(&mut piece) {
            Ok(count) => count,
            // A signal or a read timeout; the check above ends the loop.
            Err(why) if is_passing(why.kind()) => continue,
            Err(why) => return Err(why.into()),
        };
        received.extend_from_slice(piece.get(..count).unwrap_or_default());
        if let Some(message) = message(&received, count == 0)? {
            return Ok(message);
        }
    }
}

/// The text as a part of a URL's query.
pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            write!(encoded, "%{byte:02X}").unwrap_or_default();
        }
    }
    encoded
}

fn is_passing(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Interrupted | ErrorKind::WouldBlock | ErrorKind::TimedOut
    )
}

/// What came over one connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// A status line or a request line.
    pub(crate) first_line: String,
    /// The body.
    pub(crate) body: Vec<u8>,
}

/// The message in what was received so far; none while more must come.
fn message(received: &[u8], is_ended: bool) -> Result<Option<Message>> {
    let Some(head_length) = received.windows(4).position(|four| four == b"\r\n\r\n") else {
        ensure!(
            received.len() <= HEAD_BYTES_MAX,
            "the head is longer than {HEAD_BYTES_MAX} bytes"
        );
        ensure!(!is_ended, "the message ended within its head");
        return Ok(None);
    };
    ensure!(
        head_length <= HEAD_BYTES_MAX,
        "the head is longer than {HEAD_BYTES_MAX} bytes"
    );
    let (head, rest) = received.split_at(head_length);
    let body = rest.get(4..).unwrap_or_default();
    let head = std::str::from_utf8(head).context("the head is not UTF-8")?;
    let (first_line, length) = read_head(head)?;
    ensure!(
        length.unwrap_or(body.len()) <= BODY_BYTES_MAX,
        "the body is longer than {BODY_BYTES_MAX} bytes"
    );
    match length {
        Some(length) => match body.get(..length) {
            Some(body) => Ok(Some(Message {
                first_line,
                body: body.to_vec(),
            })),
            None if is_ended => bail!("the body ended after {} of {length} bytes", body.len()),
            None => Ok(None),
        },
        None => Ok(is_ended.then(|| Message {
            first_line,
            body: body.to_vec(),
        })),
    }
}

/// The first line, and the body's length if it is told. A request that tells none has no body.
fn read_head(head: &str) -> Result<(String, Option<usize>)> {
    let mut lines = head.split("\r\n");
    let first_line = lines.next().unwrap_or_default();
    let is_request = first_line.ends_with(" HTTP/1.1");
    let mut length = None;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            let told: usize = value
                .parse()
                .with_context(|| format!("no length: {value:?}"))?;
            ensure!(
                length.is_none_or(|length| length == told),
                "the message tells two lengths"
            );
            length = Some(told);
        }
        // Neither program streams its JSON; a body in chunks would be read wrongly.
        ensure!(
            !name.eq_ignore_ascii_case("transfer-encoding"),
            "the body comes in chunks"
        );
    }
    Ok((first_line.to_owned(), length.or(is_request.then_some(0))))
}

fn status(line: &str) -> Result<u16> {
    line.strip_prefix("HTTP/1.1 ")
        .or_else(|| line.strip_prefix("HTTP/1.0 "))
        .and_then(|rest| rest.get(..3))
        .and_then(|code| code.parse().ok())
        .with_context(|| format!("{line:?} is no HTTP status line"))
}

/// What both programs say when they refuse.
fn refusal(status: u16, body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Problem {
        error: String,
        cure: String,
    }
    match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => format!("{status} {}; {}", problem.error, problem.cure),
        Err(_) => format!("status {status}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn whole(text: &str) -> Result<Option<Message>> {
        message(text.as_bytes(), true)
    }

    #[test]
    fn an_answer_is_whole_when_its_length_is_there() {
        let text = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n{\"a\"and what follows";
        let expected = Message {
            first_line: "HTTP/1.1 200 OK".to_owned(),
            body: b"{\"a\"".to_vec(),
        };
        for cut in 0..42 {
            assert_eq!(message(&text[..cut], false).unwrap(), None, "{cut}");
        }
        assert_eq!(message(&text[..42], false).unwrap(), Some(expected));
        assert_eq!(message(text, false).unwrap().unwrap().body, b"{\"a\"");
    }

    #[test]
    fn a_body_without_a_length_ends_with_the_connection() {
        let text = "HTTP/1.0 404 Not Found\r\n\r\n[]";
        assert_eq!(message(text.as_bytes(), false).unwrap(), None);
        let expected = Message {
            first_line: "HTTP/1.0 404 Not Found".to_owned(),
            body: b"[]".to_vec(),
        };
        assert_eq!(whole(text).unwrap(), Some(expected));
    }

    #[test]
    fn what_is_broken_or_too_long_is_an_error() {
        let said = |text: &str| whole(text).unwrap_err().to_string();
        assert_eq!(said(""), "the message ended within its head");
        assert_eq!(
            said("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"),
            "the body ended after 3 of 9 bytes"
        );
        for line in ["HTTP/2 200", "HTTP/1.1 20", "GET / HTTP/1.1"] {
            let said = status(line).unwrap_err().to_string();
            assert!(said.contains("no HTTP status line"), "{said}");
        }
        assert!(said("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n").contains("no length"));
        let two = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nContent-Length: 2\r\n\r\nab";
        assert_eq!(said(two), "the message tells two lengths");
        let chunks = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
        assert_eq!(said(chunks), "the body comes in chunks");
        let told = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
            BODY_BYTES_MAX + 1
        );
        assert!(
            message(told.as_bytes(), false)
                .unwrap_err()
                .to_string()
                .contains("longer than")
        );
        let untold = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(BODY_BYTES_MAX + 1));
        assert!(message(untold.as_bytes(), false).is_err());
        let head = vec![b'h'; HEAD_BYTES_MAX + 1];
        assert!(
            message(&head, false)
                .unwrap_err()
                .to_string()
                .contains("head is longer")
        );
    }

    #[test]
    fn a_request_without_a_length_has_no_body() {
        let text = b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n";
        let request = message(text, false).unwrap().unwrap();
        assert_eq!(request.first_line, "GET /page HTTP/1.1");
        assert_eq!(request.body, b"");
    }

    #[test]
    fn a_query_is_encoded() {
        let query = "a{b=~\"c|d\"} > 0.5 é";
        assert_eq!(
            encoded(query),
            "a%7Bb%3D~%22c%7Cd%22%7D%20%3E%200.5%20%C3%A9"
        );
    }

    #[test]
    fn only_loopback_is_called() {
        assert!(HttpClient::at("http://127.0.0.1:9464").is_ok());
        assert!(HttpClient::at("http://[::1]:9464/").is_ok());
        for url in [
            "https://127.0.0.1:1",
            "http://192.0.2.1:80",
            "http://localhost:80",
            "",
        ] {
            assert!(HttpClient::at(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_refusal_is_told_with_its_cure() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = HttpClient::at(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut piece = [0; 512];
            while !request.ends_with(b"{\"fault\":\"nope\"}") {
                let count = stream.read(&mut piece).unwrap();
                request.extend_from_slice(&piece[..count]);
            }
            let body = r#"{"error":"there is no fault","cure":"one of: throttled"}"#;
            let head = format!("HTTP/1.1 422 No\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(body.as_bytes()).unwrap();
            String::from_utf8(request).unwrap()
        });
        let wish = serde_json::json!({"fault": "nope"});
        let refused = client
            .send("PUT", "/partners/keystone/fault", Some(&wish))
            .unwrap_err();
        assert!(
            refused.to_string().ends_with(
                "refused PUT /partners/keystone/fault: 422 there is no fault; one of: throttled"
            ),
            "{refused}"
        );
        let request = server.join().unwrap();
        assert!(request.starts_with("PUT /partners/keystone/fault HTTP/1.1\r\nHost: 127.0.0.1:"));
        assert!(request.contains("\r\nContent-Length: 16\r\n"));
    }
}
