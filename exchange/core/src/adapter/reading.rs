//! The files of an export, read a line at a time into what the normalised model needs; our index of them.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, BufRead, BufReader, Read as _, Write};
use std::path::Path;

use chrono::DateTime;
use exchange_kit::digest::hex_of_sha256;
use serde_json::{Value, json};

use super::references::Reference;
use super::text::without_mark;
use crate::limits::LINE_BYTES_MAX;

/// The fields that say whose a record is: `for` of a Task, `individual` of a ResearchSubject, `candidate` of an
/// EnrollmentRequest (R4, compartment of the Patient). An Account has a list of subjects.
const OWNER_FIELDS: [&str; 6] = [
    "subject",
    "patient",
    "beneficiary",
    "for",
    "individual",
    "candidate",
];

/// Counts of one file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Lines that are resources.
    pub lines: u64,
    /// Lines that are none.
    pub unreadable: u64,
    /// Resources that do not say in a readable way whose they are.
    pub unowned: u64,
    /// Lines of another type than the manifest says.
    pub of_other_type: u64,
}

/// The newest version of a record that came.
#[derive(Debug)]
struct Newest {
    /// `meta.lastUpdated` in milliseconds since 1970; none where it cannot be read.
    updated_ms: Option<i64>,
    patient: String,
    kind: String,
}

/// The content of all files of an exchange.
#[derive(Debug, Default)]
pub struct ExportContent {
    /// Records by the partner's Patient id and type; records that belong to no patient are under an empty id.
    pub by_patient: BTreeMap<String, BTreeMap<String, u64>>,
    /// Patient ids to which no member was matched.
    pub unmatched_patients: BTreeSet<String>,
    /// Patients that came with a Provenance.
    pub with_provenance: BTreeSet<String>,
    /// By hashes of `Type/id`, so that many fit.
    seen: BTreeMap<u64, Newest>,
    /// What Provenances name: whose, type and id.
    named: BTreeSet<(String, String, String)>,
    /// Records that came more than once, in no newer version.
    pub repeated: u64,
    /// Records of which a newer version replaced an older one.
    pub corrected: u64,
}

fn short(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// What is read, and whose it may be.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The type that the manifest gives the file.
    pub kind: &'a str,
    /// The FHIR base of the partner, without a slash at the end.
    pub base: &'a str,
    /// The partner's Patients to whom members were matched.
    pub matched: &'a BTreeSet<String>,
}

impl ExportContent {
    /// Reads one file; writes a line of our index for each resource.
    ///
    /// # Errors
    /// When the file or the index fails.
    pub fn read(
        &mut self,
        path: &Path,
        expected: Expected<'_>,
        index: &mut impl Write,
    ) -> io::Result<Reading> {
        let mut reading = Reading::default();
        let mut file = BufReader::new(std::fs::File::open(path)?);
        let most = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX);
        let mut line = Vec::new();
        let mut number = 0_u64;
        loop {
            line.clear();
            let read = (&mut file).take(most + 1).read_until(b'\n', &mut line)?;
            if read == 0 {
                return Ok(reading);
            }
            number += 1;
            if line.len() > LINE_BYTES_MAX {
                reading.unreadable += 1;
                return Ok(reading);
            }
            let text = without_mark(&line).trim_ascii();
            if text.is_empty() {
                continue;
            }
            let resource: Value = serde_json::from_slice(text).unwrap_or_default();
            let (Some(own), Some(id)) =
                (resource["resourceType"].as_str(), resource["id"].as_str())
            else {
                reading.unreadable += 1;
                continue;
            };
            reading.lines += 1;
            reading.of_other_type += u64::from(own != expected.kind);
            let taken = self.take(&resource, own, id, expected);
            reading.unowned += u64::from(!taken.is_readable);
            let entry = json!({
                "line": number,
                "type": own,
                "id": id,
                "patient": taken.patient,
                "last_updated": resource["meta"]["lastUpdated"],
                "replaces": taken.replaces,
                "sha256": hex_of_sha256(text),
            });
            writeln!(index, "{entry}")?;
        }
    }

    fn take(&mut self, resource: &Value, kind: &str, id: &str, expected: Expected<'_>) -> Taken {
        let owner = self.owner(resource, kind, id, expected);
        let patient = owner.clone().unwrap_or_default();
        if kind == "Provenance" {
            self.provenance(resource, expected);
        }
        let newest = Newest {
            updated_ms: updated_ms(resource),
            patient: patient.clone(),
            kind: kind.to_owned(),
        };
        let replaces = self.count_once(&format!("{kind}/{id}"), newest);
        Taken {
            patient,
            is_readable: owner.is_some(),
            replaces,
        }
    }

    /// Counts a record once, in its newest version. Whether it replaces an older one.
    fn count_once(&mut self, name: &str, new: Newest) -> bool {
        match self.seen.entry(short(name)) {
            Entry::Vacant(place) => {
                add(&mut self.by_patient, &new);
                place.insert(new);
                false
            }
            Entry::Occupied(mut place) if place.get().updated_ms < new.updated_ms => {
                remove(&mut self.by_patient, place.get());
                add(&mut self.by_patient, &new);
                place.insert(new);
                self.corrected += 1;
                true
            }
            Entry::Occupied(_) => {
                self.repeated += 1;
                false
            }
        }
    }

    /// The Patient to whom a resource belongs, empty for organisations and the like; none when it says so in a way
    /// that cannot be read. Patients to whom no member was matched are noted.
    fn owner(
        &mut self,
        resource: &Value,
        kind: &str,
        id: &str,
        expected: Expected<'_>,
    ) -> Option<String> {
        let matched = expected.matched;
        if kind == "Patient" {
            if !matched.contains(id) {
                self.unmatched_patients.insert(id.to_owned());
            }
            return Some(id.to_owned());
        }
        let mut owner = Some(String::new());
        let references = OWNER_FIELDS.iter().flat_map(|field| each(&resource[field]));
        for reference in references {
            match Reference::read(reference, expected.base) {
                Reference::Own(name) if name.kind == "Patient" => {
                    if !matched.contains(&name.id) {
                        self.unmatched_patients.insert(name.id.clone());
                    }
                    if owner.as_ref().is_some_and(String::is_empty) {
                        owner = Some(name.id);
                    }
                }
                // Another server's Patient of one of our ids may be ours behind another name of the server, and
                // may not: that cannot be read.
                Reference::Elsewhere(name) if name.kind == "Patient" => {
                    if matched.contains(&name.id) {
                        owner = None;
                    } else {
                        self.unmatched_patients.insert(name.id);
                    }
                }
                Reference::Own(_) | Reference::Elsewhere(_) => {}
                // A person without an address here may be anybody; a group or a device is nobody.
                Reference::Contained(inner) => {
                    let is_nobody = contained_kind(resource, &inner).is_some_and(is_nobody);
                    owner = owner.filter(|_| is_nobody);
                }
                Reference::Logical => {
                    let is_nobody = reference["type"].as_str().is_some_and(is_nobody);
                    owner = owner.filter(|_| is_nobody);
                }
                Reference::Unreadable => owner = None,
            }
        }
        // A Bundle is no record, and hides whose its records are.
        if kind == "Bundle" {
            for entry in each(&resource["entry"]) {
                let inner = &entry["resource"];
                let text = |name: &str| inner[name].as_str().unwrap_or_default();
                if inner.is_object() {
                    self.owner(inner, text("resourceType"), text("id"), expected);
                }
            }
            return None;
        }
        owner
    }

    fn provenance(&mut self, resource: &Value, expected: Expected<'_>) {
        let targets: Vec<Reference> = each(&resource["target"])
            .iter()
            .map(|target| Reference::read(target, expected.base))
            .collect();
        let patients = targets.iter().filter_map(Reference::own_patient);
        let unmatched = patients.filter(|patient| !expected.matched.contains(*patient));
        self.unmatched_patients.extend(unmatched.map(str::to_owned));
        let patient = targets.iter().find_map(Reference::own_patient);
        let patient = patient.unwrap_or_default().to_owned();
        for target in targets {
            // What another server holds is not due from this one.
            if let Reference::Own(name) = target {
                self.named.insert((patient.clone(), name.kind, name.id));
            }
        }
        self.with_provenance.insert(patient);
    }

    /// What a Provenance names and no file holds: whose, its type and its id.
    pub fn lost(&self) -> Vec<(String, String, String)> {
        let came = |kind: &str, id: &str| self.seen.contains_key(&short(&format!("{kind}/{id}")));
        self.named
            .iter()
            .filter(|(_, kind, id)| !came(kind, id))
            .cloned()
            .collect()
    }

    /// How many records came.
    pub fn count(&self) -> u64 {
        self.by_patient.values().flat_map(BTreeMap::values).sum()
    }
}

/// The values of an element that may be given once or as a list; none of null.
fn each(value: &Value) -> &[Value] {
    match value {
        Value::Null => &[],
        Value::Array(all) => all,
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            std::slice::from_ref(value)
        }
    }
}

/// What became of one resource.
struct Taken {
    patient: String,
    is_readable: bool,
    replaces: bool,
}

type ByPatient = BTreeMap<String, BTreeMap<String, u64>>;

fn add(by_patient: &mut ByPatient, record: &Newest) {
    let of_patient = by_patient.entry(record.patient.clone()).or_default();
    *of_patient.entry(record.kind.clone()).or_default() += 1;
}

fn remove(by_patient: &mut ByPatient, record: &Newest) {
    let Some(of_patient) = by_patient.get_mut(&record.patient) else {
        return;
    };
    if let Some(count) = of_patient.get_mut(&record.kind) {
        *count = count.saturating_sub(1);
    }
    of_patient.retain(|_, count| *count > 0);
    if of_patient.is_empty() {
        by_patient.remove(&record.patient);
    }
}

fn updated_ms(resource: &Value) -> Option<i64> {
    let text = resource["meta"]["lastUpdated"].as_str()?;
    let at = DateTime::parse_from_rfc3339(text).ok()?;
    Some(at.timestamp_millis())
}

/// The type of a contained resource; none where it is not there, or not once.
fn contained_kind<'r>(resource: &'r Value, id: &str) -> Option<&'r str> {
    let contained = resource["contained"].as_array().into_iter().flatten();
    let mut kinds = contained
        .filter(|one| one["id"] == id)
        .map(|one| one["resourceType"].as_str());
    match (kinds.next(), kinds.next()) {
        (Some(kind), None) => kind,
        (_, _) => None,
    }
}

/// Whether a resource of that type is no person whose records there could be.
fn is_nobody(kind: &str) -> bool {
    kind != "Patient" && !kind.ends_with("/Patient")
}

/// Whether a partner's error file says that something went wrong: an OperationOutcome with an error in it, or a
/// line that is none. Bulk Data puts information and warnings there, too.
///
/// # Errors
/// When the file cannot be read.
pub fn has_errors(path: &Path) -> io::Result<bool> {
    let mut file = BufReader::new(std::fs::File::open(path)?);
    let most = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX);
    let mut line = Vec::new();
    loop {
        line.clear();
        if (&mut file).take(most).read_until(b'\n', &mut line)? == 0 {
            return Ok(false);
        }
        let text = without_mark(&line).trim_ascii();
        if text.is_empty() {
            continue;
        }
        let outcome: Value = serde_json::from_slice(text).unwrap_or_default();
        let issues = outcome["issue"].as_array();
        let is_harmless = outcome["resourceType"] == "OperationOutcome"
            && issues.is_some_and(|issues| {
                issues.iter().all(|issue| {
                    issue["severity"] == "information" || issue["severity"] == "warning"
                })
            });
        if !is_harmless {
            return Ok(true);
        }
    }
}

#[cfg(test)]
#[path = "reading_tests.rs"]
mod tests;
