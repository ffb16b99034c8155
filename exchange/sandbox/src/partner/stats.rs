//! Counters of one partner, as the control API shows them.

use std::collections::BTreeMap;

use serde::Serialize;

/// What a partner has done since it started or was reset.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Stats {
    /// Requests that reached their operation, by its name.
    pub requests: BTreeMap<&'static str, u64>,
    /// Answers of 400 and above, by operation and status, e.g. `status 404`.
    pub refused: BTreeMap<String, u64>,
    /// Tokens issued.
    pub tokens_issued: u64,
    /// Tokens refused, by reason.
    pub tokens_refused: BTreeMap<&'static str, u64>,
    /// Assertions refused because their `jti` was seen before; also among `tokens_refused`.
    pub jti_replays_refused: u64,
    /// Kick-offs received, by kind, whatever came of them.
    pub kickoffs: BTreeMap<&'static str, u64>,
    /// Status requests answered with 202 or 200.
    pub polls: u64,
    /// Files served.
    pub files: u64,
    /// Jobs released.
    pub deletes: u64,
    /// TCP connections accepted.
    pub connections: u64,
}
