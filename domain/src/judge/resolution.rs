//! B-12: references can be read, and resolve inside the export or lead elsewhere by an absolute URL.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use super::references::Reference;
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
pub struct Resolution {
    /// Type and id of every record.
    pub present: Fingerprints,
    wanted: Fingerprints,
    /// References that lead to nothing that can be read, or to a contained resource that is not there.
    unreadable: u64,
}

impl Resolution {
    /// Takes one record of a server at `base`.
    pub fn take(&mut self, kind: &str, record: &Value, base: &str) {
        if let Some(id) = record["id"].as_str() {
            self.present.add((kind, id));
        }
        let inside = record["contained"]
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        let context = Context { base, inside };
        for (name, value) in record.as_object().into_iter().flatten() {
            if is_of_another_check(kind, name) {
                self.contained(value, context);
            } else {
                self.walk(value, context);
            }
        }
    }

    fn walk(&mut self, value: &Value, context: Context<'_>) {
        match value {
            Value::Object(fields) => {
                if let Some(text) = fields.get("reference").and_then(Value::as_str) {
                    self.reference(text, value, context);
                }
                fields.values().for_each(|value| self.walk(value, context));
            }
            Value::Array(items) => items.iter().for_each(|item| self.walk(item, context)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// A reference that another check judges is only looked at for the contained resource that it leads to.
    fn contained(&mut self, value: &Value, context: Context<'_>) {
        if let Reference::Contained(_) = Reference::read(value, context.base) {
            self.reference("", value, context);
        }
    }

    fn reference(&mut self, text: &str, value: &Value, context: Context<'_>) {
        match Reference::read(value, context.base) {
            Reference::Own(name) => self.wanted.add((name.kind.as_str(), name.id.as_str())),
            Reference::Elsewhere(_) | Reference::Logical => {}
            Reference::Contained(id) => {
                let is_there = context.inside.iter().any(|one| one["id"] == id.as_str());
                self.unreadable += u64::from(!is_there);
            }
            // A contained resource names the one that holds it so.
            Reference::Unreadable if text == "#" => {}
            Reference::Unreadable => self.unreadable += 1,
        }
    }

    /// B-12.
    pub fn finding(&self) -> Finding {
        let loose = self.wanted.missing_in(&self.present);
        let unreadable = match self.unreadable {
            0 => String::new(),
            some => format!(", {some} cannot be read or lead to no contained resource"),
        };
        catalogue::REFERENCES.finding(
            loose == 0 && self.unreadable == 0,
            "references that resolve inside the export",
            format!("{loose} of {} do not{unreadable}", self.wanted.len()),
        )
    }
}

/// Where the references of one record lead from.
#[derive(Clone, Copy)]
struct Context<'a> {
    base: &'a str,
    inside: &'a [Value],
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
