//! B-12: references resolve inside the export, or lead elsewhere by an absolute URL.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use super::normalise::literal_reference;
use crate::model::{Finding, catalogue};

/// References and records remembered; the rest is not checked.
pub const REMEMBERED_MAX: usize = 500_000;

/// A bounded set of texts, of which only hashes are kept.
#[derive(Clone, Debug, Default)]
pub struct Fingerprints(BTreeSet<u64>);

impl Fingerprints {
    /// Remembers a text.
    pub fn add(&mut self, text: impl Hash) {
        if self.0.len() < REMEMBERED_MAX {
            self.0.insert(fingerprint(text));
        }
    }

    /// Whether it was remembered.
    pub fn has(&self, text: impl Hash) -> bool {
        self.0.contains(&fingerprint(text))
    }

    /// How many of these the others do not have. None of them when the others are full.
    pub fn missing_in(&self, others: &Self) -> usize {
        if others.0.len() >= REMEMBERED_MAX {
            return 0;
        }
        self.0.difference(&others.0).count()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The hash by which a text is remembered.
pub fn fingerprint(text: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// Which records there are, and which are referred to.
#[derive(Clone, Debug, Default)]
pub struct References {
    /// `Type/id` of every record.
    pub present: Fingerprints,
    wanted: Fingerprints,
}

impl References {
    /// Takes one record.
    pub fn take(&mut self, kind: &str, record: &Value) {
        if let Some(id) = record["id"].as_str() {
            self.present.add((kind, id));
        }
        for (name, value) in record.as_object().into_iter().flatten() {
            if !is_of_another_check(kind, name) {
                self.walk(value);
            }
        }
    }

    fn walk(&mut self, value: &Value) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    match value.as_str() {
                        Some(text) if name == "reference" => {
                            if let Some((kind, id)) = literal_reference(text) {
                                self.wanted.add((kind, id));
                            }
                        }
                        Some(_) => {}
                        None => self.walk(value),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.walk(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// B-12.
    pub fn finding(&self) -> Finding {
        let loose = self.wanted.missing_in(&self.present);
        catalogue::REFERENCES.finding(
            loose == 0,
            "references that resolve inside the export",
            format!("{loose} of {} do not", self.wanted.len()),
        )
    }
}

/// Persons are B-10's, targets B-24's, coverages of claims B-21's, documents of authorizations B-20's, so that
/// each check can fail alone.
fn is_of_another_check(kind: &str, name: &str) -> bool {
    match name {
        "patient" | "subject" | "beneficiary" => true,
        "target" => kind == "Provenance",
        "insurance" | "supportingInfo" => kind == "ExplanationOfBenefit",
        _ => false,
    }
}
