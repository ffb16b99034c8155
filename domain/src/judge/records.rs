//! Exported records against the oracle, line by line, within bounded memory.

use std::collections::{BTreeMap, BTreeSet};

use aho_corasick::AhoCorasick;
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;

use super::authorizations::Authorizations;
use super::claims::Claims;
use super::codes::Codes;
use super::drift::Drift;
use super::files_read::{FilesRead, Place};
use super::line_summary::LineSummary;
use super::normalise;
use super::owners::{Owners, PERSONS_MAX};
use super::provenance::Provenance;
use super::references::{Reference, ResourceName};
use super::resolution::{Resolution, fingerprint};
use super::stream::{LineSink, known_type, short};
use super::structure::Structure;
use crate::model::{
    Identity, KindScore, MISSING_NAMED_MAX, Member, MemberSet, PartnerRequestId, RecordCheck,
    RecordKind, StepId, UNKNOWN_VALUES_MAX,
};

/// Records and claims whose identity is remembered to find duplicates; the rest is not looked at for that.
pub const REMEMBERED_MAX: usize = 2_000_000;
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

/// Whose records the files should hold.
#[derive(Clone, Debug)]
pub struct ExpectedMembers<'a> {
    /// The members.
    pub members: Vec<&'a Member>,
    /// Whether each of them is due. If not, any of them may come, and the records of those that came are due.
    pub all_due: bool,
}

impl<'a> ExpectedMembers<'a> {
    /// One member and nobody else.
    pub fn one(member: &'a Member) -> Self {
        Self {
            members: vec![member],
            all_due: true,
        }
    }
}

/// What the files hold, seen by the oracle of the members that are expected.
#[derive(Debug)]
pub struct ExportedRecords {
    /// The FHIR base of the server that sent them.
    base: String,
    expected: BTreeMap<String, BTreeMap<String, ExpectedRecord>>,
    /// The persons that may come, and whether a Patient that is one of them was read.
    identities_due: Vec<ExpectedPerson>,
    all_due: bool,
    foreign_canaries: Option<AhoCorasick>,
    /// Member identifiers of the set that no expected member has.
    pub other_umbs: BTreeSet<String>,
    identities: BTreeSet<u64>,
    /// Patients in the files.
    pub patients: Vec<Person>,
    /// Persons that records refer to as `patient`, `subject` or `beneficiary`.
    pub owners: Owners,
    /// Lines with a canary of another member.
    pub foreign_lines: u64,
    /// The canaries of the first of them.
    pub foreign_first: Vec<(String, Place)>,
    /// What the records were read from.
    pub files: FilesRead,
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
    pub references: Resolution,
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

/// A person that may come.
#[derive(Clone, Debug)]
struct ExpectedPerson {
    /// None where no data of the member may come.
    identity: Option<Identity>,
    came: bool,
}

#[derive(Clone, Debug)]
struct ExpectedRecord {
    /// Whose it is, by place in the expected members.
    of: Vec<usize>,
    sha256: String,
    found: bool,
    unchanged: bool,
}

/// A Patient in the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Its id.
    pub id: String,
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
    /// Where it stood.
    pub at: Place,
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
    /// Starts with no records of the server at `base`; canaries of members that are not expected must not appear.
    pub fn new(
        expected: &ExpectedMembers<'_>,
        set: &MemberSet,
        base: &str,
        today: NaiveDate,
        depth: Depth,
    ) -> Self {
        let members = &expected.members;
        let is_expected = |one: &Member| members.iter().any(|member| member.id == one.id);
        let others = set.members.iter().filter(|other| !is_expected(other));
        let others: Vec<&Member> = others.collect();
        let canaries: Vec<&str> = others
            .iter()
            .flat_map(|other| &other.expected.canaries)
            .chain(set.members.iter().flat_map(|one| &one.expected.others))
            .map(String::as_str)
            .collect();
        let whole = || WholeRecords {
            references: Resolution::default(),
            claims: Claims::on(today),
            authorizations: Authorizations::on(today),
            codes: Codes::default(),
            structure: Structure::default(),
            provenance: Provenance::new(
                &set.responder_npi,
                members.iter().any(|one| covers_sensitive(one)),
            ),
            drift: Drift::default(),
        };
        Self {
            base: base.to_owned(),
            expected: due(members),
            identities_due: members.iter().map(|one| ExpectedPerson::new(one)).collect(),
            all_due: expected.all_due,
            foreign_canaries: AhoCorasick::new(canaries).ok(),
            other_umbs: umbs(&others).difference(&umbs(members)).cloned().collect(),
            identities: BTreeSet::new(),
            patients: Vec::new(),
            owners: Owners::default(),
            foreign_lines: 0,
            foreign_first: Vec::new(),
            files: FilesRead::default(),
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
            let due_now = records.iter().filter(|(_, due)| self.is_due(due));
            for (key, due) in due_now {
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

    fn is_due(&self, record: &ExpectedRecord) -> bool {
        let came = |place: &usize| self.identities_due.get(*place).is_some_and(|one| one.came);
        self.all_due || record.of.iter().any(came)
    }

    /// The persons that may come.
    pub fn identities(&self) -> impl Iterator<Item = &Identity> {
        self.identities_due
            .iter()
            .filter_map(|one| one.identity.as_ref())
    }

    /// The Patients in the files that are persons who may come.
    pub fn expected_patients(&self) -> BTreeSet<Reference> {
        let own = self.patients.iter();
        let own = own.filter(|person| self.identities().any(|one| person.is(one)));
        own.map(|person| Reference::Own(ResourceName::patient(&person.id)))
            .collect()
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
        let sha256 = normalise::sha256(&normalise::canonical(record, &self.base));
        if let Some(due) = of_kind.get_mut(&normalise::key(record, &sha256)) {
            due.unchanged = (due.unchanged || !due.found) && due.sha256 == sha256;
            due.found = true;
        }
    }

    /// Takes the summary of a record.
    fn take_summary(&mut self, kind: &str, summary: &LineSummary<'_>) {
        self.records += 1;
        if let Some(id) = summary.id.get() {
            self.remember((kind, id));
        }
        for person in &summary.persons {
            self.owners
                .take(person, &summary.inside, &self.base, self.files.here());
        }
        let is_claim = kind == "ExplanationOfBenefit" && summary.purpose.get() == Some("claim");
        if let Some(claim) = summary.claim.get().filter(|_| is_claim) {
            self.remember(("claim", claim));
        }
    }

    fn record(&mut self, kind: &str, record: &Value) {
        if kind == "Patient" && self.patients.len() < PERSONS_MAX {
            let person = person(record, self.files.here());
            for expected in &mut self.identities_due {
                expected.came |= expected.identity.as_ref().is_some_and(|one| person.is(one));
            }
            self.patients.push(person);
        }
        let base = &self.base;
        let Some(whole) = &mut self.whole else {
            return;
        };
        whole.references.take(kind, record, base);
        whole.claims.take(kind, record, base);
        whole.authorizations.take(kind, record, base);
        whole.codes.take(record);
        whole.structure.take(kind, record);
        whole.provenance.take(kind, record, base);
        // A type name is the partner's text: one that we do not know is not kept.
        whole.drift.take(known_type(kind), record);
        self.tick_off(kind, record);
    }
}

/// The member identifiers of members.
fn umbs(members: &[&Member]) -> BTreeSet<String> {
    let identities = members
        .iter()
        .filter_map(|one| one.expected.identity.as_ref());
    identities.map(|one| one.umb.clone()).collect()
}

/// What the consent that is sent along permits (§2.10).
fn covers_sensitive(member: &Member) -> bool {
    let policies = member.consent["policy"].as_array().into_iter().flatten();
    policies
        .filter_map(|policy| policy["uri"].as_str())
        .any(|uri| uri.ends_with("#sensitive"))
}

fn due(members: &[&Member]) -> BTreeMap<String, BTreeMap<String, ExpectedRecord>> {
    let mut kinds: BTreeMap<String, BTreeMap<String, ExpectedRecord>> = BTreeMap::new();
    for (place, member) in members.iter().enumerate() {
        for (kind, resources) in &member.expected.resources {
            let records = kinds.entry(kind.clone()).or_default();
            for resource in resources {
                let due = records
                    .entry(resource.key.clone())
                    .or_insert_with(|| ExpectedRecord {
                        of: Vec::new(),
                        sha256: resource.sha256.clone(),
                        found: false,
                        unchanged: false,
                    });
                due.of.push(place);
            }
        }
    }
    kinds
}

impl ExpectedPerson {
    fn new(member: &Member) -> Self {
        Self {
            identity: member.expected.identity.clone(),
            came: false,
        }
    }
}

impl Person {
    /// Whether it is this person: another birth date or UMB is another one, a name may be misspelt.
    pub fn is(&self, identity: &Identity) -> bool {
        self.birth_date == identity.birth_date && self.identifiers.contains(&identity.umb)
    }

    /// Whether it has this person's name.
    pub fn is_named(&self, identity: &Identity) -> bool {
        self.family.contains(&identity.family) && self.given.contains(&identity.given)
    }
}

impl LineSink for ExportedRecords {
    fn begin_file(&mut self, step: &StepId, number: u32) {
        self.files.begin(step, Some(number));
    }

    fn set_request_id(&mut self, id: Option<PartnerRequestId>) {
        self.files.set_request_id(id);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.files.begin_line();
        let canaries = self.foreign_canaries.as_ref();
        let Some(found) = canaries.and_then(|one| one.find(bytes)) else {
            return;
        };
        self.foreign_lines += 1;
        if self.foreign_first.len() < UNKNOWN_VALUES_MAX {
            let canary = String::from_utf8_lossy(&bytes[found.range()]).into_owned();
            self.foreign_first.push((canary, self.files.here()));
        }
    }

    fn line(&mut self, text: &str, summary: &LineSummary<'_>) -> bool {
        let kind = summary.kind.get().unwrap_or_default();
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

fn person(patient: &Value, at: Place) -> Person {
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
        id: short(patient["id"].as_str().unwrap_or_default()),
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
        at,
    }
}
