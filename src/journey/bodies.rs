//! The FHIR Parameters that kick-offs send.

use serde_json::{Value, json};

use crate::model::{Member, NamedBody};

/// The body of a kick-off; none when it needs a member and there is none.
pub(super) fn build(body: NamedBody, member: Option<&Member>) -> Option<Value> {
    match body {
        NamedBody::MemberMatchParameters => member.map(member_match),
        NamedBody::DataExportParameters => Some(data_export()),
    }
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
