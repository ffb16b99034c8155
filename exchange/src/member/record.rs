//! What a responder holds about a person, as resources, and what of it a consent lets out.

use serde_json::{Value, json};

use super::case::EdgeCase;
use super::payer::Payer;
use super::person::{Person, Relationship};
use super::request::address;
use super::seed::Stream;
use super::{claims, clinical};

/// When every generated resource was last changed: the anchor day.
const LAST_UPDATED: &str = "2026-10-01T00:00:00Z";

/// What the consent's policy lets out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Everything but records that carry a sensitivity label.
    Regular,
    /// Everything.
    Sensitive,
}

/// How many of each kind a person has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Amounts {
    pub(crate) claims: u64,
    pub(crate) authorizations: u64,
    pub(crate) encounters: u64,
    pub(crate) conditions: u64,
    pub(crate) observations: u64,
    pub(crate) immunizations: u64,
    pub(crate) medications: u64,
}

impl Amounts {
    const fn of(case: EdgeCase) -> Self {
        match case {
            EdgeCase::Empty => Self {
                claims: 0,
                authorizations: 0,
                encounters: 0,
                conditions: 0,
                observations: 0,
                immunizations: 0,
                medications: 0,
            },
            EdgeCase::Large => Self {
                claims: 55,
                authorizations: 2,
                encounters: 30,
                conditions: 15,
                observations: 70,
                immunizations: 10,
                medications: 15,
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
            | EdgeCase::ExpiredConsent => Self {
                claims: 4,
                authorizations: 1,
                encounters: 2,
                conditions: 3,
                observations: 4,
                immunizations: 2,
                medications: 2,
            },
        }
    }
}

/// Whose record is written, and with which luck: passed to every writer of a kind of resource.
pub(crate) struct Writer<'a> {
    pub(crate) payer: &'a Payer,
    pub(crate) person: &'a Person,
    pub(crate) stream: Stream,
    pub(crate) amounts: Amounts,
}

impl Writer<'_> {
    /// The id of resource number `n` of a kind, e.g. `R-55120-enc-1`.
    pub(crate) fn id(&self, kind: &str, n: u64) -> String {
        format!("{}-{kind}-{n}", self.person.patient_id)
    }

    /// The business identifier of resource number `n` of a kind.
    pub(crate) fn identifier(&self, kind: &str, n: u64) -> Value {
        json!({"system": self.payer.system(kind), "value": self.id(kind, n)})
    }

    /// `meta` with one profile.
    pub(crate) fn meta(profile: &str) -> Value {
        json!({"lastUpdated": LAST_UPDATED, "profile": [profile]})
    }

    /// A literal reference to the person.
    pub(crate) fn patient(&self) -> Value {
        json!({"reference": format!("Patient/{}", self.person.patient_id)})
    }

    /// A literal reference to the person's coverage.
    pub(crate) fn coverage(&self) -> Value {
        json!({"reference": format!("Coverage/{}", self.id("cov", 1))})
    }

    /// The responder as an Organization that is not exported: by identifier only.
    pub(crate) fn payer_reference(&self) -> Value {
        json!({
            "type": "Organization",
            "identifier": {"system": "http://hl7.org/fhir/sid/us-npi", "value": self.payer.npi},
            "display": self.payer.name,
        })
    }

    /// Free text with the canary.
    pub(crate) fn note(&self, words: &str) -> String {
        format!("{words} [{}]", self.person.canary)
    }
}

/// All that is held about `person`, in a fixed order.
pub fn record(payer: &Payer, person: &Person, seed: u64) -> Vec<Value> {
    let mut writer = Writer {
        payer,
        person,
        stream: Stream::new(seed, &[payer.id, &person.patient_id, "record"]),
        amounts: Amounts::of(person.case),
    };
    let mut resources = vec![patient(&writer), coverage(&writer)];
    resources.extend(clinical::resources(&mut writer));
    resources.extend(claims::resources(&mut writer));
    resources.push(provenance(&writer));
    resources
}

/// What of a record the policy lets out.
pub fn disclosed(record: Vec<Value>, policy: Policy) -> Vec<Value> {
    match policy {
        Policy::Sensitive => record,
        Policy::Regular => record
            .into_iter()
            .filter(|resource| !clinical::is_sensitive(resource))
            .collect(),
    }
}

fn patient(writer: &Writer<'_>) -> Value {
    let person = writer.person;
    let names: Vec<Value> = person
        .names
        .iter()
        .map(|name| {
            if name.current {
                json!({"use": "official", "family": name.family, "given": [name.given]})
            } else {
                json!({"use": "old", "family": name.family, "given": [name.given], "period": {"end": "2025-06-30"}})
            }
        })
        .collect();
    json!({
        "resourceType": "Patient",
        "id": person.patient_id,
        "meta": Writer::meta("http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient"),
        "text": {
            "status": "generated",
            "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{}</div>", writer.note("An invented member")),
        },
        "identifier": [
            {
                "type": {"coding": [{"system": "http://hl7.org/fhir/us/davinci-hrex/CodeSystem/hrex-temp", "code": "UMB"}]},
                "system": writer.payer.system("umb"),
                "value": person.umb,
            },
            {
                "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MB"}]},
                "system": writer.payer.system("member"),
                "value": person.member_number,
            },
        ],
        "name": names,
        "gender": person.gender,
        "birthDate": person.birth_date.to_string(),
        "address": [address(&person.address)],
    })
}

fn coverage(writer: &Writer<'_>) -> Value {
    let person = writer.person;
    let class = |code: &str, value: &str, name: String| {
        json!({
            "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/coverage-class", "code": code}]},
            "value": value,
            "name": name,
        })
    };
    let subscriber = match person.relationship {
        Relationship::Myself => writer.patient(),
        // The parent is another member: named by number, never by a literal reference.
        Relationship::Child => json!({
            "type": "Patient",
            "identifier": {"system": writer.payer.system("subscriber"), "value": person.subscriber_id},
        }),
    };
    json!({
        "resourceType": "Coverage",
        "id": writer.id("cov", 1),
        "meta": Writer::meta("http://hl7.org/fhir/us/davinci-hrex/StructureDefinition/hrex-coverage"),
        "identifier": [{
            "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MB"}]},
            "system": writer.payer.system("member"),
            "value": person.member_number,
        }],
        "status": "active",
        "subscriberId": person.subscriber_id,
        "subscriber": subscriber,
        "beneficiary": writer.patient(),
        "relationship": {"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/subscriber-relationship",
            "code": person.relationship.code(),
        }]},
        "period": {"start": "2023-01-01", "end": "2026-12-31"},
        "payor": [writer.payer_reference()],
        "class": [
            class("group", "G100", writer.note("Group plan")),
            class("plan", "P20", "Standard plan".to_owned()),
        ],
    })
}

/// One transmitter record per member. It targets what goes out whatever `_type` asks for, so that its
/// hash can be an oracle; PDex allows more targets.
fn provenance(writer: &Writer<'_>) -> Value {
    json!({
        "resourceType": "Provenance",
        "id": writer.id("prov", 1),
        "meta": Writer::meta("http://hl7.org/fhir/us/core/StructureDefinition/us-core-provenance"),
        "target": [writer.patient(), writer.coverage()],
        "recorded": LAST_UPDATED,
        "agent": [{
            "type": {"coding": [{
                "system": "http://hl7.org/fhir/us/core/CodeSystem/us-core-provenance-participant-type",
                "code": "transmitter",
            }]},
            "who": writer.payer_reference(),
        }],
        "entity": [{
            "role": "source",
            "what": {"identifier": {"system": writer.payer.system("umb"), "value": writer.person.umb}},
        }],
    })
}
