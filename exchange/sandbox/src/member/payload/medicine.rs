//! MedicationRequest (US Core) and MedicationDispense (PDex).

use serde_json::{Value, json};

use super::writer::{CORE, NDC, RXNORM, TERMS, Writer, concept, with};

const DISPENSE: &str =
    "http://hl7.org/fhir/us/davinci-pdex/StructureDefinition/pdex-medicationdispense";

/// RxNorm code, NDC package code and words.
const MEDICATIONS: [(&str, &str, &str); 5] = [
    ("314076", "68180-0980-01", "lisinopril 10 mg tablet"),
    ("860975", "65862-0008-01", "metformin 500 mg tablet"),
    ("617311", "00071-0157-23", "atorvastatin 40 mg tablet"),
    ("745679", "59310-0579-22", "albuterol inhaler"),
    ("198053", "62175-0118-37", "omeprazole 20 mg capsule"),
];

/// A request and its dispense, as often as the person has medicines.
pub(super) fn resources(writer: &mut Writer<'_>) -> Vec<Value> {
    let mut resources = Vec::new();
    for n in 1..=writer.amounts.medications {
        let (code, package, display) = *writer.stream.pick(&MEDICATIONS);
        let medication = concept(RXNORM, code, display);
        resources.push(request(writer, n, &medication));
        // PDex 2.2 binds what was dispensed to NDC, required; RxNorm stands next to it.
        let mut dispensed = medication;
        dispensed["coding"] = json!([
            {"system": NDC, "code": package},
            {"system": RXNORM, "code": code},
        ]);
        resources.push(dispense(writer, n, &dispensed));
    }
    resources
}

fn request(writer: &mut Writer<'_>, n: u64, medication: &Value) -> Value {
    let day = writer.day();
    let encounter = writer.an_encounter();
    let profile = format!("{CORE}/us-core-medicationrequest");
    let mut request = with(
        writer.begin("MedicationRequest", "med", n, &profile),
        json!({
            "status": "active",
            "intent": "order",
            "reportedBoolean": false,
            "medicationCodeableConcept": medication,
            "subject": writer.patient(),
            "authoredOn": day.to_string(),
            "requester": writer.clinician(),
            "dosageInstruction": [{"text": "One a day"}],
            "note": [{"text": writer.note("As before")}],
        }),
    );
    if let Some(encounter) = encounter {
        request["encounter"] = encounter;
    }
    request
}

fn dispense(writer: &mut Writer<'_>, n: u64, medication: &Value) -> Value {
    let day = writer.day();
    with(
        writer.begin("MedicationDispense", "disp", n, DISPENSE),
        json!({
            "status": "completed",
            "medicationCodeableConcept": medication,
            "subject": writer.patient(),
            "performer": [{"actor": writer.clinic()}],
            "authorizingPrescription": [writer.reference("MedicationRequest", "med", n)],
            "type": {"coding": [{"system": format!("{TERMS}/v3-ActCode"), "code": "FF"}]},
            "quantity": {"value": 30, "unit": "tablet"},
            "daysSupply": {"value": 30, "unit": "day", "system": "http://unitsofmeasure.org", "code": "d"},
            "whenHandedOver": format!("{day}T16:00:00Z"),
            "note": [{"text": writer.note("Handed over")}],
        }),
    )
}
