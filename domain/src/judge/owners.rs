//! Whose exported records are: what `patient`, `subject` and `beneficiary` say, against the persons that may come.

use std::collections::{BTreeMap, BTreeSet};

use super::files_read::{Place, Unknown};
use super::line_summary::{Inside, PersonReference};
use super::references::Reference;
use super::stream::short;
use crate::model::{UNKNOWN_VALUES_MAX, UnknownKind};

/// Persons remembered; one is right.
pub const PERSONS_MAX: usize = 1_000;

/// The persons that records name.
#[derive(Clone, Debug, Default)]
pub struct Owners {
    /// Patients, of the server itself or of another one, and where each was first named.
    patients: BTreeMap<Reference, Place>,
    /// Identifiers, where a reference has nothing else.
    identifiers: BTreeMap<String, Place>,
    /// References that nothing in the files can be found by.
    unreadable: u64,
    /// The first of them.
    unreadable_first: Vec<(String, Place)>,
}

/// How the named persons compare with those that may come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnerCounts<'o> {
    /// Other Patients.
    pub unmatched: Vec<Unknown<'o>>,
    /// References that do not say in a readable way whose a record is.
    pub unreadable: u64,
    /// The first of them.
    pub unreadable_first: Vec<Unknown<'o>>,
}

impl Owners {
    /// Takes what one record of a server at `base` refers to; `inside` are the resources that the record contains.
    pub fn take(
        &mut self,
        person: &PersonReference<'_>,
        inside: &[Inside<'_>],
        base: &str,
        at: Place,
    ) {
        let says_nobody = person.kind.get().is_some_and(is_nobody);
        let Some(text) = person.text.get() else {
            match person.identifier.get() {
                Some(_) if says_nobody => {}
                Some(value) => remember(&mut self.identifiers, value, short, at),
                None => self.add_unreadable("", at),
            }
            return;
        };
        let read = Reference::of_parts(text, person.kind.get(), base);
        match read {
            Reference::Own(ref name) | Reference::Elsewhere(ref name) => {
                // A device, a place or a group is nobody.
                if name.is_patient() {
                    remember(&mut self.patients, &read, Reference::clone, at);
                }
            }
            // A person without an address here may be anybody; a group or a device is nobody.
            Reference::Contained(id) => {
                if !contained_kind(inside, &id).is_some_and(is_nobody) {
                    self.add_unreadable(text, at);
                }
            }
            Reference::Logical if says_nobody => {}
            Reference::Logical | Reference::Unreadable => self.add_unreadable(text, at),
        }
    }

    fn add_unreadable(&mut self, text: &str, at: Place) {
        self.unreadable += 1;
        if self.unreadable_first.len() < UNKNOWN_VALUES_MAX {
            self.unreadable_first.push((short(text), at));
        }
    }

    /// Whether a record names a Patient.
    pub fn names_patients(&self) -> bool {
        !self.patients.is_empty()
    }

    /// Compares with the Patients that may come, with the identifiers that they have, and with those that are known to
    /// be of other members. An id of another server says nothing of this one's Patients: that cannot be read.
    pub fn counts(
        &self,
        allowed: &BTreeSet<Reference>,
        identifiers: &[&str],
        of_others: &BTreeSet<String>,
    ) -> OwnerCounts<'_> {
        let first = self.unreadable_first.iter();
        let mut counts = OwnerCounts {
            unmatched: Vec::new(),
            unreadable: self.unreadable,
            unreadable_first: first
                .map(|(text, at)| (UnknownKind::Reference, text.as_str(), *at))
                .collect(),
        };
        for (person, at) in &self.patients {
            if allowed.contains(person) {
                continue;
            }
            let id = person.name().map_or("", |name| name.id.as_str());
            let value = (UnknownKind::Reference, id, *at);
            counts.add(value, matches!(person, Reference::Own(_)));
        }
        for (one, at) in &self.identifiers {
            if !identifiers.contains(&one.as_str()) {
                let value = (UnknownKind::Identifier, one.as_str(), *at);
                counts.add(value, of_others.contains(one));
            }
        }
        counts
    }
}

impl<'o> OwnerCounts<'o> {
    /// Adds a person who may not come, or who may or may not: nothing says which.
    fn add(&mut self, value: Unknown<'o>, is_unmatched: bool) {
        if is_unmatched {
            self.unmatched.push(value);
        } else {
            self.unreadable += 1;
            self.unreadable_first.push(value);
        }
    }
}

/// Whether a resource of that type is no person whose records there could be.
fn is_nobody(kind: &str) -> bool {
    kind != "Patient" && !kind.ends_with("/Patient")
}

/// The type of a contained resource; none where it is not there, or not once.
fn contained_kind<'i>(inside: &'i [Inside<'_>], id: &str) -> Option<&'i str> {
    let mut found = inside.iter().filter(|one| one.id.get() == Some(id));
    match (found.next(), found.next()) {
        (Some(one), None) => one.kind.get(),
        (_, _) => None,
    }
}

fn remember<K: Ord + ?Sized, T: Ord + std::borrow::Borrow<K>>(
    all: &mut BTreeMap<T, Place>,
    one: &K,
    keep: impl FnOnce(&K) -> T,
    at: Place,
) {
    if all.len() < PERSONS_MAX && !all.contains_key(one) {
        all.insert(keep(one), at);
    }
}
