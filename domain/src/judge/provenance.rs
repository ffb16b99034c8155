//! Who sent the records, under which consent, and as of when: B-24, B-25, B-16, B-30.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::instant::instant;
use super::references::Reference;
use super::resolution::Fingerprints;
use crate::model::{Finding, catalogue};

/// Labels of records that only a consent to sensitive data covers (HL7 v3 ActCode and Confidentiality).
const SENSITIVE: &[&str] = &[
    "ETH", "PSY", "HIV", "SUD", "SEX", "SDV", "STD", "SPI", "R", "V",
];
/// How far clocks may differ.
pub const SKEW: TimeDelta = TimeDelta::minutes(5);
/// A transaction time so much before the kick-off is a clock that stands still.
pub const STALE: TimeDelta = TimeDelta::hours(24);

/// What the records say about who sent them, when, and under which consent.
#[derive(Clone, Debug, Default)]
pub struct Provenance {
    responder_npi: String,
    covers_sensitive: bool,
    /// Records changed before this should not come; none for a whole export.
    since: Option<DateTime<Utc>>,
    older_than_since: u64,
    /// Records whose `lastUpdated` is no instant, where that says whether they should come.
    undated: u64,
    newest: Option<DateTime<Utc>>,
    labelled: u64,
    responders: Fingerprints,
    transmitters: Fingerprints,
    /// Transmitters named by the responder's NPI.
    by_npi: u64,
    targets: Fingerprints,
    /// Targets that cannot be read.
    unreadable: u64,
    records: u64,
}

impl Provenance {
    /// Starts with no records, for a responder and a consent.
    pub fn new(responder_npi: &str, covers_sensitive: bool) -> Self {
        Self {
            responder_npi: responder_npi.to_owned(),
            covers_sensitive,
            ..Self::default()
        }
    }

    /// What comes from here on was kicked_off for with `_since`.
    pub fn set_since(&mut self, since: Option<DateTime<Utc>>) {
        self.since = since;
    }

    /// Takes one record of a server at `base`.
    pub fn take(&mut self, kind: &str, record: &Value, base: &str) {
        self.records += 1;
        let labels = record["meta"]["security"].as_array().into_iter().flatten();
        let mut codes = labels.filter_map(|label| label["code"].as_str());
        self.labelled += u64::from(codes.any(|code| SENSITIVE.contains(&code)));
        if let Some(changed) = record["meta"]["lastUpdated"].as_str() {
            let at = instant(changed);
            self.newest = self.newest.max(at);
            let is_older = |since| at.is_some_and(|at| at < since);
            self.older_than_since += u64::from(self.since.is_some_and(is_older));
            self.undated += u64::from(self.since.is_some() && at.is_none());
        }
        match kind {
            "Organization" if self.is_responder(&record["identifier"]) => {
                if let Some(id) = record["id"].as_str() {
                    self.responders.add(("Organization", id));
                }
            }
            "Provenance" => self.provenance(record, base),
            _ => {}
        }
    }

    fn is_responder(&self, identifiers: &Value) -> bool {
        let mut all = identifiers.as_array().into_iter().flatten();
        all.any(|one| one["value"] == self.responder_npi.as_str())
    }

    fn provenance(&mut self, record: &Value, base: &str) {
        for target in record["target"].as_array().into_iter().flatten() {
            match Reference::read(target, base) {
                Reference::Own(name) => {
                    self.targets.add((name.kind.as_str(), name.id.as_str()));
                }
                // What another server holds is not due from this one.
                Reference::Elsewhere(_) | Reference::Contained(_) | Reference::Logical => {}
                Reference::Unreadable => self.unreadable += 1,
            }
        }
        for agent in record["agent"].as_array().into_iter().flatten() {
            let mut kinds = agent["type"]["coding"].as_array().into_iter().flatten();
            if !kinds.any(|coding| coding["code"] == "transmitter") {
                continue;
            }
            if agent["who"]["identifier"]["value"] == self.responder_npi.as_str() {
                self.by_npi += 1;
            } else if let Some(who) = Reference::read(&agent["who"], base).own() {
                self.transmitters.add((who.kind.as_str(), who.id.as_str()));
            }
        }
    }

    /// B-24. An empty export needs no transmitter.
    pub fn provenance_finding(&self, present: &Fingerprints) -> Finding {
        let named = self.transmitters.len() - self.transmitters.missing_in(&self.responders);
        let is_sent = self.by_npi > 0 || named > 0;
        let loose = self.targets.missing_in(present);
        let unreadable = match self.unreadable {
            0 => String::new(),
            some => format!(", {some} cannot be read"),
        };
        let seen = match (self.records, is_sent) {
            (0, _) => "no record".to_owned(),
            (_, true) => format!("sent by the responder, {loose} targets elsewhere{unreadable}"),
            (_, false) => {
                format!(
                    "no transmitter that is the responder, {loose} targets elsewhere{unreadable}"
                )
            }
        };
        catalogue::PROVENANCE.finding(
            self.records == 0 || (is_sent && loose == 0 && self.unreadable == 0),
            "a transmitter that is the responder, targets within the export",
            seen,
        )
    }

    /// B-25. That what the consent covers did come is B-13's.
    pub fn labels(&self) -> Finding {
        let seen = format!("{} labelled records", self.labelled);
        let (passed, expected) = if self.covers_sensitive {
            (true, "labelled records may come")
        } else {
            (
                self.labelled == 0,
                "no record that the consent does not cover",
            )
        };
        catalogue::LABELS.finding(passed, expected, seen)
    }

    /// B-16.
    pub fn since(&self) -> Finding {
        let undated = match self.undated {
            0 => String::new(),
            some => format!(", {some} whose meta.lastUpdated is no instant of FHIR"),
        };
        catalogue::SINCE.finding(
            self.older_than_since + self.undated == 0,
            "only what changed since then",
            format!("{} records from before{undated}", self.older_than_since),
        )
    }

    /// B-30: when the answer was made, by its manifest, against when it was kicked_off for.
    pub fn times(
        &self,
        transaction_time: DateTime<Utc>,
        kicked_off: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> [Finding; 2] {
        let is_stale = kicked_off - transaction_time > STALE;
        let (is_early, is_future) = (
            !is_stale && transaction_time + SKEW < kicked_off,
            transaction_time > now + SKEW,
        );
        let is_newer = self
            .newest
            .is_some_and(|newest| newest > transaction_time + SKEW);
        let seen = match (is_future, is_early, is_newer) {
            (true, _, _) => "in the future",
            (_, true, _) => "before the kick-off",
            (_, _, true) => "before the newest record",
            (false, false, false) => "as expected",
        };
        let passed = !(is_early || is_future || is_newer);
        let expected = "transactionTime between kick-off and now, no record newer";
        let days = (kicked_off - transaction_time).num_days().max(0);
        [
            catalogue::TRANSACTION_TIME.finding(passed, expected, seen),
            catalogue::FRESH.finding(
                !is_stale,
                "transactionTime of today",
                format!("{days} days before the kick-off"),
            ),
        ]
    }
}
