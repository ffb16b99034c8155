//! CareTeam, Goal, CarePlan (US Core) and Device (PDex).

use serde_json::{Value, json};

use super::writer::{CORE, SNOMED, Writer, concept, with};

const DEVICE: &str = "http://hl7.org/fhir/us/davinci-pdex/StructureDefinition/pdex-device";

pub(super) fn resources(writer: &mut Writer<'_>) -> Vec<Value> {
    let mut resources = Vec::new();
    for n in 1..=writer.amounts.singles {
        resources.push(team(writer, n));
        resources.push(goal(writer, n));
        resources.push(plan(writer, n));
        resources.push(device(writer, n));
    }
    resources
}

fn team(writer: &Writer<'_>, n: u64) -> Value {
    let team = writer.begin("CareTeam", "team", n, &format!("{CORE}/us-core-careteam"));
    with(
        team,
        json!({
            "status": "active",
            "name": "Primary care",
            "subject": writer.patient(),
            "participant": [
                {"role": [concept(SNOMED, "446050000", "Primary care physician")], "member": writer.clinician()},
                {"role": [concept(SNOMED, "116154003", "Patient")], "member": writer.patient()},
            ],
            "note": [{"text": writer.note("Meets when needed")}],
        }),
    )
}

fn goal(writer: &mut Writer<'_>, n: u64) -> Value {
    let day = writer.day();
    let goal = writer.begin("Goal", "goal", n, &format!("{CORE}/us-core-goal"));
    with(
        goal,
        json!({
            "lifecycleStatus": "active",
            "description": {"text": writer.note("Walk every day")},
            "subject": writer.patient(),
            "startDate": day.to_string(),
            "target": [{"dueDate": "2027-06-30"}],
            "addresses": [writer.reference("Condition", "con", 1)],
        }),
    )
}

fn plan(writer: &Writer<'_>, n: u64) -> Value {
    let plan = writer.begin("CarePlan", "plan", n, &format!("{CORE}/us-core-careplan"));
    with(
        plan,
        json!({
            "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">Walk every day</div>"},
            "status": "active",
            "intent": "plan",
            "category": [{"coding": [{"system": "http://hl7.org/fhir/us/core/CodeSystem/careplan-category", "code": "assess-plan"}]}],
            "description": writer.note("Walk every day, see the clinic twice a year"),
            "subject": writer.patient(),
            "careTeam": [writer.reference("CareTeam", "team", n)],
            "goal": [writer.reference("Goal", "goal", n)],
        }),
    )
}

fn device(writer: &Writer<'_>, n: u64) -> Value {
    with(
        writer.begin("Device", "dev", n, DEVICE),
        json!({
            "status": "active",
            "type": concept(SNOMED, "337414009", "Blood glucose meter"),
            "patient": writer.patient(),
            "note": [{"text": writer.note("Lent by the plan")}],
        }),
    )
}
