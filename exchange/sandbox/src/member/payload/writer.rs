//! The input of every resource writer: the person, the amounts and the random stream.

use exchange_kit::random::Stream;
use serde_json::{Value, json};

use crate::member::case::EdgeCase;
use crate::member::payer::Payer;
use crate::member::person::{Person, before_anchor};

/// When every generated resource was last changed: the anchor day.
pub(super) const LAST_UPDATED: &str = "2026-10-01T00:00:00Z";

pub(super) const CORE: &str = "http://hl7.org/fhir/us/core/StructureDefinition";
pub(super) const NPI: &str = "http://hl7.org/fhir/sid/us-npi";
pub(super) const ICD10: &str = "http://hl7.org/fhir/sid/icd-10-cm";
pub(super) const LOINC: &str = "http://loinc.org";
pub(super) const SNOMED: &str = "http://snomed.info/sct";
pub(super) const RXNORM: &str = "http://www.nlm.nih.gov/research/umls/rxnorm";
pub(super) const NDC: &str = "http://hl7.org/fhir/sid/ndc";
pub(super) const HCPCS: &str = "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets";
pub(super) const TERMS: &str = "http://terminology.hl7.org/CodeSystem";

/// Guides and their versions.
const GUIDES: [(&str, &str); 4] = [
    ("http://hl7.org/fhir/us/core/", "6.1.0"),
    ("http://hl7.org/fhir/us/carin-bb/", "2.1.0"),
    ("http://hl7.org/fhir/us/davinci-hrex/", "1.1.0"),
    ("http://hl7.org/fhir/us/davinci-pdex/", "2.2.0"),
];

/// Records reach four years back; what is older is a case of its own.
const DAYS_BACK: u64 = 4 * 365;

/// How many of each kind a person has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Amounts {
    pub(super) claims: u64,
    pub(super) authorizations: u64,
    pub(super) encounters: u64,
    pub(super) conditions: u64,
    pub(super) observations: u64,
    pub(super) reports: u64,
    pub(super) procedures: u64,
    pub(super) immunizations: u64,
    pub(super) medications: u64,
    /// Of each kind of which a plain record holds one: allergies, devices, plans of care.
    pub(super) singles: u64,
}

const NONE: Amounts = Amounts {
    claims: 0,
    authorizations: 0,
    encounters: 0,
    conditions: 0,
    observations: 0,
    reports: 0,
    procedures: 0,
    immunizations: 0,
    medications: 0,
    singles: 0,
};

const USUAL: Amounts = Amounts {
    claims: 5,
    authorizations: 1,
    encounters: 2,
    conditions: 2,
    observations: 4,
    reports: 1,
    procedures: 1,
    immunizations: 2,
    medications: 1,
    singles: 1,
};

const MANY: Amounts = Amounts {
    claims: 50,
    authorizations: 2,
    encounters: 25,
    conditions: 15,
    observations: 60,
    reports: 8,
    procedures: 10,
    immunizations: 10,
    medications: 10,
    singles: 1,
};

impl Amounts {
    fn of(person: &Person) -> Self {
        match person.case {
            EdgeCase::Empty => NONE,
            EdgeCase::Large => MANY.times(person.scale),
            // One of each state, whatever else.
            EdgeCase::PriorAuthorizations => Self {
                authorizations: 6,
                ..USUAL
            },
            EdgeCase::Plain
            | EdgeCase::NameChange
            | EdgeCase::NonAsciiName
            | EdgeCase::Dependent
            | EdgeCase::AddressMismatch
            | EdgeCase::Sensitive
            | EdgeCase::NoMemberNumber
            | EdgeCase::Unknown
            | EdgeCase::Twin
            | EdgeCase::ExpiredConsent
            | EdgeCase::Nickname
            | EdgeCase::Typo
            | EdgeCase::DuplicateUnlinked
            | EdgeCase::DuplicateLinked
            | EdgeCase::JuniorSenior
            | EdgeCase::SameNameParent
            | EdgeCase::DependentToPrimary
            | EdgeCase::TwoCoverages
            | EdgeCase::Deceased
            | EdgeCase::MinorWithRepresentative
            | EdgeCase::SingleName
            | EdgeCase::FutureConsent
            | EdgeCase::WrongRecipient
            | EdgeCase::WrongSource
            | EdgeCase::InactiveConsent
            | EdgeCase::RevokedBeforeMatch
            | EdgeCase::RevokedAfterMatch
            | EdgeCase::Concurrent
            | EdgeCase::OldClaims => USUAL,
        }
    }

    /// How many records grow with the scale. A medicine is a request and a dispense.
    const fn growing(self) -> u64 {
        self.claims
            + self.encounters
            + self.conditions
            + self.observations
            + self.reports
            + self.procedures
            + self.immunizations
            + self.medications * 2
    }

    const fn times(self, scale: u64) -> Self {
        Self {
            claims: self.claims * scale,
            authorizations: self.authorizations,
            encounters: self.encounters * scale,
            conditions: self.conditions * scale,
            observations: self.observations * scale,
            reports: self.reports * scale,
            procedures: self.procedures * scale,
            immunizations: self.immunizations * scale,
            medications: self.medications * scale,
            singles: self.singles,
        }
    }
}

/// The scale at which a long record holds at least so many resources; 0 asks for the usual length.
pub fn scale_for(resources: u64) -> u64 {
    resources.div_ceil(MANY.growing()).max(1)
}

/// Whose record is written, and with which luck.
pub(super) struct Writer<'a> {
    pub(super) payer: &'a Payer,
    pub(super) person: &'a Person,
    pub(super) stream: Stream,
    pub(super) amounts: Amounts,
}

impl<'a> Writer<'a> {
    pub(super) fn new(payer: &'a Payer, person: &'a Person, seed: u64) -> Self {
        Self {
            payer,
            person,
            stream: Stream::new(seed, &[payer.id, &person.patient_id, "record"]),
            amounts: Amounts::of(person),
        }
    }
}

impl Writer<'_> {
    /// The id of resource number `n` of a kind, e.g. `R-55120-enc-1`.
    pub(super) fn id(&self, kind: &str, n: u64) -> String {
        format!("{}-{kind}-{n}", self.person.patient_id)
    }

    /// The business identifier of resource number `n` of a kind.
    pub(super) fn identifier(&self, kind: &str, n: u64) -> Value {
        json!({"system": self.payer.system(kind), "value": self.id(kind, n)})
    }

    /// A literal reference to resource number `n` of a kind.
    pub(super) fn reference(&self, resource_type: &str, kind: &str, n: u64) -> Value {
        json!({"reference": format!("{resource_type}/{}", self.id(kind, n))})
    }

    /// The begin of resource number `n` of a kind: type, id, one profile, business identifier.
    pub(super) fn begin(&self, resource_type: &str, kind: &str, n: u64, profile: &str) -> Value {
        json!({
            "resourceType": resource_type,
            "id": self.id(kind, n),
            "meta": meta(profile),
            "identifier": [self.identifier(kind, n)],
        })
    }

    /// A literal reference to the person.
    pub(super) fn patient(&self) -> Value {
        json!({"reference": format!("Patient/{}", self.person.patient_id)})
    }

    /// A literal reference to the person's coverage number `n`.
    pub(super) fn coverage(&self, n: u64) -> Value {
        self.reference("Coverage", "cov", n)
    }

    /// A literal reference to the responder.
    pub(super) fn payer_reference(&self) -> Value {
        json!({
            "reference": format!("Organization/{}", self.payer.id),
            "display": self.payer.name,
        })
    }

    /// The clinician who sees the person most.
    pub(super) fn clinician(&self) -> Value {
        self.reference("Practitioner", "prac", 1)
    }

    /// The place where the person is seen.
    pub(super) fn clinic(&self) -> Value {
        self.reference("Organization", "org", 1)
    }

    /// One of the person's encounters, if there are any.
    pub(super) fn an_encounter(&mut self) -> Option<Value> {
        let n = 1 + self.stream.below(self.amounts.encounters);
        (self.amounts.encounters > 0).then(|| self.reference("Encounter", "enc", n))
    }

    /// A day within the last four years before the anchor.
    pub(super) fn day(&mut self) -> chrono::NaiveDate {
        before_anchor(self.stream.below(DAYS_BACK))
    }

    /// Free text with the canary.
    pub(super) fn note(&self, words: &str) -> String {
        format!("{words} [{}]", self.person.canary)
    }
}

/// `meta` with one profile, in the version of its guide.
pub(super) fn meta(profile: &str) -> Value {
    json!({"lastUpdated": LAST_UPDATED, "profile": [versioned(profile)]})
}

/// The canonical with the guide's version: those that PDex 2.2 builds on.
fn versioned(profile: &str) -> String {
    let version = GUIDES
        .iter()
        .find(|(guide, _)| profile.starts_with(guide))
        .map(|(_, version)| *version);
    match version {
        Some(version) => format!("{profile}|{version}"),
        None => profile.to_owned(),
    }
}

/// A CodeableConcept of one coding with its text.
pub(super) fn concept(system: &str, code: &str, text: &str) -> Value {
    json!({"coding": [{"system": system, "code": code}], "text": text})
}

/// A CodeableConcept of one coding of `terminology.hl7.org`, which needs no text.
pub(super) fn term(system: &str, code: &str) -> Value {
    json!({"coding": [{"system": format!("{TERMS}/{system}"), "code": code}]})
}

/// `base` with the fields of `more`, which win.
pub(super) fn with(mut base: Value, more: Value) -> Value {
    if let (Value::Object(fields), Value::Object(more)) = (&mut base, more) {
        fields.extend(more);
    }
    base
}
