//! `exchange groundtruth`, which knows when each byte passed: what the agent reports is held against it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::folders::workshop;
use super::get::Connection;
use super::process::{Program, command};

/// The core that it is kept to; the agent has the other one.
const CORE: usize = 0;

/// The running server.
#[derive(Debug)]
pub(crate) struct Truth {
    pub(crate) program: Program,
    _folder: tempfile::TempDir,
}

/// What it knows of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    /// From the first byte of the request to the first of the answer.
    pub(crate) head: Duration,
    /// From the connection to the last byte of the answer.
    pub(crate) whole: Duration,
}

impl Truth {
    pub(crate) fn start() -> Self {
        let folder = workshop();
        let own = Path::new(env!("CARGO_BIN_EXE_outrider"));
        let exchange = own.with_file_name("exchange");
        assert!(
            exchange.is_file(),
            "{} is not there: run `make bench`",
            exchange.display()
        );
        let mut command = command(&exchange, Some(CORE));
        command
            .args(["groundtruth", "--state"])
            .arg(folder.path().join("state"));
        let program = Program::start_ready(command, &folder.path().join("groundtruth.log"));
        Self {
            program,
            _folder: folder,
        }
    }

    /// An address over plain HTTP.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.text("plain"))
    }

    fn text(&self, key: &str) -> &str {
        self.program.ready[key].as_str().expect("a text")
    }

    /// Every whole answer by request id.
    pub(crate) fn known(&self) -> BTreeMap<String, Known> {
        let control = self.text("control").trim_start_matches("http://");
        let mut connection = Connection::open(control).expect("it listens");
        let lines = connection.get("/log").expect("the log");
        let lines = lines.split(|byte| *byte == b'\n');
        let entries = lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
        let known = entries.filter_map(|entry| {
            let at = |key: &str| entry[key].as_u64().map(Duration::from_nanos);
            let known = Known {
                head: at("first_out_ns")? - at("first_in_ns")?,
                whole: at("last_out_ns")? - at("accept_ns")?,
            };
            Some((entry["request_id"].as_str()?.to_owned(), known))
        });
        known.collect()
    }
}
