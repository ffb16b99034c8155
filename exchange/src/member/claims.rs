//! Claims without money (CARIN BB Basis) and prior authorizations (PDex) with their documents.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::person::before_anchor;
use super::record::Writer;

const CARIN: &str = "http://hl7.org/fhir/us/carin-bb/StructureDefinition";
const PDEX: &str = "http://hl7.org/fhir/us/davinci-pdex/StructureDefinition";
const CLAIM_TYPE: &str = "http://terminology.hl7.org/CodeSystem/claim-type";

/// HCPCS level II codes, which nobody owns.
const SERVICES: [(&str, &str); 6] = [
    ("G0438", "Yearly wellness visit"),
    ("G0008", "Giving an influenza vaccine"),
    ("G0202", "Screening image"),
    ("A0428", "Ambulance, not urgent"),
    ("G0444", "Yearly screening"),
    ("Q0091", "Taking a smear"),
];

/// The administrative part of a record.
pub(crate) fn resources(writer: &mut Writer<'_>) -> Vec<Value> {
    let amounts = writer.amounts;
    let mut resources = Vec::new();
    for n in 1..=amounts.claims {
        resources.push(claim(writer, n));
    }
    for n in 1..=amounts.authorizations {
        resources.push(authorization(writer, n));
        resources.push(document(writer, n));
    }
    resources
}

/// A clinician by identifier only: nobody's record holds a reference that another's could share.
fn clinician(writer: &mut Writer<'_>) -> Value {
    let number = 1 + writer.stream.below(40);
    json!({
        "type": "Practitioner",
        "identifier": {"system": writer.payer.system("clinician"), "value": format!("C-{number:03}")},
        "display": "An invented clinician",
    })
}

fn insurance(writer: &Writer<'_>) -> Value {
    json!([{"focal": true, "coverage": writer.coverage()}])
}

fn service(writer: &mut Writer<'_>) -> Value {
    let (code, display) = *writer.stream.pick(&SERVICES);
    json!({
        "coding": [{"system": "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "code": code}],
        "text": display,
    })
}

fn claim(writer: &mut Writer<'_>, n: u64) -> Value {
    let day = before_anchor(writer.stream.below(4 * 365));
    let kinds = [
        (
            "professional",
            "C4BB-ExplanationOfBenefit-Professional-NonClinician-Basis",
        ),
        (
            "institutional",
            "C4BB-ExplanationOfBenefit-Outpatient-Institutional-Basis",
        ),
        ("pharmacy", "C4BB-ExplanationOfBenefit-Pharmacy-Basis"),
    ];
    let (kind, profile) = *writer.stream.pick(&kinds);
    let clinician = clinician(writer);
    json!({
        "resourceType": "ExplanationOfBenefit",
        "id": writer.id("eob", n),
        "meta": Writer::meta(&format!("{CARIN}/{profile}")),
        "identifier": [{
            "type": {"coding": [{"system": "http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBIdentifierType", "code": "uc"}]},
            "system": writer.payer.system("claim"),
            "value": writer.id("eob", n),
        }],
        "status": "active",
        "type": {"coding": [{"system": CLAIM_TYPE, "code": kind}]},
        "use": "claim",
        "patient": writer.patient(),
        "billablePeriod": {"start": day.to_string(), "end": day.to_string()},
        "created": day.to_string(),
        "insurer": writer.payer_reference(),
        "provider": clinician,
        "outcome": "complete",
        "careTeam": [{"sequence": 1, "provider": clinician}],
        "insurance": insurance(writer),
        "item": [{
            "sequence": 1,
            "productOrService": service(writer),
            "servicedDate": day.to_string(),
            "adjudication": [{
                "category": {"coding": [{"system": "http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBAdjudicationDiscriminator", "code": "benefitpaymentstatus"}]},
                "reason": {"coding": [{"system": "http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBPayerAdjudicationStatus", "code": "innetwork"}]},
            }],
        }],
        "processNote": [{"number": 1, "type": "display", "text": writer.note("Settled")}],
    })
}

/// An approved authorization, at most nine months old on the anchor day.
fn authorization(writer: &mut Writer<'_>, n: u64) -> Value {
    let day = before_anchor(writer.stream.below(270));
    let clinician = clinician(writer);
    json!({
        "resourceType": "ExplanationOfBenefit",
        "id": writer.id("pa", n),
        "meta": Writer::meta(&format!("{PDEX}/pdex-priorauthorization")),
        "identifier": [writer.identifier("authorization", n)],
        "status": "active",
        "type": {"coding": [{"system": CLAIM_TYPE, "code": "professional"}]},
        "use": "preauthorization",
        "patient": writer.patient(),
        "created": day.to_string(),
        "insurer": writer.payer_reference(),
        "provider": clinician,
        "outcome": "complete",
        "preAuthRef": [format!("PA-{}-{n}", writer.person.member_number)],
        "preAuthRefPeriod": [{"start": day.to_string(), "end": "2027-12-31"}],
        "careTeam": [{"sequence": 1, "provider": clinician}],
        "supportingInfo": [{
            "sequence": 1,
            "category": {"coding": [{"system": "http://hl7.org/fhir/us/davinci-pas/CodeSystem/PASSupportingInfoType", "code": "additionalInformation"}]},
            "valueReference": {"reference": format!("DocumentReference/{}", writer.id("doc", n))},
        }],
        "insurance": insurance(writer),
        "item": [{
            "sequence": 1,
            "extension": [{
                "url": format!("{PDEX}/extension-itemPreAuthIssueDate"),
                "valueDate": day.to_string(),
            }],
            "productOrService": service(writer),
            "adjudication": [{
                "category": {"coding": [{"system": "http://hl7.org/fhir/us/davinci-pdex/CodeSystem/PriorAuthorizationValueCodes", "code": "allowedunits"}]},
                "value": 1,
            }],
        }],
        "processNote": [{"number": 1, "type": "display", "text": writer.note("Approved")}],
    })
}

fn document(writer: &mut Writer<'_>, n: u64) -> Value {
    let day = before_anchor(writer.stream.below(270));
    let text = writer.note("A letter in support of the request");
    json!({
        "resourceType": "DocumentReference",
        "id": writer.id("doc", n),
        "meta": Writer::meta("http://hl7.org/fhir/us/core/StructureDefinition/us-core-documentreference"),
        "identifier": [writer.identifier("doc", n)],
        "status": "current",
        "type": {"coding": [{"system": "http://loinc.org", "code": "11488-4"}], "text": "Letter"},
        "category": [{"coding": [{"system": "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category", "code": "clinical-note"}]}],
        "subject": writer.patient(),
        "date": format!("{day}T12:00:00Z"),
        "author": [clinician(writer)],
        "description": text,
        "content": [{"attachment": {"contentType": "text/plain", "data": STANDARD.encode(&text)}}],
    })
}
