//! Against agreeing on the same mistake: programs and libraries that are not ours, from PyPI
//! (`make tools` puts them into `target/tools/venv`).

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::requester::{MATCH, Requester, member, members};
use crate::world::{PARTNERS, Sandbox, repository};

/// What the bulk client can ask for and a plain member has.
const BULK_TYPES: [&str; 6] = [
    "Condition",
    "Encounter",
    "Immunization",
    "MedicationRequest",
    "Observation",
    "Patient",
];

pub(crate) fn python(arguments: &[&str], input: &str) -> (bool, String) {
    python_of("venv", arguments, input)
}

/// The Python of one of the folders that `make tools` fills.
pub(crate) fn python_of(tools: &str, arguments: &[&str], input: &str) -> (bool, String) {
    let python = repository().join(format!("target/tools/{tools}/bin/python"));
    assert!(
        python.is_file(),
        "{} is missing: run `make tools`",
        python.display()
    );
    let mut child = Command::new(python)
        .current_dir(repository())
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

#[test]
fn a_client_written_from_the_specification_completes_the_exchange() {
    let sandbox = Sandbox::start();
    for partner in ["keystone", "lakeside"] {
        let arguments = ["tests/foreign/client.py", "--partner", partner, "-"];
        let (passed, text) = python(&arguments, &sandbox.ready().to_string());
        assert!(passed, "{text}");
    }
    sandbox.inject("keystone", "records-missing");
    let arguments = ["tests/foreign/client.py", "--partner", "keystone", "-"];
    let (passed, _) = python(&arguments, &sandbox.ready().to_string());
    assert!(
        !passed,
        "the foreign client must see that records are missing"
    );
}

/// Runs the bulk client of `tests/foreign/bulk.txt` against one partner's plain `$export` of a group; how
/// many lines of each type it has written.
fn bulk_client(ready: &Value, partner: &str, group: &str) -> BTreeMap<String, usize> {
    let program = repository().join("target/tools/bulk/bin/smart-fetch");
    assert!(
        program.is_file(),
        "{} is missing: run `make tools`",
        program.display()
    );
    let all = ready["partners"].as_array().unwrap();
    let one = all.iter().find(|one| one["id"] == partner).unwrap();
    let clients = one["clients"].as_array().unwrap();
    let rsa = clients
        .iter()
        .find(|client| client["alg"] == "RS384")
        .unwrap();
    let out = tempfile::tempdir().unwrap();
    let folder = out.path().join("out");
    let output = Command::new(program)
        .args(["bulk", "--group", group, "--smart-client-id", "outrider"])
        .args(["--fhir-url", one["base_url"].as_str().unwrap()])
        .args(["--smart-key", rsa["key"].as_str().unwrap()])
        .args([
            "--type",
            &BULK_TYPES.join(","),
            "--no-default-filters",
            "--no-compression",
        ])
        .arg(&folder)
        .env("SSL_CERT_FILE", ready["trust"].as_str().unwrap())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{partner}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut lines = BTreeMap::new();
    for file in std::fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Some((kind, _)) = name.split_once('.').filter(|_| name.ends_with(".ndjson")) else {
            continue;
        };
        let text = std::fs::read_to_string(&path).unwrap();
        *lines.entry(kind.to_owned()).or_default() += text.lines().count();
    }
    lines.retain(|kind, _| BULK_TYPES.contains(&kind.as_str()));
    lines
}

#[test]
fn a_bulk_client_off_the_shelf_completes_an_export_at_every_persona() {
    let sandbox = Sandbox::start_with(&["--job-ms", "0", "--partners", &PARTNERS.join(",")]);
    std::thread::scope(|scope| {
        for partner in PARTNERS {
            let ready = sandbox.ready();
            scope.spawn(move || {
                let mut client = Requester::at(ready, partner);
                let token = client.token(MATCH);
                let plain = member(&members(partner), "plain");
                client.ask_match(&token, std::slice::from_ref(&plain));
                let group = client.group(&token);
                let due: BTreeMap<String, usize> = plain["expect"]["resources"]
                    .as_object()
                    .unwrap()
                    .iter()
                    .filter(|(kind, _)| BULK_TYPES.contains(&kind.as_str()))
                    .map(|(kind, list)| (kind.clone(), list.as_array().unwrap().len()))
                    .collect();
                assert!(due.len() > 3);
                assert_eq!(bulk_client(ready, partner, &group), due, "{partner}");
            });
        }
    });
}

#[test]
fn the_shared_vectors_are_what_python_makes_of_them() {
    let (passed, text) = python(&["tests/foreign/vectors.py"], "");
    assert!(passed, "{text}");
}

/// Verifies a JWT with PyJWT and the thumbprint of RFC 7638 with `cryptography` alone.
const VERIFY: &str = r#"
import base64, hashlib, json, sys, jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key
given = json.load(sys.stdin)
public = load_pem_private_key(open(given["key"], "rb").read(), None).public_key()
point = public.public_numbers()
text = lambda number: base64.urlsafe_b64encode(number.to_bytes(48, "big")).rstrip(b"=").decode()
jwk = json.dumps({"crv": "P-384", "kty": "EC", "x": text(point.x), "y": text(point.y)}, separators=(",", ":"))
thumbprint = base64.urlsafe_b64encode(hashlib.sha256(jwk.encode()).digest()).rstrip(b"=").decode()
header = jwt.get_unverified_header(given["token"])
assert header == {"alg": "ES384", "typ": "JWT", "kid": thumbprint}, header
claims = jwt.decode(given["token"], public, algorithms=["ES384"], audience="https://p.example/token")
assert claims["iss"] == "outrider", claims
"#;

#[test]
fn our_signatures_and_key_ids_hold_for_a_library_that_is_not_ours() {
    let sandbox = Sandbox::start();
    let path = sandbox.ready()["partners"][0]["key"]
        .as_str()
        .unwrap()
        .to_owned();
    let key = outrider_domain::secret::SigningKey::read(path.as_ref()).unwrap();
    let claims = serde_json::json!({"iss": "outrider", "aud": "https://p.example/token"});
    let token = key.sign(&key.thumbprint(), &claims).unwrap();
    let given = serde_json::json!({"key": path, "token": token.reveal()}).to_string();
    let (passed, text) = python(&["-c", VERIFY], &given);
    assert!(passed, "{text}");
}
