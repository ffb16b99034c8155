//! the R4 structure of a resource, for the types that an exchange carries; B-23: must-support elements
//! that are never filled.
//!
//! The table holds what R4 requires of each type and the kinds of the elements that exchanges use. It is no
//! whole schema: an element that it does not name may be anything, and profiles are B-23's and the drift's.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::{Finding, catalogue};

/// What an element is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ElementKind {
    /// A string: code, date, id, text.
    Text,
    /// One object.
    One,
    /// A list of objects.
    Many,
    /// A list of strings.
    Texts,
    /// A boolean.
    Flag,
}

use ElementKind::{Flag, Many, One, Text, Texts};

/// One type: required elements, lists of which one must be there (a choice element), other elements that are
/// known, and what the profiles would have filled somewhere.
struct ResourceShape {
    kind: &'static str,
    required: &'static [(&'static str, ElementKind)],
    one_of: &'static [(&'static str, ElementKind)],
    known: &'static [(&'static str, ElementKind)],
    must_support: &'static [&'static str],
}

const EVERY: &[(&str, ElementKind)] = &[
    ("id", Text),
    ("meta", One),
    ("text", One),
    ("extension", Many),
    ("contained", Many),
    ("language", Text),
];

macro_rules! shapes {
    ($($kind:literal: $([$($req:literal $r:ident),*])? $(one of [$($one:literal $o:ident),*])? $(known [$($known:literal $k:ident),*])? $(fills [$($must:literal),*])? ;)+) => {
        const SHAPES: &[ResourceShape] = &[$(ResourceShape {
            kind: $kind,
            required: &[$($(($req, $r)),*)?],
            one_of: &[$($(($one, $o)),*)?],
            known: &[$($(($known, $k)),*)?],
            must_support: &[$($($must),*)?],
        }),+];
    };
}

shapes! {
    "AllergyIntolerance": ["patient" One] known ["clinicalStatus" One, "verificationStatus" One, "code" One, "reaction" Many, "category" Texts, "criticality" Text] fills ["clinicalStatus", "code"];
    "CarePlan": ["status" Text, "intent" Text, "subject" One] known ["category" Many, "activity" Many, "addresses" Many] fills ["category"];
    "CareTeam": [] known ["status" Text, "subject" One, "participant" Many] fills ["participant"];
    "Condition": ["subject" One] known ["clinicalStatus" One, "verificationStatus" One, "category" Many, "code" One, "onsetDateTime" Text, "recordedDate" Text, "note" Many] fills ["code", "category", "clinicalStatus"];
    "Coverage": ["status" Text, "beneficiary" One, "payor" Many] known ["identifier" Many, "type" One, "subscriberId" Text, "subscriber" One, "relationship" One, "period" One, "class" Many] fills ["identifier", "relationship", "period"];
    "Device": [] known ["identifier" Many, "status" Text, "type" One, "patient" One, "udiCarrier" Many] fills ["patient", "type"];
    "DiagnosticReport": ["status" Text, "code" One] known ["category" Many, "subject" One, "effectiveDateTime" Text, "issued" Text, "result" Many, "performer" Many, "presentedForm" Many] fills ["category", "subject"];
    "DocumentReference": ["status" Text, "content" Many] known ["type" One, "category" Many, "subject" One, "date" Text, "author" Many, "custodian" One, "description" Text, "context" One] fills ["type", "subject"];
    "Encounter": ["status" Text, "class" One] known ["type" Many, "subject" One, "participant" Many, "period" One, "reasonCode" Many, "location" Many, "serviceProvider" One] fills ["type", "period"];
    "ExplanationOfBenefit": ["status" Text, "type" One, "use" Text, "patient" One, "created" Text, "insurer" One, "provider" One, "outcome" Text, "insurance" Many] known ["identifier" Many, "subType" One, "billablePeriod" One, "careTeam" Many, "supportingInfo" Many, "diagnosis" Many, "item" Many, "adjudication" Many, "preAuthRef" Texts, "preAuthRefPeriod" Many, "processNote" Many, "total" Many, "payment" One] fills ["item", "careTeam"];
    "Goal": ["lifecycleStatus" Text, "description" One, "subject" One] known ["target" Many, "achievementStatus" One, "category" Many] fills ["target"];
    "Immunization": ["status" Text, "vaccineCode" One, "patient" One] one of ["occurrenceDateTime" Text, "occurrenceString" Text] known ["primarySource" Flag, "lotNumber" Text, "performer" Many] fills ["primarySource"];
    "Location": [] known ["status" Text, "name" Text, "telecom" Many, "address" One, "type" Many, "managingOrganization" One] fills ["name", "address"];
    "Medication": [] known ["code" One, "status" Text, "form" One, "ingredient" Many] fills ["code"];
    "MedicationDispense": ["status" Text] one of ["medicationCodeableConcept" One, "medicationReference" One] known ["subject" One, "performer" Many, "authorizingPrescription" Many, "type" One, "quantity" One, "daysSupply" One, "whenHandedOver" Text, "dosageInstruction" Many] fills ["subject", "whenHandedOver"];
    "MedicationRequest": ["status" Text, "intent" Text, "subject" One] one of ["medicationCodeableConcept" One, "medicationReference" One] known ["authoredOn" Text, "requester" One, "encounter" One, "dosageInstruction" Many, "reportedBoolean" Flag] fills ["authoredOn", "requester"];
    "Observation": ["status" Text, "code" One] known ["category" Many, "subject" One, "effectiveDateTime" Text, "effectivePeriod" One, "issued" Text, "performer" Many, "valueQuantity" One, "valueCodeableConcept" One, "valueString" Text, "component" Many, "interpretation" Many, "referenceRange" Many, "dataAbsentReason" One] fills ["category", "subject"];
    "OperationOutcome": ["issue" Many];
    "Organization": [] known ["identifier" Many, "active" Flag, "type" Many, "name" Text, "telecom" Many, "address" Many] fills ["identifier", "name"];
    "Patient": [] known ["identifier" Many, "active" Flag, "name" Many, "telecom" Many, "gender" Text, "birthDate" Text, "address" Many, "communication" Many, "generalPractitioner" Many, "link" Many, "contact" Many] fills ["identifier", "name", "gender", "birthDate", "address"];
    "Practitioner": [] known ["identifier" Many, "active" Flag, "name" Many, "telecom" Many, "address" Many, "gender" Text, "qualification" Many] fills ["identifier", "name"];
    "PractitionerRole": [] known ["active" Flag, "practitioner" One, "organization" One, "code" Many, "specialty" Many, "location" Many, "telecom" Many] fills ["practitioner", "organization"];
    "Procedure": ["status" Text, "subject" One] known ["code" One, "performedDateTime" Text, "performedPeriod" One, "encounter" One, "performer" Many] fills ["code"];
    "Provenance": ["target" Many, "recorded" Text, "agent" Many] known ["entity" Many, "activity" One, "occurredDateTime" Text] fills ["agent"];
    "QuestionnaireResponse": ["status" Text] known ["questionnaire" Text, "subject" One, "item" Many];
    "RelatedPerson": ["patient" One] known ["active" Flag, "relationship" Many, "name" Many];
    "ServiceRequest": ["status" Text, "intent" Text, "subject" One] known ["code" One, "category" Many, "authoredOn" Text, "requester" One];
    "Specimen": [] known ["type" One, "subject" One, "collection" One];
}

/// What was found wrong of one kind: how often, and the first of it.
#[derive(Clone, Debug, Default)]
pub struct Structure {
    wrong: u64,
    first: Option<(&'static str, &'static str, &'static str)>,
    /// By place in [`SHAPES`]: a bit for each must-support element that was seen.
    filled: BTreeMap<usize, u32>,
}

impl Structure {
    /// Takes one record.
    pub fn take(&mut self, kind: &str, record: &Value) {
        let Some((place, shape)) = SHAPES.iter().enumerate().find(|(_, one)| one.kind == kind)
        else {
            return;
        };
        let wrong = wrong(shape, record);
        if let Some((element, why)) = wrong {
            self.wrong += 1;
            self.first.get_or_insert((shape.kind, element, why));
        }
        let filled = self.filled.entry(place).or_default();
        for (bit, element) in shape.must_support.iter().enumerate() {
            *filled |= u32::from(!record[*element].is_null()) << bit;
        }
    }

    ///
    pub fn resources_valid(&self) -> Finding {
        let seen = match self.first {
            None => "each is".to_owned(),
            Some((kind, element, why)) => {
                format!("{} are not; first {kind}.{element}, {why}", self.wrong)
            }
        };
        catalogue::RESOURCES_VALID.finding(self.wrong == 0, "resources as R4 has them", seen)
    }

    /// B-23.
    pub fn must_support(&self) -> Finding {
        let mut never = Vec::new();
        for (place, filled) in &self.filled {
            let shape = &SHAPES[*place];
            let empty = shape.must_support.iter().enumerate();
            let empty = empty.filter(|(bit, _)| filled & (1 << bit) == 0);
            never.extend(empty.map(|(_, element)| format!("{}.{element}", shape.kind)));
        }
        let seen = match never.as_slice() {
            [] => "each is".to_owned(),
            some => format!("never {}", some.join(", ")),
        };
        catalogue::MUST_SUPPORT.finding(
            never.is_empty(),
            "must-support elements filled somewhere",
            seen,
        )
    }
}

fn wrong(shape: &ResourceShape, record: &Value) -> Option<(&'static str, &'static str)> {
    let missing = shape
        .required
        .iter()
        .find(|(name, _)| record[*name].is_null());
    if let Some((name, _)) = missing {
        return Some((*name, "which is required"));
    }
    let is_there = |(name, _): &&(&'static str, ElementKind)| !record[*name].is_null();
    if let Some((first, _)) = shape.one_of.first()
        && shape.one_of.iter().filter(is_there).count() != 1
    {
        return Some((*first, "of which one form is required"));
    }
    let all = [EVERY, shape.required, shape.one_of, shape.known].concat();
    let other = all
        .iter()
        .filter(is_there)
        .find(|(name, is)| !fits(&record[*name], *is));
    other.map(|(name, _)| (*name, "of another type"))
}

fn fits(value: &Value, is: ElementKind) -> bool {
    let all = |test: fn(&Value) -> bool| {
        value
            .as_array()
            .is_some_and(|list| !list.is_empty() && list.iter().all(test))
    };
    match is {
        Text => value.as_str().is_some_and(|text| !text.is_empty()),
        One => value.as_object().is_some_and(|fields| !fields.is_empty()),
        Many => all(Value::is_object),
        Texts => all(Value::is_string),
        Flag => value.is_boolean(),
    }
}
