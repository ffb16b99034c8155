//! Who treats and who pays: Organization, Practitioner, PractitionerRole, Location (US Core).
//!
//! Each person has clinicians of their own, so that no two records share a resource but the payer's.

use serde_json::{Value, json};

use super::writer::{CORE, NPI, Writer, concept, meta, term, with};
use crate::member::names;
use crate::member::number::npi;

const TAXONOMY: &str = "http://nucc.org/provider-taxonomy";

pub(super) fn resources(writer: &mut Writer<'_>) -> Vec<Value> {
    let mut resources = vec![payer(writer)];
    if writer.amounts.singles > 0 {
        resources.push(clinic(writer));
        resources.extend((1..=2).map(|n| practitioner(writer, n)));
        resources.push(role(writer));
        resources.push(location(writer));
    }
    resources
}

/// The responder itself: the same resource in every record.
fn payer(writer: &Writer<'_>) -> Value {
    json!({
        "resourceType": "Organization",
        "id": writer.payer.id,
        "meta": meta(&format!("{CORE}/us-core-organization")),
        "identifier": [{"system": NPI, "value": writer.payer.npi}],
        "active": true,
        "type": [term("organization-type", "pay")],
        "name": writer.payer.name,
    })
}

fn clinic(writer: &mut Writer<'_>) -> Value {
    let npi = npi(&mut writer.stream);
    json!({
        "resourceType": "Organization",
        "id": writer.id("org", 1),
        "meta": meta(&format!("{CORE}/us-core-organization")),
        "identifier": [{"system": NPI, "value": npi}],
        "active": true,
        "type": [term("organization-type", "prov")],
        "name": format!("{} Clinic", writer.person.address.place.city),
        "address": [{"city": writer.person.address.place.city, "state": writer.person.address.place.state, "country": "US"}],
    })
}

fn practitioner(writer: &mut Writer<'_>, n: u64) -> Value {
    let npi = npi(&mut writer.stream);
    let family = *writer.stream.pick(&names::FAMILY);
    let given = *writer.stream.pick(&names::GIVEN_FEMALE);
    json!({
        "resourceType": "Practitioner",
        "id": writer.id("prac", n),
        "meta": meta(&format!("{CORE}/us-core-practitioner")),
        "identifier": [{"system": NPI, "value": npi}],
        "active": true,
        "name": [{"use": "official", "family": family, "given": [given], "prefix": ["Dr."]}],
    })
}

fn role(writer: &Writer<'_>) -> Value {
    let role = writer.begin(
        "PractitionerRole",
        "role",
        1,
        &format!("{CORE}/us-core-practitionerrole"),
    );
    with(
        role,
        json!({
            "active": true,
            "practitioner": writer.clinician(),
            "organization": writer.clinic(),
            "code": [concept(TAXONOMY, "207Q00000X", "Family medicine")],
            "specialty": [concept(TAXONOMY, "207Q00000X", "Family medicine")],
            "location": [writer.reference("Location", "loc", 1)],
            "telecom": [{"system": "phone", "value": "555-0100", "use": "work"}],
        }),
    )
}

fn location(writer: &Writer<'_>) -> Value {
    let place = writer.person.address.place;
    let location = writer.begin("Location", "loc", 1, &format!("{CORE}/us-core-location"));
    with(
        location,
        json!({
            "status": "active",
            "name": format!("{} Clinic, main house", place.city),
            "type": [term("v3-RoleCode", "PROFF")],
            "address": {"line": ["1 Clinic Sq"], "city": place.city, "state": place.state, "postalCode": place.postal_code, "country": "US"},
            "managingOrganization": writer.clinic(),
        }),
    )
}
