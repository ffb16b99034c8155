//! What a partner says about itself: SMART configuration, keys and CapabilityStatement.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use jsonwebtoken::jwk::JwkSet;
use serde_json::{Value, json};

use super::metadata::claims;
use super::outcome::FHIR_JSON;
use super::state::Partner;
use super::{filter, types};
use crate::persona::ResultShape;

/// `GET /{id}/fhir/.well-known/smart-configuration`.
pub(crate) async fn smart(State(partner): State<Arc<Partner>>) -> Response {
    let mut body = claims(&partner.base_url, partner.settings.certificates);
    body["signed_metadata"] = json!(partner.signed_metadata);
    ([(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// `GET /{id}/oauth/jwks`: the keys with which the partner signs.
pub(crate) async fn jwks(State(partner): State<Arc<Partner>>) -> Json<JwkSet> {
    Json(partner.own_key.public().clone())
}

/// `GET /{id}/fhir/metadata`.
pub(crate) async fn metadata(State(partner): State<Arc<Partner>>) -> Response {
    let body = capability_statement(&partner).to_string();
    ([(CONTENT_TYPE, FHIR_JSON)], body).into_response()
}

fn capability_statement(partner: &Partner) -> Value {
    let version = partner.behaviour().spec.version();
    let resources: Vec<Value> = [group(partner), patient()]
        .into_iter()
        .chain(
            types::ALL
                .into_iter()
                .filter(|kind| *kind != "Patient")
                .map(searched),
        )
        .collect();
    json!({
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-10-01",
        "kind": "instance",
        "software": {"name": "Outrider exchange sandbox", "version": env!("CARGO_PKG_VERSION")},
        "implementation": {"description": partner.payer.name, "url": partner.base_url},
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "implementationGuide": [format!(
            "http://hl7.org/fhir/us/davinci-pdex/ImplementationGuide/hl7.fhir.us.davinci-pdex|{version}"
        )],
        "rest": [{
            "mode": "server",
            "security": {"service": [{"coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
                "code": "SMART-on-FHIR",
            }]}]},
            "resource": resources,
        }],
    })
}

fn operation(name: &str, definition: &str) -> Value {
    json!({"name": name, "definition": format!("http://hl7.org/fhir/{definition}")})
}

fn parameters(list: &[(&str, &str)]) -> Value {
    list.iter()
        .map(|(name, kind)| json!({"name": name, "type": kind}))
        .collect()
}

fn group(partner: &Partner) -> Value {
    let mut matching = operation(
        "bulk-member-match",
        "us/davinci-pdex/OperationDefinition/BulkMemberMatch",
    );
    match partner.behaviour().result {
        ResultShape::Inline => {
            matching["documentation"] = json!("Answers 200 with a Parameters resource; no job.");
        }
        ResultShape::ParametersFile | ResultShape::ParametersLine => {
            matching["documentation"] = json!("The manifest names one Parameters resource.");
        }
        ResultShape::Groups | ResultShape::Both => {}
    }
    json!({
        "type": "Group",
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "searchParam": parameters(&[
            ("identifier", "token"),
            ("code", "token"),
            ("characteristic", "token"),
            ("characteristic-value-reference", "reference"),
        ]),
        "operation": [
            matching,
            operation("davinci-data-export", "us/davinci-atr/OperationDefinition/davinci-data-export"),
            operation("export", "uv/bulkdata/OperationDefinition/group-export"),
        ],
    })
}

fn patient() -> Value {
    json!({
        "type": "Patient",
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "searchParam": parameters(&[("identifier", "token"), ("_id", "token")]),
        "operation": [
            operation("member-match", "us/davinci-hrex/OperationDefinition/member-match"),
            operation("everything", "OperationDefinition/Patient-everything"),
        ],
    })
}

fn searched(kind: &'static str) -> Value {
    let mut list = vec![("patient", "reference"), ("_lastUpdated", "date")];
    list.extend(filter::dates_of(kind).map(|name| (name, "date")));
    json!({
        "type": kind,
        "interaction": [{"code": "search-type"}],
        "searchParam": parameters(&list),
    })
}
