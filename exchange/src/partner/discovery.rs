//! What a partner says about itself: SMART configuration and CapabilityStatement.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::Partner;
use super::outcome::FHIR_JSON;
use super::scope::KNOWN;

/// `GET /{id}/fhir/.well-known/smart-configuration`.
pub(crate) async fn smart(State(partner): State<Arc<Partner>>) -> Response {
    let body = json!({
        "issuer": partner.base_url,
        "token_endpoint": partner.token_url(),
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["ES384", "RS384"],
        "scopes_supported": KNOWN,
        "capabilities": ["client-confidential-asymmetric", "permission-v1", "permission-v2"],
    });
    ([(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// `GET /{id}/fhir/metadata`.
pub(crate) async fn metadata(State(partner): State<Arc<Partner>>) -> Response {
    (
        [(CONTENT_TYPE, FHIR_JSON)],
        capability_statement(&partner).to_string(),
    )
        .into_response()
}

fn capability_statement(partner: &Partner) -> Value {
    json!({
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-10-01",
        "kind": "instance",
        "software": {"name": "Outrider exchange sandbox", "version": env!("CARGO_PKG_VERSION")},
        "implementation": {"description": partner.payer.name, "url": partner.base_url},
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "implementationGuide": ["http://hl7.org/fhir/us/davinci-pdex/ImplementationGuide/hl7.fhir.us.davinci-pdex|2.2.0"],
        "rest": [{
            "mode": "server",
            "security": {"service": [{"coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
                "code": "SMART-on-FHIR",
            }]}]},
            "resource": [{
                "type": "Group",
                "interaction": [{"code": "read"}],
                "operation": [
                    {
                        "name": "bulk-member-match",
                        "definition": "http://hl7.org/fhir/us/davinci-pdex/OperationDefinition/BulkMemberMatch",
                    },
                    {
                        "name": "davinci-data-export",
                        "definition": "http://hl7.org/fhir/us/davinci-atr/OperationDefinition/davinci-data-export",
                    },
                ],
            }],
        }],
    })
}
