//! Against agreeing on the same mistake: a client and arithmetic that use libraries of others, from Debian's
//! packages. What needs PyPI is in `pypi`.

use std::io::Write;
use std::process::{Command, Stdio};

use outrider_domain::secret::{SecretRef, SigningKey};

use crate::support::{Sandbox, repository};

/// Where `make tools` unpacks the Python packages of Debian.
const PACKAGES: &str = "target/tools/debian/usr/lib/python3/dist-packages";

/// Runs a script by Debian's Python, with Debian's packages: whether it succeeded, and what it wrote.
pub(crate) fn python(arguments: &[&str], input: &str) -> (bool, String) {
    let packages = repository().join(PACKAGES);
    assert!(
        packages.join("jwt").is_dir(),
        "{} is missing: run `make tools`",
        packages.display()
    );
    run(
        Command::new("/usr/bin/python3")
            .args(arguments)
            .env("PYTHONPATH", packages),
        input,
    )
}

/// Runs a command in the repository's folder with this input: whether it succeeded, and what it wrote.
pub(crate) fn run(command: &mut Command, input: &str) -> (bool, String) {
    let mut child = command
        .current_dir(repository())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
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
        let arguments = ["tests/third_party/client.py", "--partner", partner, "-"];
        let (passed, text) = python(&arguments, &sandbox.ready().to_string());
        assert!(passed, "{text}");
    }
    sandbox.inject("keystone", "records-missing");
    let arguments = ["tests/third_party/client.py", "--partner", "keystone", "-"];
    let (passed, _) = python(&arguments, &sandbox.ready().to_string());
    assert!(
        !passed,
        "the foreign client must see that records are missing"
    );
}

#[test]
fn the_shared_vectors_are_what_python_makes_of_them() {
    let (passed, text) = python(&["tests/third_party/vectors.py"], "");
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
    let key = SigningKey::read(&SecretRef::File((&path).into())).unwrap();
    let claims = serde_json::json!({"iss": "outrider", "aud": "https://p.example/token"});
    let token = key.sign(&key.thumbprint(), &claims).unwrap();
    let given = serde_json::json!({"key": path, "token": token.reveal()}).to_string();
    let (passed, text) = python(&["-c", VERIFY], &given);
    assert!(passed, "{text}");
}
