//! Prior authorizations (PDex) and the documents that support them (US Core DocumentReference).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::NaiveDate;
use serde_json::{Value, json};

use super::clinical::SERVICES;
use super::writer::{CORE, HCPCS, LOINC, NDC, Writer, concept, term, with};
use crate::member::case::EdgeCase;
use crate::member::person::before_anchor;

pub(super) const PDEX: &str = "http://hl7.org/fhir/us/davinci-pdex";
const PAS: &str = "http://hl7.org/fhir/us/davinci-pas";
/// X12 data element 306: what a review came to.
const ACTION: &str = "https://codesystem.x12.org/005010/306";
const PENDED: &str = "A4";
const CERTIFIED: &str = "A1";
pub(super) const DENIED: &str = "A3";

/// What became of a request, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Review {
    Active,
    Pending,
    Denied,
    EndedElevenMonthsAgo,
    EndedThirteenMonthsAgo,
    Drug,
}

impl Review {
    const ALL: [Self; 6] = [
        Self::Active,
        Self::Pending,
        Self::Denied,
        Self::EndedElevenMonthsAgo,
        Self::EndedThirteenMonthsAgo,
        Self::Drug,
    ];

    /// Whether documents must come with it (PDex §133, §134); they come with a recently ended one too.
    const fn has_document(self) -> bool {
        match self {
            Self::Active | Self::Pending | Self::EndedElevenMonthsAgo => true,
            Self::Denied | Self::EndedThirteenMonthsAgo | Self::Drug => false,
        }
    }

    const fn action(self) -> &'static str {
        match self {
            Self::Active
            | Self::EndedElevenMonthsAgo
            | Self::EndedThirteenMonthsAgo
            | Self::Drug => CERTIFIED,
            Self::Pending => PENDED,
            Self::Denied => DENIED,
        }
    }
}

pub(super) fn resources(writer: &mut Writer<'_>) -> Vec<Value> {
    let in_every_state = writer.person.case == EdgeCase::PriorAuthorizations;
    let mut resources = Vec::new();
    for (n, review) in (1..=writer.amounts.authorizations).zip(Review::ALL.into_iter().cycle()) {
        let review = if in_every_state {
            review
        } else {
            Review::Active
        };
        resources.push(authorization(writer, n, review));
        if review.has_document() {
            resources.push(document(writer, n));
        }
    }
    resources
}

/// The day of the last change, and the last day of a period in effect.
fn days(writer: &mut Writer<'_>, review: Review) -> (NaiveDate, Option<NaiveDate>) {
    let lately = before_anchor(writer.stream.below(270));
    let (months_11, months_13) = (before_anchor(334), before_anchor(396));
    match review {
        Review::Active | Review::Drug => (lately, NaiveDate::from_ymd_opt(2027, 12, 31)),
        Review::Pending | Review::Denied => (lately, None),
        Review::EndedElevenMonthsAgo => (months_11, Some(months_11)),
        Review::EndedThirteenMonthsAgo => (months_13, Some(months_13)),
    }
}

fn authorization(writer: &mut Writer<'_>, n: u64, review: Review) -> Value {
    let (changed, until) = days(writer, review);
    let kind = match review {
        Review::Drug => "pharmacy",
        Review::Active
        | Review::Pending
        | Review::Denied
        | Review::EndedElevenMonthsAgo
        | Review::EndedThirteenMonthsAgo => "professional",
    };
    let profile = format!("{PDEX}/StructureDefinition/pdex-priorauthorization");
    let mut authorization = with(
        writer.begin("ExplanationOfBenefit", "pa", n, &profile),
        json!({
            "status": "active",
            "type": term("claim-type", kind),
            "use": "preauthorization",
            "patient": writer.patient(),
            "created": changed.to_string(),
            "insurer": writer.payer_reference(),
            "provider": writer.clinic(),
            "outcome": if review == Review::Pending { "queued" } else { "complete" },
            "preAuthRef": [format!("PA-{}-{n}", writer.person.card().member_number)],
            "careTeam": [{"sequence": 1, "provider": writer.clinician()}],
            "insurance": [{"focal": true, "coverage": writer.coverage(1)}],
            "item": [item(writer, review, changed)],
            "processNote": [{"number": 1, "type": "display", "text": writer.note("Reviewed")}],
        }),
    );
    if let Some(until) = until {
        let start = if until < changed { until } else { changed };
        authorization["preAuthRefPeriod"] =
            json!([{"start": start.to_string(), "end": until.to_string()}]);
    }
    if review.has_document() {
        authorization["supportingInfo"] = json!([{
            "sequence": 1,
            "category": {"coding": [{"system": format!("{PAS}/CodeSystem/PASSupportingInfoType"), "code": "additionalInformation"}]},
            "valueReference": writer.reference("DocumentReference", "doc", n),
        }]);
    }
    authorization
}

fn item(writer: &mut Writer<'_>, review: Review, changed: NaiveDate) -> Value {
    let (code, words) = *writer.stream.pick(&SERVICES);
    let service = match review {
        Review::Drug => concept(NDC, "00071-0155-23", "atorvastatin 10 mg tablet"),
        Review::Active
        | Review::Pending
        | Review::Denied
        | Review::EndedElevenMonthsAgo
        | Review::EndedThirteenMonthsAgo => concept(HCPCS, code, words),
    };
    json!({
        "sequence": 1,
        "extension": [{
            "url": format!("{PAS}/StructureDefinition/extension-itemPreAuthIssueDate"),
            "valueDate": changed.to_string(),
        }],
        "productOrService": service,
        "adjudication": [adjudication(review, changed)],
    })
}

fn adjudication(review: Review, changed: NaiveDate) -> Value {
    let category = |code: &str| json!({"coding": [{"system": format!("{PDEX}/CodeSystem/PDexAdjudicationDiscriminator"), "code": code}]});
    let extension = |name: &str| format!("{PDEX}/StructureDefinition/{name}");
    let outcome = match review {
        Review::Denied => json!({
            "category": category("denialreason"),
            "reason": {"coding": [{"system": "https://x12.org/codes/claim-adjustment-reason-codes", "code": "50"}]},
        }),
        Review::Pending => json!({"category": category("consumedunits"), "value": 0}),
        Review::Active
        | Review::EndedElevenMonthsAgo
        | Review::EndedThirteenMonthsAgo
        | Review::Drug => json!({"category": category("allowedunits"), "value": 1}),
    };
    with(
        outcome,
        json!({"extension": [
            {
                "url": extension("extension-reviewAction"),
                "extension": [{
                    "url": extension("extension-reviewActionCode"),
                    "valueCodeableConcept": {"coding": [{"system": ACTION, "code": review.action()}]},
                }],
            },
            {"url": extension("base-ext-when-adjudicated"), "valueDateTime": changed.to_string()},
        ]}),
    )
}

fn document(writer: &mut Writer<'_>, n: u64) -> Value {
    let day = before_anchor(writer.stream.below(270));
    let text = writer.note("A letter in support of the request");
    let profile = format!("{CORE}/us-core-documentreference");
    with(
        writer.begin("DocumentReference", "doc", n, &profile),
        json!({
            "status": "current",
            "type": concept(LOINC, "11488-4", "Letter"),
            "category": [{"coding": [{"system": "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category", "code": "clinical-note"}]}],
            "subject": writer.patient(),
            "date": format!("{day}T12:00:00Z"),
            "author": [writer.clinician()],
            "custodian": writer.payer_reference(),
            "description": text,
            "content": [{"attachment": {"contentType": "text/plain", "data": STANDARD.encode(&text)}}],
        }),
    )
}
