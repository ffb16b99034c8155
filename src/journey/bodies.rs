//! What kick-offs send: FHIR Parameters to a partner, a request of its own to an exchange core.

use outrider_domain::model::{Member, MemberSet, NamedBody};
use serde_json::{Value, json};

use super::template::Values;

/// The body of a kick-off; none when it needs a member and there is none.
pub(super) fn build(
    body: NamedBody,
    member: Option<(&Member, &MemberSet)>,
    values: &Values,
) -> Option<Value> {
    match body {
        NamedBody::MemberMatchParameters => member.map(|(member, _)| member_match(member)),
        NamedBody::DataExportParameters => Some(data_export()),
        NamedBody::ExchangeRequest | NamedBody::ExchangeBatch => {
            let (_, set) = member?;
            Some(exchange(&requested_members(body, member), set, values))
        }
    }
}

/// The members that a body requests from an exchange core.
pub(super) fn requested_members<'m>(
    body: NamedBody,
    member: Option<(&'m Member, &'m MemberSet)>,
) -> Vec<&'m Member> {
    match (body, member) {
        (NamedBody::ExchangeRequest, Some((member, _))) => vec![member],
        (NamedBody::ExchangeBatch, Some((_, set))) => set.members.iter().collect(),
        (NamedBody::MemberMatchParameters | NamedBody::DataExportParameters, _) | (_, None) => {
            Vec::new()
        }
    }
}

/// `POST /v1/exchanges` of the exchange core. All copies of the request carry the run's id.
fn exchange(requested: &[&Member], set: &MemberSet, values: &Values) -> Value {
    let members = requested.iter().map(|member| {
        let mut entry = json!({
            "id": member.id.as_str(),
            "patient": member.patient,
            "coverage_to_match": member.coverage,
            "consent": member.consent,
        });
        if !member.cohort.is_empty() {
            entry["cohort"] = json!(member.cohort);
        }
        if !member.more_coverages.is_empty() {
            entry["more_coverages"] = json!(member.more_coverages);
        }
        entry
    });
    json!({
        "trigger": "opt-in",
        "source_payer": set.requester_npi,
        "target_payer": set.partner.as_str(),
        "purpose": "payer-to-payer",
        "legal_basis": {"kind": "member-opt-in", "reference": format!("synthetic {}", values.run)},
        "correlation_id": values.run,
        "requested_at": values.started_at,
        "traffic": "synthetic",
        "members": members.collect::<Vec<_>>(),
    })
}

/// PDex 2.2 `$bulk-member-match`: one MemberBundle for each coverage.
fn member_match(member: &Member) -> Value {
    let coverages = std::iter::once(&member.coverage).chain(&member.more_coverages);
    let bundles = coverages.map(|coverage| {
        json!({
            "name": "MemberBundle",
            "part": [
                {"name": "MemberPatient", "resource": member.patient},
                {"name": "CoverageToMatch", "resource": coverage},
                {"name": "Consent", "resource": member.consent},
            ],
        })
    });
    json!({
        "resourceType": "Parameters",
        "meta": {"profile": [
            "http://hl7.org/fhir/us/davinci-pdex/StructureDefinition/pdex-parameters-multi-member-match-bundle-in"
        ]},
        "parameter": bundles.collect::<Vec<_>>(),
    })
}

/// PDex 2.2 `$davinci-data-export` (§171): everything there is for this exchange.
fn data_export() -> Value {
    json!({
        "resourceType": "Parameters",
        "parameter": [
            {"name": "exportType", "valueCanonical": "hl7.fhir.us.davinci-pdex#payertopayer"},
        ],
    })
}
