//! `exchange groundtruth`, which knows when each byte passed: what the agent reports is held against it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::folders::workshop;
use super::get::Connection;
use super::process::{Program, command};
use super::wait;

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
    /// When the first byte of the answer was written, and the last one, in microseconds since 1970.
    pub(crate) wrote_us: (f64, f64),
}

/// Requests by which the server's stopwatch is read against the time of day; the quickest one counts.
const READINGS: usize = 50;
/// What they ask for, and no run does.
const READING: &str = "/do/bytes=1";

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

    /// The time of day at which the server's stopwatch was at 0, in microseconds since 1970: between
    /// the begin of a request and its answer lies the arrival that the server noted.
    fn began_us(&self) -> f64 {
        let mut connection = Connection::open(self.host("plain")).expect("it listens");
        let mut between = Vec::new();
        for _ in 0..READINGS {
            let before = wait::wall_us();
            connection.get(READING).expect("an answer");
            between.push((before, wait::wall_us()));
        }
        let lines = self.log();
        let readings = lines.iter().filter(|entry| entry["target"] == READING);
        let noted = readings.map(|entry| entry["first_in_ns"].as_f64().expect("a time"));
        // The newest of them, where the log holds older ones as well.
        let noted: Vec<f64> = noted.collect();
        let noted = &noted[noted.len() - READINGS..];
        let best = between.iter().zip(noted);
        let best = best.min_by_key(|((before, after), _)| after - before);
        let ((before, after), noted_ns) = best.expect("readings");
        i64::midpoint(*before, *after) as f64 - noted_ns / 1000.0
    }

    fn host(&self, key: &str) -> &str {
        self.text(key).trim_start_matches("http://")
    }

    fn log(&self) -> Vec<Value> {
        let mut connection = Connection::open(self.host("control")).expect("it listens");
        let lines = connection.get("/log").expect("the log");
        let lines = lines.split(|byte| *byte == b'\n');
        lines
            .filter_map(|line| serde_json::from_slice::<Value>(line).ok())
            .collect()
    }

    /// Every whole answer by request id.
    pub(crate) fn known(&self) -> BTreeMap<String, Known> {
        let began_us = self.began_us();
        let lines = self.log();
        let entries = lines.iter();
        let known = entries.filter_map(|entry| {
            let at = |key: &str| entry[key].as_u64().map(Duration::from_nanos);
            let known = Known {
                head: at("first_out_ns")? - at("first_in_ns")?,
                whole: at("last_out_ns")? - at("accept_ns")?,
                wrote_us: (
                    began_us + at("first_out_ns")?.as_secs_f64() * 1e6,
                    began_us + at("last_out_ns")?.as_secs_f64() * 1e6,
                ),
            };
            Some((entry["request_id"].as_str()?.to_owned(), known))
        });
        known.collect()
    }
}
