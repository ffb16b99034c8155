//! Exported records against the oracle, line by line, within bounded memory.

use std::collections::{BTreeMap, BTreeSet};

use aho_corasick::AhoCorasick;
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;

use super::authorizations::Authorizations;
use super::claims::Claims;
use super::codes::Codes;
use super::drift::Drift;
use super::line_summary::LineSummary;
use super::normalise;
use super::provenance::Provenance;
use super::references::{References, fingerprint};
use super::stream::{LineSink, known_type, short};
use super::structure::Structure;
use crate::model::{
    Expected, KindScore, MISSING_NAMED_MAX, Member, MemberSet, RecordCheck, RecordKind,
};

/// Records and claims whose identity is remembered to find duplicates; the rest is not looked at for that.
pub const REMEMBERED_MAX: usize = 2_000_000;
/// Persons remembered; one is right.
pub const PERSONS_MAX: usize = 1_000;
/// Names and identifiers of one person remembered.
const NAMES_MAX: usize = 32;

/// How much of each line is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Its summary: enough to know whose record it is, and whether it came twice.
    Summaries,
    /// All of it.
    Whole,
}

impl Depth {
    /// What these checks need.
    pub fn of(checks: impl IntoIterator<Item = RecordCheck>) -> Self {
        let is_shallow = |check: RecordCheck| {
            matches!(check, RecordCheck::NobodyElse | RecordCheck::NoDuplicates)
        };
        if checks.into_iter().all(is_shallow) {
            Self::Summaries
        } else {
            Self::Whole
        }
    }
}

/// What the files hold, seen by one member's oracle.
#[derive(Debug)]
pub struct ExportedRecords {
    expected: BTreeMap<String, BTreeMap<String, ExpectedRecord>>,
    foreign_canaries: Option<AhoCorasick>,
    identities: BTreeSet<u64>,
    /// Patients in the files.
    pub patients: Vec<Person>,
    /// Persons that records refer to as `patient`, `subject` or `beneficiary`.
    pub subjects: BTreeSet<String>,
    /// Lines with a canary of another member.
    pub foreign_lines: u64,
    /// Records with a type and id, or a claim identifier, seen before.
    pub duplicates: u64,
    /// Records.
    pub records: u64,
    /// Facts that need whole records; none when no check needs them.
    pub whole: Option<Box<WholeRecords>>,
}

/// Facts that need whole records.
#[derive(Debug)]
pub struct WholeRecords {
    /// B-12.
    pub references: References,
    /// B-15, B-18, B-21.
    pub claims: Claims,
    /// B-19, B-20.
    pub authorizations: Authorizations,
    /// B-22.
    pub codes: Codes,
    /// A-16, B-23.
    pub structure: Structure,
    /// B-16, B-24, B-25, B-30.
    pub provenance: Provenance,
    ///
    pub drift: Drift,
}

#[derive(Clone, Debug)]
struct ExpectedRecord {
    sha256: String,
    found: bool,
    unchanged: bool,
}

/// A Patient in the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// `Patient/<id>`.
    pub reference: String,
    /// Family names.
    pub family: Vec<String>,
    /// First given names.
    pub given: Vec<String>,
    /// Birth date.
    pub birth_date: String,
    /// Values of identifiers.
    pub identifiers: Vec<String>,
    /// Of them, those that say to be a unique member identifier (HRex `UMB`).
    pub umbs: Vec<String>,
}

/// Due and found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// Records due.
    pub due: usize,
    /// Of them, found.
    pub found: usize,
    /// Of those found, not as they should be.
    pub changed: usize,
    /// Types with missing records, and how many.
    pub missing: BTreeMap<String, usize>,
    /// The same by kind of record, missing ones by name.
    pub kinds: Vec<KindScore>,
}

impl ExportedRecords {
    /// Starts with no records, for one member; canaries of all others in its set must not appear.
    pub fn new(member: &Member, set: &MemberSet, today: NaiveDate, depth: Depth) -> Self {
        let others = set.members.iter().filter(|other| other.id != member.id);
        let canaries: Vec<&str> = others
            .flat_map(|other| &other.expected.canaries)
            .chain(set.members.iter().flat_map(|one| &one.expected.others))
            .map(String::as_str)
            .collect();
        let whole = || WholeRecords {
            references: References::default(),
            claims: Claims::on(today),
            authorizations: Authorizations::on(today),
            codes: Codes::default(),
            structure: Structure::default(),
            provenance: Provenance::new(&set.responder_npi, covers_sensitive(member)),
            drift: Drift::default(),
        };
        Self {
            expected: due(&member.expected),
            foreign_canaries: AhoCorasick::new(canaries).ok(),
            identities: BTreeSet::new(),
            patients: Vec::new(),
            subjects: BTreeSet::new(),
            foreign_lines: 0,
            duplicates: 0,
            records: 0,
            whole: (depth == Depth::Whole).then(|| Box::new(whole())),
        }
    }

    /// What comes from here on was asked for with `_since`.
    pub fn set_since(&mut self, since: Option<DateTime<Utc>>) {
        if let Some(whole) = &mut self.whole {
            whole.provenance.set_since(since);
        }
    }

    /// Due and found so far.
    pub fn score(&self) -> Score {
        let mut score = Score::default();
        let mut kinds: BTreeMap<RecordKind, KindScore> = BTreeMap::new();
        for (kind, records) in &self.expected {
            for (key, due) in records {
                let of = RecordKind::of(kind, key);
                let of_kind = kinds.entry(of).or_insert_with(|| KindScore {
                    kind: of,
                    due: 0,
                    found: 0,
                    missing: Vec::new(),
                });
                of_kind.due += 1;
                score.due += 1;
                if due.found {
                    of_kind.found += 1;
                    score.found += 1;
                    score.changed += usize::from(!due.unchanged);
                    continue;
                }
                *score.missing.entry(kind.clone()).or_default() += 1;
                if of_kind.missing.len() < MISSING_NAMED_MAX {
                    of_kind.missing.push(format!("{kind} {key}"));
                }
            }
        }
        score.kinds = kinds.into_values().collect();
        score
    }

    fn remember(&mut self, what: impl std::hash::Hash) {
        if self.identities.len() < REMEMBERED_MAX && !self.identities.insert(fingerprint(what)) {
            self.duplicates += 1;
        }
    }

    fn tick_off(&mut self, kind: &str, record: &Value) {
        let Some(of_kind) = self.expected.get_mut(kind) else {
            return;
        };
        let sha256 = normalise::sha256(&normalise::canonical(record));
        if let Some(due) = of_kind.get_mut(&normalise::key(record, &sha256)) {
            due.unchanged = (due.unchanged || !due.found) && due.sha256 == sha256;
            due.found = true;
        }
    }

    /// Takes the summary of a record.
    fn take_summary(&mut self, kind: &'static str, summary: &LineSummary<'_>) {
        self.records += 1;
        if let Some(id) = summary.id.get() {
            self.remember((kind, id));
        }
        for reference in summary.persons.iter().filter_map(|text| text.get()) {
            if self.subjects.len() < PERSONS_MAX && !self.subjects.contains(reference) {
                self.subjects.insert(short(reference));
            }
        }
        let is_claim = kind == "ExplanationOfBenefit" && summary.purpose.get() == Some("claim");
        if let Some(claim) = summary.claim.get().filter(|_| is_claim) {
            self.remember(("claim", claim));
        }
    }

    fn record(&mut self, kind: &'static str, record: &Value) {
        if kind == "Patient" && self.patients.len() < PERSONS_MAX {
            self.patients.push(person(record));
        }
        let Some(whole) = &mut self.whole else {
            return;
        };
        whole.references.take(kind, record);
        whole.claims.take(kind, record);
        whole.authorizations.take(kind, record);
        whole.codes.take(record);
        whole.structure.take(kind, record);
        whole.provenance.take(kind, record);
        whole.drift.take(kind, record);
        self.tick_off(kind, record);
    }
}

/// What the consent that is sent along permits (§2.10).
fn covers_sensitive(member: &Member) -> bool {
    let policies = member.consent["policy"].as_array().into_iter().flatten();
    policies
        .filter_map(|policy| policy["uri"].as_str())
        .any(|uri| uri.ends_with("#sensitive"))
}

fn due(expected: &Expected) -> BTreeMap<String, BTreeMap<String, ExpectedRecord>> {
    let mut kinds = BTreeMap::new();
    for (kind, resources) in &expected.resources {
        let records: &mut BTreeMap<String, ExpectedRecord> = kinds.entry(kind.clone()).or_default();
        for resource in resources {
            let due = ExpectedRecord {
                sha256: resource.sha256.clone(),
                found: false,
                unchanged: false,
            };
            records.insert(resource.key.clone(), due);
        }
    }
    kinds
}

impl LineSink for ExportedRecords {
    fn bytes(&mut self, bytes: &[u8]) {
        let canaries = self.foreign_canaries.as_ref();
        self.foreign_lines += u64::from(canaries.is_some_and(|one| one.is_match(bytes)));
    }

    fn line(&mut self, text: &str, summary: &LineSummary<'_>) -> bool {
        let kind = known_type(summary.kind.get().unwrap_or_default());
        if self.whole.is_none() && kind != "Patient" {
            self.take_summary(kind, summary);
            return true;
        }
        let Ok(record) = serde_json::from_str(text) else {
            return false;
        };
        self.take_summary(kind, summary);
        self.record(kind, &record);
        true
    }
}

fn person(patient: &Value) -> Person {
    let list = |name: &str| patient[name].as_array().map_or(&[][..], Vec::as_slice);
    let names = || list("name").iter().take(NAMES_MAX);
    let identifiers = || list("identifier").iter().take(NAMES_MAX);
    let text = |value: &Value| value.as_str().map(short);
    let is_umb = |identifier: &&Value| {
        let mut codings = identifier["type"]["coding"]
            .as_array()
            .into_iter()
            .flatten();
        codings.any(|coding| coding["code"] == "UMB")
    };
    Person {
        reference: format!(
            "Patient/{}",
            short(patient["id"].as_str().unwrap_or_default())
        ),
        family: names().filter_map(|name| text(&name["family"])).collect(),
        given: names().filter_map(|name| text(&name["given"][0])).collect(),
        birth_date: text(&patient["birthDate"]).unwrap_or_default(),
        identifiers: identifiers()
            .filter_map(|one| text(&one["value"]))
            .collect(),
        umbs: identifiers()
            .filter(is_umb)
            .filter_map(|one| text(&one["value"]))
            .collect(),
    }
}
