//! Patient (US Core, with the UMB) and Coverage (HRex).

use serde_json::{Value, json};

use super::writer::{CORE, TERMS, Writer, meta, term, with};
use crate::member::case::EdgeCase;
use crate::member::person::{Address, Card, Relationship};

const HREX: &str = "http://hl7.org/fhir/us/davinci-hrex";

pub(super) fn resources(writer: &Writer<'_>) -> Vec<Value> {
    let coverages = (1..)
        .zip(&writer.person.cards)
        .map(|(n, card)| coverage(writer, n, card));
    std::iter::once(patient(writer)).chain(coverages).collect()
}

fn patient(writer: &Writer<'_>) -> Value {
    let person = writer.person;
    let mut patient = json!({
        "resourceType": "Patient",
        "id": person.patient_id,
        "meta": meta(&format!("{CORE}/us-core-patient")),
        "text": {
            "status": "generated",
            "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{}</div>", writer.note("An invented member")),
        },
        "identifier": identifiers(writer),
        "active": true,
        "name": names(writer),
        "gender": person.gender,
        "birthDate": person.birth_date.to_string(),
        "address": [address(&person.address)],
    });
    if let Some(died) = person.died {
        patient["deceasedDateTime"] = died.to_string().into();
    }
    if let Some(umb) = &person.replaces {
        // By identifier: the replaced entry is not disclosed.
        patient["link"] = json!([{
            "type": "replaces",
            "other": {"type": "Patient", "identifier": {"system": writer.payer.system("umb"), "value": umb}},
        }]);
    }
    if person.case != EdgeCase::Empty {
        patient["generalPractitioner"] = json!([writer.clinician()]);
    }
    patient
}

fn identifiers(writer: &Writer<'_>) -> Value {
    let umb = json!({
        "type": {"coding": [{"system": format!("{HREX}/CodeSystem/hrex-temp"), "code": "UMB"}]},
        "system": writer.payer.system("umb"),
        "value": writer.person.umb,
    });
    std::iter::once(umb)
        .chain(
            writer
                .person
                .cards
                .iter()
                .map(|card| member_number(writer, card)),
        )
        .collect()
}

fn member_number(writer: &Writer<'_>, card: &Card) -> Value {
    json!({
        "type": term("v2-0203", "MB"),
        "system": writer.payer.system("member"),
        "value": card.member_number,
    })
}

fn names(writer: &Writer<'_>) -> Value {
    let suffix = writer.person.suffix;
    let name = |name: &crate::member::person::HeldName| {
        let mut written = json!({"use": "official", "family": name.family, "given": [name.given]});
        if !name.current {
            written["use"] = "old".into();
            written["period"] = json!({"end": "2025-06-30"});
        }
        if let Some(suffix) = suffix {
            written["suffix"] = json!([suffix]);
        }
        written
    };
    writer.person.names.iter().map(name).collect()
}

fn coverage(writer: &Writer<'_>, n: u64, card: &Card) -> Value {
    let class = |code: &str, value: &str, name: String| json!({"type": term("coverage-class", code), "value": value, "name": name});
    let subscriber = match card.relationship {
        Relationship::Myself => writer.patient(),
        // The parent is another member: named by number, never by a literal reference.
        Relationship::Child => json!({
            "type": "Patient",
            "identifier": {"system": writer.payer.system("subscriber"), "value": card.subscriber_id},
        }),
    };
    let (start, end) = card.period;
    let coverage = json!({
        "resourceType": "Coverage",
        "id": writer.id("cov", n),
        "meta": meta(&format!("{HREX}/StructureDefinition/hrex-coverage")),
        "identifier": [member_number(writer, card)],
    });
    with(
        coverage,
        json!({
            "status": "active",
            "type": {"coding": [{"system": format!("{TERMS}/v3-ActCode"), "code": "HIP"}]},
            "subscriberId": card.subscriber_id,
            "subscriber": subscriber,
            "beneficiary": writer.patient(),
            "relationship": term("subscriber-relationship", card.relationship.code()),
            "period": {"start": start, "end": end},
            "payor": [writer.payer_reference()],
            "class": [
                class("group", "G100", writer.note("Group plan")),
                class("plan", "P20", "Standard plan".to_owned()),
            ],
        }),
    )
}

/// A FHIR address.
pub(crate) fn address(address: &Address) -> Value {
    json!({
        "use": "home",
        "line": [address.line],
        "city": address.place.city,
        "state": address.place.state,
        "postalCode": address.place.postal_code,
        "country": "US",
    })
}
