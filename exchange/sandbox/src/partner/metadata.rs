//! Where a partner's endpoints are, and what its own signature vouches for.

use serde_json::{Value, json};

use super::scope;
use crate::trust::ClientCertificates;

/// The token endpoint of the partner at `base_url`.
pub(super) fn token_url(base_url: &str) -> String {
    format!("{}/oauth/token", base_url.trim_end_matches("/fhir"))
}

/// Where the partner at `base_url` publishes the keys with which it signs.
fn jwks_url(base_url: &str) -> String {
    format!("{}/oauth/jwks", base_url.trim_end_matches("/fhir"))
}

/// What the partner's own signature vouches for (RFC 8414, `signed_metadata`).
pub(super) fn signed_claims(base_url: &str, certificates: ClientCertificates, now: i64) -> Value {
    let mut claims = claims(base_url, certificates);
    claims["iss"] = json!(base_url);
    claims["iat"] = json!(now);
    claims
}

/// The same without its signer and its time.
pub(super) fn claims(base_url: &str, certificates: ClientCertificates) -> Value {
    json!({
        "issuer": base_url,
        "token_endpoint": token_url(base_url),
        "jwks_uri": jwks_url(base_url),
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["ES384", "RS384"],
        "scopes_supported": scope::supported(),
        "tls_client_certificate_bound_access_tokens":
            certificates == ClientCertificates::Required,
        "capabilities": ["client-confidential-asymmetric", "permission-v1", "permission-v2"],
    })
}
