//! Whose exported records are: what `patient`, `subject` and `beneficiary` say, against the persons that may come.

use std::collections::BTreeSet;

use super::line_summary::PersonReference;
use super::references::Reference;
use super::stream::short;

/// Persons remembered; one is right.
pub const PERSONS_MAX: usize = 1_000;

/// The persons that records name.
#[derive(Clone, Debug, Default)]
pub struct Owners {
    /// Patients, of the server itself or of another one.
    patients: BTreeSet<Reference>,
    /// Identifiers, where a reference has nothing else.
    identifiers: BTreeSet<String>,
    /// References that nothing in the files can be found by.
    unreadable: u64,
}

/// How the named persons compare with those that may come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnerCounts {
    /// Other Patients.
    pub unmatched: usize,
    /// References that do not say in a readable way whose a record is.
    pub unreadable: u64,
}

impl Owners {
    /// Takes what one record of a server at `base` refers to.
    pub fn take(&mut self, person: &PersonReference<'_>, base: &str) {
        let Some(text) = person.text.get() else {
            match person.identifier.get() {
                Some(value) => remember(&mut self.identifiers, value, short),
                None => self.unreadable += 1,
            }
            return;
        };
        let read = Reference::of_parts(text, person.kind.get(), base);
        match read {
            Reference::Own(ref name) | Reference::Elsewhere(ref name) => {
                // A device, a place or a group is nobody.
                if name.is_patient() {
                    remember(&mut self.patients, &read, Reference::clone);
                }
            }
            // Whether the contained resource is there is B-12's.
            Reference::Contained(_) => {}
            Reference::Logical | Reference::Unreadable => self.unreadable += 1,
        }
    }

    /// Whether a record names a Patient.
    pub fn names_patients(&self) -> bool {
        !self.patients.is_empty()
    }

    /// Compares with the Patients that may come, and with the identifiers that they have. Another server's Patient of
    /// one of their ids may be theirs behind another name of the server, and may not: that cannot be read.
    pub fn counts(&self, allowed: &BTreeSet<Reference>, identifiers: &[&str]) -> OwnerCounts {
        let mut counts = OwnerCounts {
            unreadable: self.unreadable,
            ..OwnerCounts::default()
        };
        let ids: BTreeSet<&str> = allowed
            .iter()
            .filter_map(|one| Some(one.name()?.id.as_str()))
            .collect();
        for person in self.patients.difference(allowed) {
            match person {
                Reference::Elsewhere(name) if ids.contains(name.id.as_str()) => {
                    counts.unreadable += 1;
                }
                Reference::Own(_)
                | Reference::Elsewhere(_)
                | Reference::Contained(_)
                | Reference::Logical
                | Reference::Unreadable => counts.unmatched += 1,
            }
        }
        let unknown = self.identifiers.iter();
        let unknown = unknown.filter(|one| !identifiers.contains(&one.as_str()));
        counts.unreadable += u64::try_from(unknown.count()).unwrap_or(u64::MAX);
        counts
    }
}

fn remember<K: Ord + ?Sized, T: Ord + std::borrow::Borrow<K>>(
    all: &mut BTreeSet<T>,
    one: &K,
    keep: impl FnOnce(&K) -> T,
) {
    if all.len() < PERSONS_MAX && !all.contains(one) {
        all.insert(keep(one));
    }
}
