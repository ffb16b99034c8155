//! Exported records against the oracle, line by line, within bounded memory.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use aho_corasick::AhoCorasick;
use serde_json::Value;

use super::normalise;
use super::stream::{Lines, known_type, short};
use crate::model::{Expected, Member, MemberSet};

/// Records whose identity is remembered to find duplicates; the rest is not looked at for that.
pub const REMEMBERED_MAX: usize = 1_000_000;
/// Persons remembered; one is right.
pub const PERSONS_MAX: usize = 1_000;
/// Names and identifiers of one person remembered.
const NAMES_MAX: usize = 32;
/// Elements that hold money in a claim (CARIN Basis has none of them).
const MONEY_IN_ITEM: &[&str] = &["net", "unitPrice"];

/// What the files hold, seen by one member's oracle.
#[derive(Debug)]
pub struct RecordsSeen {
    expected: BTreeMap<String, BTreeMap<String, Due>>,
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
    /// Claims that hold money.
    pub money: u64,
    /// Records.
    pub records: u64,
}

#[derive(Clone, Debug)]
struct Due {
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
}

/// Due and found, by resource type.
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
}

impl RecordsSeen {
    /// Begins for one member; canaries of all others in its set must not appear.
    pub fn new(member: &Member, set: &MemberSet) -> Self {
        let others = set.members.iter().filter(|other| other.id != member.id);
        let canaries: Vec<&str> = others
            .flat_map(|other| &other.expected.canaries)
            .chain(set.members.iter().flat_map(|one| &one.expected.others))
            .map(String::as_str)
            .collect();
        Self {
            expected: due(&member.expected),
            foreign_canaries: AhoCorasick::new(canaries).ok(),
            identities: BTreeSet::new(),
            patients: Vec::new(),
            subjects: BTreeSet::new(),
            foreign_lines: 0,
            duplicates: 0,
            money: 0,
            records: 0,
        }
    }

    /// Due and found so far.
    pub fn score(&self) -> Score {
        let mut score = Score::default();
        for (kind, records) in &self.expected {
            let missing = records.values().filter(|due| !due.found).count();
            score.due += records.len();
            score.found += records.len() - missing;
            score.changed += records
                .values()
                .filter(|due| due.found && !due.unchanged)
                .count();
            if missing > 0 {
                score.missing.insert(kind.clone(), missing);
            }
        }
        score
    }

    fn remember(&mut self, what: impl Hash) {
        if self.identities.len() >= REMEMBERED_MAX {
            return;
        }
        let mut hasher = DefaultHasher::new();
        what.hash(&mut hasher);
        if !self.identities.insert(hasher.finish()) {
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
}

fn due(expected: &Expected) -> BTreeMap<String, BTreeMap<String, Due>> {
    let mut kinds = BTreeMap::new();
    for (kind, resources) in &expected.resources {
        let records: &mut BTreeMap<String, Due> = kinds.entry(kind.clone()).or_default();
        for resource in resources {
            let due = Due {
                sha256: resource.sha256.clone(),
                found: false,
                unchanged: false,
            };
            records.insert(resource.key.clone(), due);
        }
    }
    kinds
}

impl Lines for RecordsSeen {
    fn bytes(&mut self, bytes: &[u8]) {
        let canaries = self.foreign_canaries.as_ref();
        self.foreign_lines += u64::from(canaries.is_some_and(|one| one.is_match(bytes)));
    }

    fn line(&mut self, _: &[u8], record: &Value) {
        self.records += 1;
        let kind = known_type(record["resourceType"].as_str().unwrap_or_default()).to_owned();
        if let Some(id) = record["id"].as_str() {
            self.remember((&kind, id));
        }
        if kind == "Patient" && self.patients.len() < PERSONS_MAX {
            self.patients.push(person(record));
        }
        for role in ["patient", "subject", "beneficiary"] {
            let reference = record[role]["reference"].as_str();
            if let Some(reference) = reference.filter(|_| self.subjects.len() < PERSONS_MAX) {
                self.subjects.insert(short(reference));
            }
        }
        if kind == "ExplanationOfBenefit" && record["use"] == "claim" {
            if let Some(claim) = claim_identifier(record) {
                self.remember(("claim", claim));
            }
            self.money += u64::from(holds_money(record));
        }
        self.tick_off(&kind, record);
    }
}

fn person(patient: &Value) -> Person {
    let names = || {
        patient["name"]
            .as_array()
            .into_iter()
            .flatten()
            .take(NAMES_MAX)
    };
    let text = |value: &Value| value.as_str().map(short);
    Person {
        reference: format!(
            "Patient/{}",
            short(patient["id"].as_str().unwrap_or_default())
        ),
        family: names().filter_map(|name| text(&name["family"])).collect(),
        given: names().filter_map(|name| text(&name["given"][0])).collect(),
        birth_date: text(&patient["birthDate"]).unwrap_or_default(),
        identifiers: patient["identifier"]
            .as_array()
            .into_iter()
            .flatten()
            .take(NAMES_MAX)
            .filter_map(|identifier| text(&identifier["value"]))
            .collect(),
    }
}

/// The unique claim identifier (`C4BBIdentifierType#uc`).
fn claim_identifier(claim: &Value) -> Option<&str> {
    claim["identifier"]
        .as_array()?
        .iter()
        .find_map(|identifier| {
            let is_uc = identifier["type"]["coding"]
                .as_array()?
                .iter()
                .any(|c| c["code"] == "uc");
            is_uc.then(|| identifier["value"].as_str()).flatten()
        })
}

fn holds_money(claim: &Value) -> bool {
    let has = |value: &Value| !value.is_null();
    let any = |list: &Value, test: &dyn Fn(&Value) -> bool| {
        list.as_array().is_some_and(|list| list.iter().any(test))
    };
    let priced = |one: &Value| has(&one["amount"]);
    has(&claim["total"])
        || has(&claim["payment"]["amount"])
        || any(&claim["adjudication"], &priced)
        || any(&claim["item"], &|item| {
            MONEY_IN_ITEM.iter().any(|key| has(&item[*key])) || any(&item["adjudication"], &priced)
        })
}
