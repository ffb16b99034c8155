//! What the requester sends about a member: Patient, CoverageToMatch and Consent (HRex).

use serde_json::{Value, json};

use super::case::EdgeCase;
use super::payer::Payer;
use super::person::Address;
use super::roster::{Member, REQUESTER_NPI};

const NPI: &str = "http://hl7.org/fhir/sid/us-npi";
const CONSENT_PAGE: &str =
    "http://hl7.org/fhir/us/davinci-hrex/StructureDefinition-hrex-consent.html";

/// The member as the requester knows them.
pub(crate) fn patient(member: &Member) -> Value {
    let person = &member.known_as;
    json!({
        "resourceType": "Patient",
        "id": member.id,
        "meta": {"profile": ["http://hl7.org/fhir/us/davinci-hrex/StructureDefinition/hrex-patient-demographics"]},
        "identifier": [{"system": "https://requester.example/member", "value": member.id}],
        "name": [{"use": "official", "family": person.names[0].family, "given": [person.names[0].given]}],
        "gender": person.gender,
        "birthDate": person.birth_date.to_string(),
        "address": [address(&person.address)],
    })
}

/// The old card.
pub(crate) fn coverage(member: &Member, payer: &Payer) -> Value {
    let person = &member.known_as;
    let mut coverage = json!({
        "resourceType": "Coverage",
        "id": member.id.replace("-m", "-c"),
        "meta": {"profile": ["http://hl7.org/fhir/us/davinci-hrex/StructureDefinition/hrex-coverage"]},
        "status": "active",
        "subscriberId": person.subscriber_id,
        "beneficiary": {"reference": format!("Patient/{}", member.id)},
        "relationship": {"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/subscriber-relationship",
            "code": person.relationship.code(),
        }]},
        "period": {"start": "2023-01-01", "end": "2026-12-31"},
        "payor": [{"identifier": {"system": NPI, "value": payer.npi}}],
    });
    if member.case != EdgeCase::NoMemberNumber {
        coverage["identifier"] = json!([{
            "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MB"}]},
            "system": payer.system("member"),
            "value": person.member_number,
        }]);
    }
    coverage
}

/// The member's permission: `performer` discloses, `IRCP` receives.
pub(crate) fn consent(member: &Member, payer: &Payer) -> Value {
    let (start, end) = match member.case {
        EdgeCase::ExpiredConsent => ("2024-01-01", "2024-12-31"),
        EdgeCase::Plain
        | EdgeCase::NameChange
        | EdgeCase::NonAsciiName
        | EdgeCase::Dependent
        | EdgeCase::AddressMismatch
        | EdgeCase::Empty
        | EdgeCase::Large
        | EdgeCase::Sensitive
        | EdgeCase::NoMemberNumber
        | EdgeCase::Unknown
        | EdgeCase::Twin => ("2026-01-01", "2035-12-31"),
    };
    let policy = if member.case == EdgeCase::Sensitive {
        "sensitive"
    } else {
        "regular"
    };
    let own = format!("Patient/{}", member.id);
    let actor = |system: &str, code: &str, npi: &str| {
        json!({
            "role": {"coding": [{"system": system, "code": code}]},
            "reference": {"identifier": {"system": NPI, "value": npi}},
        })
    };
    json!({
        "resourceType": "Consent",
        "id": member.id.replace("-m", "-k"),
        "meta": {"profile": ["http://hl7.org/fhir/us/davinci-hrex/StructureDefinition/hrex-consent"]},
        "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IDSCL"}]}],
        "patient": {"reference": own},
        "performer": [{"reference": own}],
        "sourceReference": {"reference": format!("https://requester.example/fhir/DocumentReference/{}", member.id)},
        "policy": [{"uri": format!("{CONSENT_PAGE}#{policy}")}],
        "provision": {
            "type": "permit",
            "period": {"start": start, "end": end},
            "actor": [
                actor("http://terminology.hl7.org/CodeSystem/provenance-participant-type", "performer", payer.npi),
                actor("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "IRCP", REQUESTER_NPI),
            ],
            "action": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentaction", "code": "disclose"}]}],
        },
    })
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
