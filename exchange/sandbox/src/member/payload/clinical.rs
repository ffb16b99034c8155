//! Encounter, Condition, Procedure, Immunization, AllergyIntolerance (US Core).

use serde_json::{Value, json};

use super::writer::{CORE, HCPCS, ICD10, SNOMED, TERMS, Writer, concept, term, with};
use crate::member::case::EdgeCase;

/// The label of a record that is sensitive.
pub(super) const SENSITIVE_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
pub(super) const SENSITIVE_CODE: &str = "PSY";

/// ICD-10-CM codes that say nothing sensitive.
pub(super) const DIAGNOSES: [(&str, &str); 8] = [
    ("I10", "High blood pressure"),
    ("E11.9", "Type 2 diabetes"),
    ("J45.909", "Asthma"),
    ("M54.50", "Low back pain"),
    ("K21.9", "Reflux"),
    ("E78.5", "High blood lipids"),
    ("J30.9", "Hay fever"),
    ("H52.13", "Short sight"),
];

/// HCPCS level II codes, which nobody owns.
pub(super) const SERVICES: [(&str, &str); 6] = [
    ("G0438", "Yearly wellness visit"),
    ("G0008", "Giving an influenza vaccine"),
    ("G0202", "Screening image"),
    ("A0428", "Ambulance, not urgent"),
    ("G0444", "Yearly screening"),
    ("Q0091", "Taking a smear"),
];

const VACCINES: [(&str, &str); 4] = [
    ("140", "Influenza vaccine"),
    ("115", "Tdap vaccine"),
    ("33", "Pneumococcal vaccine"),
    ("187", "Shingles vaccine"),
];

const ALLERGIES: [(&str, &str); 3] = [
    ("764146007", "Penicillin"),
    ("256277009", "Grass pollen"),
    ("102263004", "Eggs"),
];

pub(super) fn resources(writer: &mut Writer<'_>) -> Vec<Value> {
    let amounts = writer.amounts;
    let mut resources = Vec::new();
    resources.extend((1..=amounts.encounters).map(|n| encounter(writer, n)));
    resources.extend((1..=amounts.conditions).map(|n| condition(writer, n)));
    if matches!(writer.person.case, EdgeCase::Sensitive | EdgeCase::Plain) {
        resources.push(sensitive_condition(writer, amounts.conditions + 1));
    }
    resources.extend((1..=amounts.procedures).map(|n| procedure(writer, n)));
    resources.extend((1..=amounts.immunizations).map(|n| immunization(writer, n)));
    resources.extend((1..=amounts.singles).map(|n| allergy(writer, n)));
    resources
}

fn encounter(writer: &mut Writer<'_>, n: u64) -> Value {
    let day = writer.day();
    let (code, display) = *writer.stream.pick(&DIAGNOSES);
    let encounter = writer.begin("Encounter", "enc", n, &format!("{CORE}/us-core-encounter"));
    with(
        encounter,
        json!({
            "status": "finished",
            "class": {"system": format!("{TERMS}/v3-ActCode"), "code": "AMB"},
            "type": [concept(SNOMED, "185345009", "Visit")],
            "subject": writer.patient(),
            "participant": [{"individual": writer.clinician()}],
            "period": {"start": format!("{day}T09:00:00Z"), "end": format!("{day}T09:30:00Z")},
            "reasonCode": [concept(ICD10, code, &writer.note(display))],
            "location": [{"location": writer.reference("Location", "loc", 1)}],
            "serviceProvider": writer.clinic(),
        }),
    )
}

fn condition(writer: &mut Writer<'_>, n: u64) -> Value {
    let day = writer.day();
    let (code, display) = *writer.stream.pick(&DIAGNOSES);
    let encounter = writer.an_encounter();
    let profile = format!("{CORE}/us-core-condition-encounter-diagnosis");
    let mut condition = with(
        writer.begin("Condition", "con", n, &profile),
        json!({
            "clinicalStatus": term("condition-clinical", "active"),
            "verificationStatus": term("condition-ver-status", "confirmed"),
            "category": [term("condition-category", "encounter-diagnosis")],
            "code": concept(ICD10, code, display),
            "subject": writer.patient(),
            "onsetDateTime": day.to_string(),
            "recordedDate": day.to_string(),
            "note": [{"text": writer.note("Seen at a visit")}],
        }),
    );
    if let Some(encounter) = encounter {
        condition["encounter"] = encounter;
    }
    condition
}

fn sensitive_condition(writer: &mut Writer<'_>, n: u64) -> Value {
    let mut condition = condition(writer, n);
    condition["code"] = concept(ICD10, "F41.9", "Anxiety");
    condition["meta"]["security"] = json!([{"system": SENSITIVE_SYSTEM, "code": SENSITIVE_CODE}]);
    condition
}

fn procedure(writer: &mut Writer<'_>, n: u64) -> Value {
    let day = writer.day();
    let (code, display) = *writer.stream.pick(&SERVICES);
    let encounter = writer.an_encounter();
    let procedure = writer.begin("Procedure", "proc", n, &format!("{CORE}/us-core-procedure"));
    let mut procedure = with(
        procedure,
        json!({
            "status": "completed",
            "code": concept(HCPCS, code, display),
            "subject": writer.patient(),
            "performedDateTime": day.to_string(),
            "performer": [{"actor": writer.clinician()}],
            "note": [{"text": writer.note("Without trouble")}],
        }),
    );
    if let Some(encounter) = encounter {
        procedure["encounter"] = encounter;
    }
    procedure
}

fn immunization(writer: &mut Writer<'_>, n: u64) -> Value {
    let day = writer.day();
    let (code, display) = *writer.stream.pick(&VACCINES);
    let profile = format!("{CORE}/us-core-immunization");
    with(
        writer.begin("Immunization", "imm", n, &profile),
        json!({
            "status": "completed",
            "vaccineCode": concept("http://hl7.org/fhir/sid/cvx", code, display),
            "patient": writer.patient(),
            "occurrenceDateTime": day.to_string(),
            "primarySource": true,
            "performer": [{"actor": writer.clinician()}],
            "note": [{"text": writer.note("Given without trouble")}],
        }),
    )
}

fn allergy(writer: &mut Writer<'_>, n: u64) -> Value {
    let (code, display) = *writer.stream.pick(&ALLERGIES);
    let profile = format!("{CORE}/us-core-allergyintolerance");
    with(
        writer.begin("AllergyIntolerance", "all", n, &profile),
        json!({
            "clinicalStatus": term("allergyintolerance-clinical", "active"),
            "verificationStatus": term("allergyintolerance-verification", "confirmed"),
            "code": concept(SNOMED, code, display),
            "patient": writer.patient(),
            "reaction": [{"manifestation": [concept(SNOMED, "271807003", "Rash")], "description": writer.note("Rash")}],
        }),
    )
}
