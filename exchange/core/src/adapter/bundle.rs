//! What is sent: the Parameters of a match and of an export.

use serde_json::{Value, json};

const PDEX: &str = "http://hl7.org/fhir/us/davinci-pdex";
const EXPORT_TYPE: &str = "hl7.fhir.us.davinci-pdex#payertopayer";

/// The request of a bulk match: a `MemberBundle` for each of `bundles`, each `{patient, coverage, consent}`.
pub fn match_body(bundles: &[Value]) -> Value {
    let parameter: Vec<Value> = bundles
        .iter()
        .map(|bundle| {
            json!({"name": "MemberBundle", "part": [
                {"name": "MemberPatient", "resource": bundle["patient"]},
                {"name": "CoverageToMatch", "resource": bundle["coverage"]},
                {"name": "Consent", "resource": bundle["consent"]},
            ]})
        })
        .collect();
    json!({
        "resourceType": "Parameters",
        "meta": {"profile": [format!("{PDEX}/StructureDefinition/pdex-parameters-multi-member-match-bundle-in")]},
        "parameter": parameter,
    })
}

/// The request of an export: of these Patients and types, or of all where a list is empty.
pub fn export_body(patients: &[String], types: &[String]) -> Value {
    let mut parameter = vec![json!({"name": "exportType", "valueCanonical": EXPORT_TYPE})];
    if !types.is_empty() {
        parameter.push(json!({"name": "_type", "valueString": types.join(",")}));
    }
    parameter.extend(patients.iter().map(|patient| {
        json!({"name": "patient", "valueReference": {"reference": format!("Patient/{patient}")}})
    }));
    json!({"resourceType": "Parameters", "parameter": parameter})
}
