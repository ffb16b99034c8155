//! A GET over one connection that stays open: how numbers are asked for, and how Prometheus drives
//! blackbox_exporter.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// An open connection to `host:port`.
#[derive(Debug)]
pub(crate) struct Connection {
    host: String,
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Connects.
    pub(crate) fn open(host: &str) -> std::io::Result<Self> {
        let stream = TcpStream::connect(host)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            host: host.to_owned(),
            stream: BufReader::new(stream),
        })
    }

    /// Asks for a path; the body.
    pub(crate) fn get(&mut self, path: &str) -> std::io::Result<Vec<u8>> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.host);
        self.stream.get_mut().write_all(request.as_bytes())?;
        let (mut length, mut is_chunked) = (0, false);
        let status = self.line()?;
        assert!(status.contains(" 200"), "{path}: {status}");
        loop {
            let line = self.line()?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
            is_chunked |= line == "transfer-encoding: chunked";
        }
        let mut body = Vec::new();
        if !is_chunked {
            self.take(length, &mut body)?;
            return Ok(body);
        }
        loop {
            let size = usize::from_str_radix(&self.line()?, 16).expect("a chunk's size");
            self.take(size, &mut body)?;
            self.line()?;
            if size == 0 {
                return Ok(body);
            }
        }
    }

    fn take(&mut self, length: usize, to: &mut Vec<u8>) -> std::io::Result<()> {
        let begin = to.len();
        to.resize(begin + length, 0);
        self.stream.read_exact(&mut to[begin..])
    }

    fn line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}
