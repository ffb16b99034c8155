//! Observation (laboratory, vital signs, smoking status) and DiagnosticReport (US Core).

use serde_json::{Value, json};

use super::writer::{CORE, LOINC, SNOMED, TERMS, Writer, concept, term, with};

/// A quantity: LOINC code, words, unit, UCUM code, lowest value and width.
struct Measure {
    code: &'static str,
    words: &'static str,
    unit: &'static str,
    low: u64,
    width: u64,
    profile: &'static str,
}

const fn measure(
    code: &'static str,
    words: &'static str,
    unit: &'static str,
    (low, width): (u64, u64),
    profile: &'static str,
) -> Measure {
    Measure {
        code,
        words,
        unit,
        low,
        width,
        profile,
    }
}

const VITALS: [Measure; 3] = [
    measure(
        "8867-4",
        "Heart rate",
        "/min",
        (55, 40),
        "us-core-heart-rate",
    ),
    measure(
        "29463-7",
        "Body weight",
        "kg",
        (50, 50),
        "us-core-body-weight",
    ),
    measure(
        "8302-2",
        "Body height",
        "cm",
        (150, 45),
        "us-core-body-height",
    ),
];

const LABS: [Measure; 3] = [
    measure(
        "2339-0",
        "Glucose",
        "mg/dL",
        (70, 60),
        "us-core-observation-lab",
    ),
    measure(
        "2093-3",
        "Cholesterol",
        "mg/dL",
        (140, 100),
        "us-core-observation-lab",
    ),
    measure(
        "718-7",
        "Hemoglobin",
        "g/dL",
        (11, 6),
        "us-core-observation-lab",
    ),
];

/// Of each four observations, two are from the laboratory, one is a vital sign, one is about smoking.
pub(super) fn resources(writer: &mut Writer<'_>) -> Vec<Value> {
    let amounts = writer.amounts;
    let mut resources = Vec::new();
    resources.extend((1..=amounts.observations).map(|n| observation(writer, n)));
    resources.extend((1..=amounts.reports).map(|n| report(writer, n)));
    resources
}

fn is_lab(n: u64) -> bool {
    n % 4 == 1 || n % 4 == 2
}

fn observation(writer: &mut Writer<'_>, n: u64) -> Value {
    match n % 4 {
        1 | 2 => {
            let lab = writer.stream.pick(&LABS);
            quantity(writer, n, lab, "laboratory")
        }
        3 => {
            let vital = writer.stream.pick(&VITALS);
            quantity(writer, n, vital, "vital-signs")
        }
        _ => smoking(writer, n),
    }
}

fn quantity(writer: &mut Writer<'_>, n: u64, measure: &Measure, category: &str) -> Value {
    let tenths = measure.low * 10 + writer.stream.below(measure.width * 10);
    // One decimal, written as people write it: 72.5, and 72 without a fraction.
    let value = if tenths.is_multiple_of(10) {
        json!(tenths / 10)
    } else {
        serde_json::from_str(&format!("{}.{}", tenths / 10, tenths % 10)).unwrap_or(Value::Null)
    };
    let unit = measure.unit;
    let code = concept(LOINC, measure.code, measure.words);
    let mut observation = observed(writer, n, measure.profile, category, code);
    observation["valueQuantity"] =
        json!({"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit});
    observation
}

fn smoking(writer: &mut Writer<'_>, n: u64) -> Value {
    let code = concept(LOINC, "72166-2", "Smoking status");
    let mut observation = observed(writer, n, "us-core-smokingstatus", "social-history", code);
    observation["valueCodeableConcept"] = concept(SNOMED, "266919005", "Never smoked");
    observation
}

fn observed(writer: &mut Writer<'_>, n: u64, profile: &str, category: &str, code: Value) -> Value {
    let day = writer.day();
    let encounter = writer.an_encounter();
    let begun = writer.begin("Observation", "obs", n, &format!("{CORE}/{profile}"));
    let mut observation = with(
        begun,
        json!({
            "status": "final",
            "category": [term("observation-category", category)],
            "code": code,
            "subject": writer.patient(),
            "effectiveDateTime": day.to_string(),
            "performer": [writer.clinician()],
            "note": [{"text": writer.note("Measured at a visit")}],
        }),
    );
    if let Some(encounter) = encounter {
        observation["encounter"] = encounter;
    }
    observation
}

/// A report of the first laboratory results from number `n` on.
fn report(writer: &mut Writer<'_>, n: u64) -> Value {
    let day = writer.day();
    let result: Vec<Value> = (n..=writer.amounts.observations)
        .filter(|n| is_lab(*n))
        .take(2)
        .map(|n| writer.reference("Observation", "obs", n))
        .collect();
    let profile = format!("{CORE}/us-core-diagnosticreport-lab");
    with(
        writer.begin("DiagnosticReport", "rep", n, &profile),
        json!({
            "status": "final",
            "category": [{"coding": [{"system": format!("{TERMS}/v2-0074"), "code": "LAB"}]}],
            "code": concept(LOINC, "24323-8", "Blood values"),
            "subject": writer.patient(),
            "effectiveDateTime": day.to_string(),
            "issued": format!("{day}T15:00:00Z"),
            "performer": [writer.clinic()],
            "result": result,
            "conclusion": writer.note("Within limits"),
        }),
    )
}
