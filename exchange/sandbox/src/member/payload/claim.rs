//! Claims without money: the five CARIN Basis profiles.

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::clinical::{DIAGNOSES, SERVICES};
use super::writer::{HCPCS, ICD10, NDC, TERMS, Writer, concept, meta, term, with};
use crate::member::case::EdgeCase;
use crate::member::person::{Card, before_anchor};

const CARIN: &str = "http://hl7.org/fhir/us/carin-bb";
const CDT: &str = "http://www.ada.org/cdt";
const TAXONOMY: &str = "http://nucc.org/provider-taxonomy";

/// When a claim that was run off late came in: after the anchor day, so that `_since` finds it alone.
const RUN_OFF: &str = "2026-10-08T00:00:00Z";

/// NDC package codes with words.
const DRUGS: [(&str, &str); 3] = [
    ("00071-0155-23", "atorvastatin 10 mg tablet"),
    ("00093-1048-01", "metformin 500 mg tablet"),
    ("00591-0405-01", "lisinopril 10 mg tablet"),
];

/// One of the five kinds of claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Inpatient,
    Outpatient,
    Professional,
    Oral,
    Pharmacy,
}

impl Kind {
    const ALL: [Self; 5] = [
        Self::Inpatient,
        Self::Outpatient,
        Self::Professional,
        Self::Oral,
        Self::Pharmacy,
    ];

    /// Code of the claim's type, and the profile's name.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Inpatient => ("institutional", "Inpatient-Institutional"),
            Self::Outpatient => ("institutional", "Outpatient-Institutional"),
            Self::Professional => ("professional", "Professional-NonClinician"),
            Self::Oral => ("oral", "Oral"),
            Self::Pharmacy => ("pharmacy", "Pharmacy"),
        }
    }

    /// Which part the clinician has.
    const fn role(self) -> &'static str {
        match self {
            Self::Inpatient | Self::Outpatient => "attending",
            Self::Professional | Self::Oral => "rendering",
            Self::Pharmacy => "prescribing",
        }
    }
}

pub(super) fn resources(writer: &mut Writer<'_>) -> Vec<Value> {
    let mut claims = Vec::new();
    for (n, kind) in (1..=writer.amounts.claims).zip(Kind::ALL.into_iter().cycle()) {
        let day = writer.day();
        claims.push(claim(writer, n, kind, day));
    }
    if writer.person.case == EdgeCase::OldClaims {
        claims.extend(old(writer));
    }
    claims
}

/// Exactly five years before the anchor, a day and a year longer ago, and of late but run off afterwards.
fn old(writer: &mut Writer<'_>) -> Vec<Value> {
    let days = [
        NaiveDate::from_ymd_opt(2021, 10, 1),
        NaiveDate::from_ymd_opt(2021, 9, 30),
        NaiveDate::from_ymd_opt(2020, 10, 1),
        Some(before_anchor(20)),
    ];
    let first = writer.amounts.claims + 1;
    let mut claims: Vec<Value> = (first..)
        .zip(days.into_iter().flatten())
        .map(|(n, day)| claim(writer, n, Kind::Professional, day))
        .collect();
    if let Some(late) = claims.last_mut() {
        late["meta"]["lastUpdated"] = RUN_OFF.into();
    }
    claims
}

fn claim(writer: &mut Writer<'_>, n: u64, kind: Kind, day: NaiveDate) -> Value {
    let (code, profile) = kind.names();
    let diagnosis = *writer.stream.pick(&DIAGNOSES);
    let end = match kind {
        Kind::Inpatient => day.succ_opt().unwrap_or(day),
        Kind::Outpatient | Kind::Professional | Kind::Oral | Kind::Pharmacy => day,
    };
    let common = json!({
        "resourceType": "ExplanationOfBenefit",
        "id": writer.id("eob", n),
        "meta": meta(&format!("{CARIN}/StructureDefinition/C4BB-ExplanationOfBenefit-{profile}-Basis")),
        "identifier": [{
            "type": {"coding": [{"system": format!("{CARIN}/CodeSystem/C4BBIdentifierType"), "code": "uc"}]},
            "system": writer.payer.system("claim"),
            "value": writer.id("eob", n),
        }],
        "status": "active",
        "type": term("claim-type", code),
        "use": "claim",
        "patient": writer.patient(),
        "billablePeriod": {"start": day.to_string(), "end": end.to_string()},
        "created": end.to_string(),
        "insurer": writer.payer_reference(),
        "provider": provider(writer, kind),
        "outcome": "complete",
        "careTeam": [care_team(writer, kind)],
        "supportingInfo": supporting_info(kind, day, end),
        "insurance": [{"focal": true, "coverage": writer.coverage(card_of(&writer.person.cards, n, day))}],
        "adjudication": [benefit()],
        "item": [item(writer, kind, day)],
        "processNote": [{"number": 1, "type": "display", "text": writer.note("Settled")}],
    });
    with(common, particulars(kind, diagnosis))
}

/// The number of the card that was good on the day; with several, one after the other.
fn card_of(cards: &[Card], n: u64, day: NaiveDate) -> u64 {
    let day = day.to_string();
    let good: Vec<u64> = (1..)
        .zip(cards)
        .filter(|(_, card)| card.period.0 <= day.as_str() && day.as_str() <= card.period.1)
        .map(|(number, _)| number)
        .collect();
    let turn = usize::try_from(n).unwrap_or(0) % good.len().max(1);
    good.get(turn).copied().unwrap_or(1)
}

fn provider(writer: &Writer<'_>, kind: Kind) -> Value {
    match kind {
        Kind::Inpatient | Kind::Outpatient | Kind::Pharmacy => writer.clinic(),
        Kind::Professional | Kind::Oral => writer.reference("Practitioner", "prac", 2),
    }
}

fn care_team(writer: &Writer<'_>, kind: Kind) -> Value {
    let role = kind.role();
    let system = format!("{CARIN}/CodeSystem/C4BBClaimCareTeamRole");
    let mut team = json!({
        "sequence": 1,
        "provider": writer.clinician(),
        "role": {"coding": [{"system": system, "code": role}]},
    });
    if role == "rendering" {
        team["qualification"] = concept(TAXONOMY, "207Q00000X", "Family medicine");
    }
    team
}

/// What only claims of one kind have.
fn particulars(kind: Kind, (code, words): (&str, &str)) -> Value {
    let diagnosis = json!([{
        "sequence": 1,
        "diagnosisCodeableConcept": concept(ICD10, code, words),
        "type": [term("ex-diagnosistype", "principal")],
    }]);
    let sub_type = |code: &str| json!({"coding": [{"system": format!("{CARIN}/CodeSystem/C4BBInstitutionalClaimSubType"), "code": code}]});
    match kind {
        Kind::Inpatient => json!({"subType": sub_type("inpatient"), "diagnosis": diagnosis}),
        Kind::Outpatient => json!({"subType": sub_type("outpatient"), "diagnosis": diagnosis}),
        Kind::Professional => json!({"diagnosis": diagnosis}),
        Kind::Oral | Kind::Pharmacy => json!({}),
    }
}

fn supporting_info(kind: Kind, day: NaiveDate, end: NaiveDate) -> Value {
    let category = |code: &str| json!({"coding": [{"system": format!("{CARIN}/CodeSystem/C4BBSupportingInfoType"), "code": code}]});
    let coded = |name: &str, system: &str, code: &str| json!({"category": category(name), "code": {"coding": [{"system": format!("{TERMS}/{system}"), "code": code}]}});
    let mut info =
        vec![json!({"category": category("clmrecvddate"), "timingDate": end.to_string()})];
    match kind {
        Kind::Inpatient => info.push(json!({
            "category": category("admissionperiod"),
            "timingPeriod": {"start": day.to_string(), "end": end.to_string()},
        })),
        Kind::Pharmacy => info.extend([
            json!({"category": category("dayssupply"), "valueQuantity": {"value": 30}}),
            json!({"category": category("refillnum"), "valueQuantity": {"value": 0}}),
            coded(
                "dawcode",
                "NCPDPDispensedAsWrittenOrProductSelectionCode",
                "0",
            ),
            coded("compoundcode", "NCPDPCompoundCode", "1"),
            coded("rxorigincode", "NCPDPPrescriptionOriginCode", "3"),
            coded("brandgenericindicator", "NCPDPBrandGenericIndicator", "2"),
        ]),
        Kind::Outpatient | Kind::Professional | Kind::Oral => {}
    }
    (1_u64..)
        .zip(info)
        .map(|(sequence, one)| with(one, json!({"sequence": sequence})))
        .collect()
}

fn item(writer: &mut Writer<'_>, kind: Kind, day: NaiveDate) -> Value {
    let service = *writer.stream.pick(&SERVICES);
    let drug = *writer.stream.pick(&DRUGS);
    let common = json!({
        "sequence": 1,
        "servicedDate": day.to_string(),
        "productOrService": match kind {
            Kind::Pharmacy => concept(NDC, drug.0, drug.1),
            Kind::Oral => concept(CDT, "D0120", "Looking at the teeth"),
            Kind::Inpatient | Kind::Outpatient | Kind::Professional => concept(HCPCS, service.0, service.1),
        },
        "adjudication": [benefit()],
    });
    let more = match kind {
        Kind::Inpatient => json!({"revenue": revenue("0120")}),
        Kind::Outpatient => json!({"revenue": revenue("0510")}),
        Kind::Professional | Kind::Oral => json!({"locationCodeableConcept": concept(
            "https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set",
            "11",
            "Office",
        )}),
        Kind::Pharmacy => json!({"quantity": {"value": 30}}),
    };
    with(common, more)
}

fn revenue(code: &str) -> Value {
    json!({"coding": [{"system": "https://www.nubc.org/CodeSystem/RevenueCodes", "code": code}]})
}

fn benefit() -> Value {
    json!({
        "category": {"coding": [{"system": format!("{CARIN}/CodeSystem/C4BBAdjudicationDiscriminator"), "code": "benefitpaymentstatus"}]},
        "reason": {"coding": [{"system": format!("{CARIN}/CodeSystem/C4BBPayerAdjudicationStatus"), "code": "innetwork"}]},
    })
}
