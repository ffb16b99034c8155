//! The core against its own OpenAPI document, by Schemathesis from PyPI; `make nightly` runs it.

use serde_json::json;

use super::client::{CoreClient, askable, request, together};
use crate::pypi::python;

#[test]
fn the_document_is_what_the_service_does() {
    let sandbox = together("keystone", &[]);
    let mut front = CoreClient::at(&sandbox.ready()["core"]);
    let members = askable("keystone", 2);
    let id = front.open(&request("keystone", &members), "k");
    front.settled(&id);
    let seed = json!({
        "core": sandbox.ready()["core"],
        "token": front.token,
        "exchange": id,
        "request": request("keystone", &members),
    });
    let (passed, text) = python(
        "openapi",
        &["tests/third_party/openapi.py"],
        &seed.to_string(),
    );
    assert!(passed, "{text}");
    assert!(text.contains("21 operations"), "{text}");
}
