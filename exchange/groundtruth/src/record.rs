//! The log: one line for each request, with times of this program's own monotonic clock.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;
use serde_json::Value;

use super::limits::{KEPT_MAX, LOG_MAX, NAME_CHARS_MAX, NAMES_MAX};

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All that was to be sent was sent.
    Answered,
    /// It ended early, as the behaviour says.
    #[serde(rename = "as_told")]
    AsOrdered,
    /// The client went away first.
    ClientGone,
}

/// One request. Times are nanoseconds since this program began; none for what did not happen.
#[derive(Clone, Debug, Serialize)]
pub struct LogEntry {
    /// Its place in the log.
    pub seq: u64,
    /// The connection it came on, and which request on that it was, from 1.
    pub connection: u64,
    /// See `connection`.
    pub nth: u32,
    /// Whether it came over TLS.
    pub is_tls: bool,
    /// `X-Request-ID`.
    pub request_id: Option<String>,
    /// Its method.
    pub method: String,
    /// Its target as it came.
    pub target: String,
    /// The status of the answer; none when no head was sent.
    pub status: Option<u16>,
    /// How it ended.
    #[serde(rename = "fate")]
    pub outcome: Outcome,
    /// When the connection was accepted.
    pub accept_ns: u64,
    /// When the first byte of the request was read.
    pub first_in_ns: Option<u64>,
    /// When its last byte was read.
    pub last_in_ns: Option<u64>,
    /// When the first byte of the answer was written.
    pub first_out_ns: Option<u64>,
    /// When its last byte was.
    pub last_out_ns: Option<u64>,
    /// When it was over: answered, broken off, or the client gone.
    pub over_ns: u64,
    /// Bytes read and written, without TLS.
    pub bytes_in: u64,
    /// See `bytes_in`.
    pub bytes_out: u64,
    /// Head and body as received, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received: Option<Value>,
}

/// The newest requests, and counts of all.
#[derive(Debug, Default)]
pub struct Log {
    entries: VecDeque<LogEntry>,
    kept: VecDeque<u64>,
    next: u64,
    dropped: u64,
    begun: BTreeMap<String, u64>,
    ended: BTreeMap<String, u64>,
}

/// Counts by the first part of the path.
#[derive(Clone, Debug, Serialize)]
pub struct Counts {
    /// Requests read.
    pub begun: BTreeMap<String, u64>,
    /// Of them, those that are over.
    pub ended: BTreeMap<String, u64>,
    /// Requests that the log has no longer.
    pub dropped: u64,
}

impl Log {
    /// Counts a request that was read.
    pub fn begin(&mut self, target: &str) {
        count(&mut self.begun, target);
    }

    /// Takes a request that is over, and gives it its number.
    pub fn end(&mut self, mut entry: LogEntry) {
        entry.seq = self.next;
        self.next += 1;
        count(&mut self.ended, &entry.target);
        if self.entries.len() == LOG_MAX {
            self.entries.pop_front();
            self.dropped += 1;
        }
        if entry.received.is_some() {
            self.kept.push_back(entry.seq);
        }
        self.entries.push_back(entry);
        if self.kept.len() > KEPT_MAX {
            let oldest = self.kept.pop_front().unwrap_or_default();
            let first = self.next - self.entries.len() as u64;
            let place = oldest
                .checked_sub(first)
                .and_then(|at| usize::try_from(at).ok());
            if let Some(entry) = place.and_then(|place| self.entries.get_mut(place)) {
                entry.received = None;
            }
        }
    }

    /// Requests from that number on.
    pub fn from(&self, seq: u64) -> impl Iterator<Item = &LogEntry> {
        self.entries.iter().filter(move |entry| entry.seq >= seq)
    }

    /// Counts since the begin.
    pub fn counts(&self) -> Counts {
        Counts {
            begun: self.begun.clone(),
            ended: self.ended.clone(),
            dropped: self.dropped,
        }
    }
}

/// Counts by the first part of the path; names beyond the limit are one.
fn count(counts: &mut BTreeMap<String, u64>, target: &str) {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let first = path.split('/').nth(1).unwrap_or_default();
    let name: String = first.chars().take(NAME_CHARS_MAX).collect();
    let is_full = counts.len() >= NAMES_MAX && !counts.contains_key(&name);
    let name = if is_full { "others".to_owned() } else { name };
    *counts.entry(name).or_default() += 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(target: &str, received: Option<Value>) -> LogEntry {
        LogEntry {
            seq: 0,
            connection: 0,
            nth: 1,
            is_tls: false,
            request_id: None,
            method: "GET".to_owned(),
            target: target.to_owned(),
            status: Some(200),
            outcome: Outcome::Answered,
            accept_ns: 1,
            first_in_ns: None,
            last_in_ns: None,
            first_out_ns: None,
            last_out_ns: None,
            over_ns: 2,
            bytes_in: 0,
            bytes_out: 0,
            received,
        }
    }

    #[test]
    fn the_log_is_bounded_and_counts_what_it_dropped() {
        let mut log = Log::default();
        for _ in 0..LOG_MAX + 3 {
            log.begin("/a/b");
            log.end(entry("/a/b", None));
        }
        assert_eq!(log.from(0).next().unwrap().seq, 3);
        assert_eq!(log.from(LOG_MAX as u64).count(), 3);
        let counts = log.counts();
        assert_eq!((counts.dropped, counts.begun["a"]), (3, LOG_MAX as u64 + 3));
    }

    #[test]
    fn only_the_newest_are_kept_whole() {
        let mut log = Log::default();
        log.end(entry("/a", None));
        for _ in 0..KEPT_MAX + 1 {
            log.end(entry("/a", Some(Value::Null)));
        }
        let whole = log.from(0).map(|entry| entry.received.is_some());
        let whole: Vec<bool> = whole.collect();
        assert_eq!(whole[..3], [false, false, true]);
        assert!(whole[2..].iter().all(|is_whole| *is_whole));
    }
}
