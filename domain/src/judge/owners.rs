//! Whose exported records are: what `patient`, `subject` and `beneficiary` say, against the persons that may come.

use std::collections::BTreeSet;

use super::line_summary::{Inside, PersonReference};
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
    /// Takes what one record of a server at `base` refers to; `inside` are the resources that the record contains.
    pub fn take(&mut self, person: &PersonReference<'_>, inside: &[Inside<'_>], base: &str) {
        let says_nobody = person.kind.get().is_some_and(is_nobody);
        let Some(text) = person.text.get() else {
            match person.identifier.get() {
                Some(_) if says_nobody => {}
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
            // A person without an address here may be anybody; a group or a device is nobody.
            Reference::Contained(id) => {
                let is_nobody = contained_kind(inside, &id).is_some_and(is_nobody);
                self.unreadable += u64::from(!is_nobody);
            }
            Reference::Logical if says_nobody => {}
            Reference::Logical | Reference::Unreadable => self.unreadable += 1,
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
    ) -> OwnerCounts {
        let mut counts = OwnerCounts {
            unreadable: self.unreadable,
            ..OwnerCounts::default()
        };
        for person in self.patients.difference(allowed) {
            match person {
                Reference::Own(_) => counts.unmatched += 1,
                Reference::Elsewhere(_)
                | Reference::Contained(_)
                | Reference::Logical
                | Reference::Unreadable => counts.unreadable += 1,
            }
        }
        let unknown = self.identifiers.iter();
        for one in unknown.filter(|one| !identifiers.contains(&one.as_str())) {
            if of_others.contains(one) {
                counts.unmatched += 1;
            } else {
                counts.unreadable += 1;
            }
        }
        counts
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
    all: &mut BTreeSet<T>,
    one: &K,
    keep: impl FnOnce(&K) -> T,
) {
    if all.len() < PERSONS_MAX && !all.contains(one) {
        all.insert(keep(one));
    }
}
