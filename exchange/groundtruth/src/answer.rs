//! The bytes of an answer.

use serde_json::json;

use super::behaviour::{Behaviour, Body};
use super::request::Request;

const DISCOVERY: &str = "/.well-known/smart-configuration";
const TOKEN: &str = "/token";
const JSON: &str = "application/json";
const FHIR: &str = "application/fhir+json";

/// What an answer is made from.
pub(super) struct AnswerContext<'a> {
    pub(super) scheme: &'static str,
    pub(super) request: &'a Request,
    /// A number that no other answer has.
    pub(super) serial: u64,
}

/// Head and body.
pub(super) struct ResponseBytes {
    pub(super) head: Vec<u8>,
    pub(super) body: Vec<u8>,
}

/// The answer that a behaviour asks for.
pub(super) fn answer(
    context: &AnswerContext<'_>,
    behaviour: &Behaviour,
    is_last: bool,
) -> ResponseBytes {
    let (fitting, body) = body(context, behaviour);
    let media = behaviour.media.as_deref().unwrap_or(fitting);
    let reason = http::StatusCode::from_u16(behaviour.status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Unnamed");
    let mut head = format!("HTTP/1.1 {} {reason}\r\n", behaviour.status);
    let has_body = !matches!(behaviour.status, 204 | 304);
    if has_body {
        head += &format!(
            "content-type: {media}\r\ncontent-length: {}\r\n",
            body.len()
        );
    }
    if is_last {
        head += "connection: close\r\n";
    }
    if let Some(id) = context.request.field("x-request-id") {
        head += &format!("x-request-id: {id}\r\n");
    }
    for (name, value) in &behaviour.headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += "\r\n";
    let is_sent = has_body && context.request.method != "HEAD";
    ResponseBytes {
        head: head.into_bytes(),
        body: if is_sent { body } else { Vec::new() },
    }
}

fn body(context: &AnswerContext<'_>, behaviour: &Behaviour) -> (&'static str, Vec<u8>) {
    match &behaviour.body {
        Body::Echo => (JSON, context.request.shown().to_string().into_bytes()),
        Body::Text(text) => (JSON, text.clone().into_bytes()),
        Body::Bytes(bytes) => (FHIR, filled(*bytes)),
        Body::Fitting => fitting(context, behaviour),
    }
}

fn fitting(context: &AnswerContext<'_>, behaviour: &Behaviour) -> (&'static str, Vec<u8>) {
    let path = context.request.path();
    if let Some(base) = path.strip_suffix(DISCOVERY) {
        let host = context.request.field("host").unwrap_or("localhost");
        let document = json!({
            "token_endpoint": format!("{}://{host}{base}{TOKEN}", context.scheme),
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["ES384", "RS384"],
            "grant_types_supported": ["client_credentials"],
            "capabilities": ["client-confidential-asymmetric"],
        });
        return (JSON, document.to_string().into_bytes());
    }
    if path.ends_with(TOKEN) {
        let grant = json!({
            "access_token": format!("groundtruth-token-{}", context.serial),
            "token_type": "bearer",
            "expires_in": behaviour.expires_in,
        });
        return (JSON, grant.to_string().into_bytes());
    }
    let document = json!({
        "resourceType": "CapabilityStatement", "status": "active", "fhirVersion": "4.0.1",
        "format": ["json"],
    });
    (FHIR, document.to_string().into_bytes())
}

/// A JSON document of that many bytes; spaces when they are too few for one.
fn filled(bytes: usize) -> Vec<u8> {
    const FRAME: &str = r#"{"fill":""}"#;
    let Some(filler) = bytes.checked_sub(FRAME.len()) else {
        return vec![b' '; bytes];
    };
    format!(r#"{{"fill":"{}"}}"#, "x".repeat(filler)).into_bytes()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn answer_to(path: &str, behaviour: &Behaviour) -> (String, Vec<u8>) {
        let request = Request {
            method: "GET".to_owned(),
            target: path.to_owned(),
            fields: vec![
                ("Host".to_owned(), "h:1".to_owned()),
                ("X-Request-ID".to_owned(), "r1".to_owned()),
            ],
            body: b"hi".to_vec(),
        };
        let context = AnswerContext {
            scheme: "http",
            request: &request,
            serial: 7,
        };
        let ResponseBytes { head, body } = answer(&context, behaviour, true);
        (String::from_utf8(head).unwrap(), body)
    }

    #[test]
    fn a_path_gets_what_fits_it() {
        let ordinary = Behaviour::default();
        let (_, body) = answer_to("/p/.well-known/smart-configuration", &ordinary);
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["token_endpoint"], "http://h:1/p/token");
        let (head, body) = answer_to("/p/token", &ordinary);
        assert!(head.contains("\r\nx-request-id: r1\r\n"), "{head}");
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["access_token"], "groundtruth-token-7");
    }

    #[test]
    fn bodies_and_fields_are_as_ordered() {
        let mut behaviour = Behaviour {
            headers: vec![("set-cookie".to_owned(), "a=1".to_owned()); 2],
            body: Body::Bytes(100),
            ..Behaviour::default()
        };
        let (head, body) = answer_to("/x", &behaviour);
        assert_eq!(head.matches("set-cookie: a=1\r\n").count(), 2);
        assert!(head.contains("content-length: 100\r\n"));
        assert_eq!(body.len(), 100);
        serde_json::from_slice::<Value>(&body).unwrap();
        behaviour.body = Body::Echo;
        let (_, body) = answer_to("/x?y", &behaviour);
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            (&body["target"], &body["body"]),
            (&json!("/x?y"), &json!("hi"))
        );
        behaviour.status = 204;
        let (head, body) = answer_to("/x", &behaviour);
        assert!(
            body.is_empty() && !head.contains("content-length"),
            "{head}"
        );
    }
}
