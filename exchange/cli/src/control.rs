//! The control listener of a running exchange, asked by plain HTTP.

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use serde_json::Value;

use crate::failure::Failure;

/// Longest wait for the exchange to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// One control listener.
pub(super) struct ControlClient {
    /// Host and port.
    address: String,
}

impl ControlClient {
    /// The listener at a URL such as `http://127.0.0.1:8400`, or at host and port alone.
    pub(super) fn at(url: &str) -> Result<Self, Failure> {
        let address = url.strip_prefix("http://").unwrap_or(url);
        let address = address.trim_end_matches('/');
        if address.contains('/') || !address.contains(':') {
            let what = format!("{url:?} is no address of a control listener");
            return Err(Failure::usage(what, "give it as http://127.0.0.1:8400"));
        }
        Ok(Self {
            address: address.to_owned(),
        })
    }

    pub(super) fn get(&self, path: &str) -> Result<Value, Failure> {
        self.send("GET", path, "")
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.send("POST", path, &body.to_string())
    }

    pub(super) fn delete(&self, path: &str) -> Result<Value, Failure> {
        self.send("DELETE", path, "")
    }

    fn send(&self, method: &str, path: &str, body: &str) -> Result<Value, Failure> {
        let away = |error: std::io::Error| {
            Failure::usage(
                format!("no exchange answers at {}: {error}", self.address),
                "start `exchange serve --control-port 8400`, or give --control the address of its ready line",
            )
        };
        let (status, text) = self.exchange(method, path, body).map_err(away)?;
        let answer: Value = serde_json::from_str(&text).map_err(|_| {
            let what = format!("what answers at {} is no exchange", self.address);
            Failure::usage(what, "give --control the address of the ready line")
        })?;
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        let part = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        Err(Failure::usage(part("error"), part("cure")))
    }

    /// Status and body of one request on a connection of its own.
    fn exchange(&self, method: &str, path: &str, body: &str) -> std::io::Result<(u16, String)> {
        let unreadable = || std::io::Error::from(std::io::ErrorKind::InvalidData);
        let address = self
            .address
            .to_socket_addrs()?
            .next()
            .ok_or_else(unreadable)?;
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )?;
        let mut answer = String::new();
        stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(unreadable)?;
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        Ok((status.ok_or_else(unreadable)?, body.to_owned()))
    }
}
