//! Clinical records: Encounter, Condition, Observation, Immunization, MedicationRequest (US Core).

use serde_json::{Value, json};

use super::case::EdgeCase;
use super::person::before_anchor;
use super::record::Writer;

const CORE: &str = "http://hl7.org/fhir/us/core/StructureDefinition";
const ICD10: &str = "http://hl7.org/fhir/sid/icd-10-cm";
const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";

/// ICD-10-CM codes that say nothing sensitive.
const DIAGNOSES: [(&str, &str); 8] = [
    ("I10", "High blood pressure"),
    ("E11.9", "Type 2 diabetes"),
    ("J45.909", "Asthma"),
    ("M54.50", "Low back pain"),
    ("K21.9", "Reflux"),
    ("E78.5", "High blood lipids"),
    ("J30.9", "Hay fever"),
    ("H52.13", "Short sight"),
];

/// LOINC codes with a unit, a lowest value and a width.
const MEASURES: [(&str, &str, &str, u64, u64); 5] = [
    ("8867-4", "Heart rate", "/min", 55, 40),
    ("29463-7", "Body weight", "kg", 50, 50),
    ("8302-2", "Body height", "cm", 150, 45),
    ("2339-0", "Glucose", "mg/dL", 70, 60),
    ("2093-3", "Cholesterol", "mg/dL", 140, 100),
];

const VACCINES: [(&str, &str); 4] = [
    ("140", "Influenza vaccine"),
    ("115", "Tdap vaccine"),
    ("33", "Pneumococcal vaccine"),
    ("187", "Shingles vaccine"),
];

const MEDICATIONS: [(&str, &str); 5] = [
    ("314076", "lisinopril 10 mg tablet"),
    ("860975", "metformin 500 mg tablet"),
    ("617311", "atorvastatin 40 mg tablet"),
    ("745679", "albuterol inhaler"),
    ("198053", "omeprazole 20 mg capsule"),
];

/// The clinical part of a record.
pub(crate) fn resources(writer: &mut Writer<'_>) -> Vec<Value> {
    let amounts = writer.amounts;
    let mut resources = Vec::new();
    for n in 1..=amounts.encounters {
        resources.push(encounter(writer, n));
    }
    for n in 1..=amounts.conditions {
        resources.push(condition(writer, n));
    }
    if writer.person.case == EdgeCase::Sensitive || writer.person.case == EdgeCase::Plain {
        resources.push(sensitive_condition(writer, amounts.conditions + 1));
    }
    for n in 1..=amounts.observations {
        resources.push(observation(writer, n));
    }
    for n in 1..=amounts.immunizations {
        resources.push(immunization(writer, n));
    }
    for n in 1..=amounts.medications {
        resources.push(medication_request(writer, n));
    }
    resources
}

/// Whether a resource carries a sensitivity label, which a `#regular` consent does not cover.
pub(crate) fn is_sensitive(resource: &Value) -> bool {
    resource["meta"]["security"]
        .as_array()
        .is_some_and(|labels| {
            labels
                .iter()
                .any(|label| label["system"] == CONFIDENTIALITY && label["code"] == "PSY")
        })
}

fn encounter(writer: &mut Writer<'_>, n: u64) -> Value {
    let day = before_anchor(writer.stream.below(4 * 365));
    let (code, display) = *writer.stream.pick(&DIAGNOSES);
    json!({
        "resourceType": "Encounter",
        "id": writer.id("enc", n),
        "meta": Writer::meta(&format!("{CORE}/us-core-encounter")),
        "identifier": [writer.identifier("enc", n)],
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "type": [{"coding": [{"system": "http://snomed.info/sct", "code": "185345009"}], "text": "Visit"}],
        "subject": writer.patient(),
        "period": {"start": format!("{day}T09:00:00Z"), "end": format!("{day}T09:30:00Z")},
        "reasonCode": [{
            "coding": [{"system": ICD10, "code": code}],
            "text": writer.note(display),
        }],
    })
}

/// One of the person's encounters, if there are any.
fn an_encounter(writer: &mut Writer<'_>) -> Option<Value> {
    let n = 1 + writer.stream.below(writer.amounts.encounters);
    (writer.amounts.encounters > 0)
        .then(|| json!({"reference": format!("Encounter/{}", writer.id("enc", n))}))
}

fn condition(writer: &mut Writer<'_>, n: u64) -> Value {
    let day = before_anchor(writer.stream.below(4 * 365));
    let (code, display) = *writer.stream.pick(&DIAGNOSES);
    let mut condition = json!({
        "resourceType": "Condition",
        "id": writer.id("con", n),
        "meta": Writer::meta(&format!("{CORE}/us-core-condition-encounter-diagnosis")),
        "identifier": [writer.identifier("con", n)],
        "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]},
        "verificationStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "confirmed"}]},
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-category", "code": "encounter-diagnosis"}]}],
        "code": {"coding": [{"system": ICD10, "code": code}], "text": display},
        "subject": writer.patient(),
        "onsetDateTime": day.to_string(),
        "recordedDate": day.to_string(),
        "note": [{"text": writer.note("Seen at a visit")}],
    });
    if let Some(encounter) = an_encounter(writer) {
        condition["encounter"] = encounter;
    }
    condition
}

fn sensitive_condition(writer: &mut Writer<'_>, n: u64) -> Value {
    let mut condition = condition(writer, n);
    condition["code"] = json!({"coding": [{"system": ICD10, "code": "F41.9"}], "text": "Anxiety"});
    condition["meta"]["security"] = json!([{"system": CONFIDENTIALITY, "code": "PSY"}]);
    condition
}

fn observation(writer: &mut Writer<'_>, n: u64) -> Value {
    let day = before_anchor(writer.stream.below(4 * 365));
    let (code, display, unit, low, width) = *writer.stream.pick(&MEASURES);
    let tenths = low * 10 + writer.stream.below(width * 10);
    // One decimal, written as people write it: 72.5, and 72 without a fraction.
    let value = if tenths.is_multiple_of(10) {
        json!(tenths / 10)
    } else {
        serde_json::from_str(&format!("{}.{}", tenths / 10, tenths % 10)).unwrap_or(Value::Null)
    };
    let mut observation = json!({
        "resourceType": "Observation",
        "id": writer.id("obs", n),
        "meta": Writer::meta(&format!("{CORE}/us-core-observation-clinical-result")),
        "identifier": [writer.identifier("obs", n)],
        "status": "final",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": code}], "text": display},
        "subject": writer.patient(),
        "effectiveDateTime": day.to_string(),
        "valueQuantity": {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
        "note": [{"text": writer.note("Measured at a visit")}],
    });
    if let Some(encounter) = an_encounter(writer) {
        observation["encounter"] = encounter;
    }
    observation
}

fn immunization(writer: &mut Writer<'_>, n: u64) -> Value {
    let day = before_anchor(writer.stream.below(4 * 365));
    let (code, display) = *writer.stream.pick(&VACCINES);
    json!({
        "resourceType": "Immunization",
        "id": writer.id("imm", n),
        "meta": Writer::meta(&format!("{CORE}/us-core-immunization")),
        "identifier": [writer.identifier("imm", n)],
        "status": "completed",
        "vaccineCode": {"coding": [{"system": "http://hl7.org/fhir/sid/cvx", "code": code}], "text": display},
        "patient": writer.patient(),
        "occurrenceDateTime": day.to_string(),
        "primarySource": true,
        "note": [{"text": writer.note("Given without trouble")}],
    })
}

fn medication_request(writer: &mut Writer<'_>, n: u64) -> Value {
    let day = before_anchor(writer.stream.below(2 * 365));
    let (code, display) = *writer.stream.pick(&MEDICATIONS);
    json!({
        "resourceType": "MedicationRequest",
        "id": writer.id("med", n),
        "meta": Writer::meta(&format!("{CORE}/us-core-medicationrequest")),
        "identifier": [writer.identifier("med", n)],
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {
            "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": code}],
            "text": display,
        },
        "subject": writer.patient(),
        "authoredOn": day.to_string(),
        "requester": {"display": "An invented clinician"},
        "dosageInstruction": [{"text": "One a day"}],
        "note": [{"text": writer.note("As before")}],
    })
}
