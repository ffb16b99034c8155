//! The files of an export, read a line at a time into what the normalised model needs; our index of them.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, BufRead, BufReader, Read as _, Write};
use std::path::Path;

use exchange_kit::digest::hex_of_sha256;
use serde_json::{Value, json};

use crate::limits::LINE_BYTES_MAX;

/// Counts of one file.
#[derive(Debug, Default)]
pub struct Reading {
    /// Lines that are resources.
    pub lines: u64,
    /// Lines that are none.
    pub unreadable: u64,
    /// Lines of another type than the manifest says.
    pub of_other_type: u64,
}

/// The content of all files of an exchange.
#[derive(Debug, Default)]
pub struct ExportContent {
    /// Records by the partner's Patient id and type; records that belong to no patient are under an empty id.
    pub by_patient: BTreeMap<String, BTreeMap<String, u64>>,
    /// Patient ids to which no member was matched.
    pub unmatched_patients: BTreeSet<String>,
    /// Hashes of `Type/id`, so that many fit.
    seen: BTreeSet<u64>,
    /// What Provenances name: whose, and what.
    named: BTreeSet<(String, String)>,
    /// Records that came more than once.
    pub repeated: u64,
}

fn short(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

impl ExportContent {
    /// Reads one file; writes a line of our index for each resource.
    ///
    /// # Errors
    /// When the file or the index fails.
    pub fn read(
        &mut self,
        path: &Path,
        kind: &str,
        matched: &BTreeSet<String>,
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
            let text = line.trim_ascii();
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
            reading.of_other_type += u64::from(own != kind);
            let patient = self.take(&resource, own, id, matched);
            let entry = json!({
                "line": number,
                "type": own,
                "id": id,
                "patient": patient,
                "last_updated": resource["meta"]["lastUpdated"],
                "sha256": hex_of_sha256(text),
            });
            writeln!(index, "{entry}")?;
        }
    }

    fn take(
        &mut self,
        resource: &Value,
        kind: &str,
        id: &str,
        matched: &BTreeSet<String>,
    ) -> String {
        let name = format!("{kind}/{id}");
        let patient = whose(resource, kind, id).unwrap_or_default();
        if !patient.is_empty() && !matched.contains(&patient) {
            self.unmatched_patients.insert(patient.clone());
        }
        if kind == "Provenance" {
            let targets: Vec<&str> = references(&resource["target"]).collect();
            let own = targets.iter().find_map(|one| one.strip_prefix("Patient/"));
            let own = own.unwrap_or_default().to_owned();
            for target in targets {
                self.named.insert((own.clone(), target.to_owned()));
            }
        }
        if self.seen.insert(short(&name)) {
            let of_patient = self.by_patient.entry(patient.clone()).or_default();
            *of_patient.entry(kind.to_owned()).or_default() += 1;
        } else {
            self.repeated += 1;
        }
        patient
    }

    /// What a Provenance names and no file holds: whose, and what.
    pub fn lost(&self) -> Vec<(String, String)> {
        let came = |what: &String| self.seen.contains(&short(what));
        self.named
            .iter()
            .filter(|(_, what)| !came(what))
            .cloned()
            .collect()
    }

    /// How many records came.
    pub fn count(&self) -> u64 {
        self.by_patient.values().flat_map(BTreeMap::values).sum()
    }
}

fn references(list: &Value) -> impl Iterator<Item = &str> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(|one| one["reference"].as_str())
}

/// The Patient to whom a resource belongs; none for organisations and the like.
fn whose(resource: &Value, kind: &str, id: &str) -> Option<String> {
    if kind == "Patient" {
        return Some(id.to_owned());
    }
    ["subject", "patient", "beneficiary"]
        .iter()
        .find_map(|field| {
            let reference = resource[*field]["reference"].as_str()?;
            let own = reference.strip_prefix("Patient/")?;
            Some(own.to_owned())
        })
}
