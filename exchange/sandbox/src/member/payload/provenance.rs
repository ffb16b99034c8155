//! The transmitter's Provenance (US Core, PDex): who sent, and what.

use serde_json::{Value, json};

use super::writer::{CORE, LAST_UPDATED, Writer, meta};

/// One transmitter record per member; [`transmitted`] names what went out.
pub(super) fn resource(writer: &Writer<'_>) -> Value {
    json!({
        "resourceType": "Provenance",
        "id": writer.id("prov", 1),
        "meta": meta(&format!("{CORE}/us-core-provenance")),
        "target": [writer.patient()],
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

/// The resources, where each Provenance names just the others as its targets. To be called when it is
/// settled what goes out. A Provenance that goes out alone keeps its targets: it must have one.
pub fn transmitted(mut resources: Vec<Value>) -> Vec<Value> {
    let is_provenance = |resource: &Value| resource["resourceType"] == "Provenance";
    let targets: Vec<Value> = resources
        .iter()
        .filter(|resource| !is_provenance(resource))
        .filter_map(|resource| {
            let (kind, id) = (resource["resourceType"].as_str()?, resource["id"].as_str()?);
            Some(json!({"reference": format!("{kind}/{id}")}))
        })
        .collect();
    if !targets.is_empty() {
        for provenance in resources.iter_mut().filter(|one| is_provenance(one)) {
            provenance["target"] = targets.clone().into();
        }
    }
    resources
}
