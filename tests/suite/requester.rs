//! A requesting payer for tests: signs in, asks, and keeps its connection, as the standards say. It knows
//! the exchange by its ready line only.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};

use crate::support::exchange;

/// The two scopes of the two tokens that the guide means to be used.
pub(crate) const MATCH: &str =
    "http://hl7.org/fhir/us/davinci-pdex/OperationDefinition/BulkMemberMatch";
pub(crate) const DATA: &str = "system/*.rs";
pub(crate) const SINGLE: &str =
    "http://hl7.org/fhir/us/davinci-hrex/OperationDefinition/member-match";
pub(crate) const EXPORT_TYPE: &str = "hl7.fhir.us.davinci-pdex#payertopayer";
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// No answer takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// One answer, whole.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }

    /// The code of an OperationOutcome's issue; it must be one.
    pub(crate) fn issue(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            "application/fhir+json",
            "{}",
            self.text()
        );
        let outcome = self.json();
        assert_eq!(outcome["resourceType"], "OperationOutcome");
        assert!(outcome["issue"][0]["diagnostics"].is_string());
        outcome["issue"][0]["code"].as_str().unwrap().to_owned()
    }

    /// The resources of NDJSON, unpacked when they came packed.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let mut text = String::new();
        if self.header("content-encoding") == "gzip" {
            MultiGzDecoder::new(&self.body[..])
                .read_to_string(&mut text)
                .unwrap();
        } else {
            text = self.text();
        }
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

pub(crate) type Tls = BufReader<StreamOwned<ClientConnection, TcpStream>>;

/// One client of one partner, with one connection that is kept.
pub(crate) struct Requester {
    tls: Arc<ClientConfig>,
    open: Option<(String, Tls)>,
    pub(crate) base: String,
    pub(crate) token_url: String,
    pub(crate) client: String,
    pub(crate) kid: String,
    pub(crate) algorithm: Algorithm,
    key: EncodingKey,
    /// Added to the time of assertions, in seconds, where the partners' clock was moved.
    pub(crate) later: i64,
}

fn ready_partner<'a>(ready: &'a Value, partner: &str) -> &'a Value {
    let all = ready["partners"].as_array().unwrap();
    all.iter()
        .find(|one| one["id"] == partner)
        .expect("a served partner")
}

/// TLS that trusts the sandbox, and shows a certificate when it has one.
pub(crate) fn tls(trust: &str, certificate: Option<&str>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for one in outrider_domain::secret::read_trust(Path::new(trust)).unwrap() {
        roots.add(one).unwrap();
    }
    let builder = ClientConfig::builder().with_root_certificates(roots);
    let config = match certificate {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let chain = CertificateDer::pem_file_iter(file).unwrap();
            let chain = chain.collect::<Result<Vec<_>, _>>().unwrap();
            let key = PrivateKeyDer::from_pem_file(file).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    Arc::new(config)
}

impl Requester {
    /// The client `outrider` with its ES384 key.
    pub(crate) fn at(ready: &Value, partner: &str) -> Self {
        Self::of(ready, partner, "outrider", "ES384")
    }

    /// Another client or key.
    pub(crate) fn of(ready: &Value, partner: &str, client: &str, alg: &str) -> Self {
        let one = ready_partner(ready, partner);
        let clients = one["clients"].as_array().unwrap();
        let own = clients
            .iter()
            .find(|c| c["client_id"] == client && c["alg"] == alg)
            .expect("a registered client");
        let pem = std::fs::read(own["key"].as_str().unwrap()).unwrap();
        let (algorithm, key) = match alg {
            "ES384" => (Algorithm::ES384, EncodingKey::from_ec_pem(&pem).unwrap()),
            _ => (Algorithm::RS384, EncodingKey::from_rsa_pem(&pem).unwrap()),
        };
        let base = one["base_url"].as_str().unwrap().to_owned();
        Self {
            tls: tls(
                ready["trust"].as_str().unwrap(),
                own["certificate"].as_str(),
            ),
            open: None,
            token_url: format!("{}/oauth/token", base.trim_end_matches("/fhir")),
            base,
            client: client.to_owned(),
            kid: own["kid"].as_str().unwrap().to_owned(),
            algorithm,
            key,
            later: 0,
        }
    }

    /// The same client behind another certificate, or none.
    pub(crate) fn showing(mut self, tls: Arc<ClientConfig>) -> Self {
        self.tls = tls;
        self.open = None;
        self
    }

    /// One request. What the connection does wrong is an error, never a panic.
    pub(crate) fn try_send(
        &mut self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> std::io::Result<Answer> {
        let rest = url.strip_prefix("https://").expect("an HTTPS URL");
        let (host, path) = rest.split_once('/').expect("a path");
        if self.open.as_ref().is_none_or(|(open, _)| open != host) {
            self.open = Some((host.to_owned(), self.connect(host)?));
        }
        let mut head = format!("{method} /{path} HTTP/1.1\r\nhost: {host}\r\n");
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("content-length: {}\r\n\r\n", body.len());
        let (_, stream) = self.open.as_mut().unwrap();
        let written = stream
            .get_mut()
            .write_all(&[head.as_bytes(), body].concat())
            .and_then(|()| stream.get_mut().flush());
        let answer = written.and_then(|()| answer(stream));
        let closes = |answer: &Answer| answer.header("connection") == "close";
        if answer.as_ref().map_or(true, closes) {
            self.open = None;
        }
        answer
    }

    fn connect(&self, host: &str) -> std::io::Result<Tls> {
        let tcp = TcpStream::connect(host)?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        tcp.set_nodelay(true)?;
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let tls = ClientConnection::new(Arc::clone(&self.tls), name).unwrap();
        Ok(BufReader::with_capacity(
            64 * 1024,
            StreamOwned::new(tls, tcp),
        ))
    }

    pub(crate) fn send(
        &mut self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        self.try_send(method, url, headers, body)
            .unwrap_or_else(|error| panic!("{method} {url}: {error}"))
    }

    /// `GET` below the base, or of a whole URL.
    pub(crate) fn get(&mut self, token: &str, address: &str) -> Answer {
        let url = self.url(address);
        self.send(
            "GET",
            &url,
            &[("authorization", &format!("Bearer {token}"))],
            b"",
        )
    }

    pub(crate) fn delete(&mut self, token: &str, address: &str) -> Answer {
        let url = self.url(address);
        self.send(
            "DELETE",
            &url,
            &[("authorization", &format!("Bearer {token}"))],
            b"",
        )
    }

    /// `POST` of FHIR JSON with `Prefer: respond-async`, and what else is said.
    pub(crate) fn post(
        &mut self,
        token: &str,
        address: &str,
        body: &Value,
        more: &[(&str, &str)],
    ) -> Answer {
        let url = self.url(address);
        let bearer = format!("Bearer {token}");
        let mut headers = vec![
            ("authorization", bearer.as_str()),
            ("content-type", "application/fhir+json"),
            ("prefer", "respond-async"),
        ];
        headers.extend(more);
        self.send("POST", &url, &headers, body.to_string().as_bytes())
    }

    fn url(&self, address: &str) -> String {
        if address.starts_with("https://") {
            address.to_owned()
        } else {
            format!("{}/{address}", self.base)
        }
    }

    /// A signed assertion, with these claims instead of the good ones.
    pub(crate) fn assertion(&self, changes: &Value) -> String {
        let now = now() + self.later;
        let mut claims = json!({
            "iss": self.client, "sub": self.client, "aud": self.token_url,
            "exp": now + 240, "jti": uuid::Uuid::new_v4().to_string(),
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let mut header = Header::new(self.algorithm);
        header.kid = Some(self.kid.clone());
        jsonwebtoken::encode(&header, &claims, &self.key).unwrap()
    }

    pub(crate) fn ask_token(&mut self, scope: &str, assertion: &str) -> Answer {
        let pairs = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", ASSERTION_TYPE),
            ("scope", scope),
            ("client_assertion", assertion),
        ];
        let body: Vec<String> = pairs
            .iter()
            .map(|(name, value)| format!("{name}={}", escaped(value)))
            .collect();
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let url = self.token_url.clone();
        self.send("POST", &url, &form, body.join("&").as_bytes())
    }

    pub(crate) fn token(&mut self, scope: &str) -> String {
        let assertion = self.assertion(&json!({}));
        let answer = self.ask_token(scope, &assertion);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// Matches members; the whole answer.
    pub(crate) fn ask_match(&mut self, token: &str, members: &[Value]) -> Answer {
        self.post(token, "Group/$bulk-member-match", &match_body(members), &[])
    }

    /// Matches members at a partner whose result is a job; its status URL.
    pub(crate) fn matched(&mut self, token: &str, members: &[Value]) -> String {
        location(&self.ask_match(token, members))
    }

    /// The id of the client's newest Group of matched members.
    pub(crate) fn group(&mut self, token: &str) -> String {
        let found = self.get(token, "Group?code=match&_count=1");
        assert_eq!(found.status, 200, "{}", found.text());
        let group = &found.json()["entry"][0]["resource"]["id"];
        group.as_str().expect("a Group").to_owned()
    }

    /// Exports a Group with further parameters; the whole answer.
    pub(crate) fn ask_export(&mut self, token: &str, group: &str, more: &[Value]) -> Answer {
        let mut parameter = vec![json!({"name": "exportType", "valueCanonical": EXPORT_TYPE})];
        parameter.extend(more.iter().cloned());
        let body = json!({"resourceType": "Parameters", "parameter": parameter});
        self.post(
            token,
            &format!("Group/{group}/$davinci-data-export"),
            &body,
            &[],
        )
    }

    /// The manifest of a job that is done.
    pub(crate) fn manifest(&mut self, token: &str, job: &str) -> Value {
        let answer = self.get(token, job);
        assert_eq!(answer.status, 200, "{job}: {}", answer.text());
        assert!(
            answer
                .header("content-type")
                .starts_with("application/json")
        );
        answer.json()
    }

    /// Every resource that a manifest's list names.
    pub(crate) fn resources(&mut self, token: &str, manifest: &Value, list: &str) -> Vec<Value> {
        let mut all = Vec::new();
        for file in manifest[list].as_array().unwrap() {
            let answer = self.get(token, file["url"].as_str().unwrap());
            assert_eq!(answer.status, 200, "{file}: {}", answer.text());
            let lines = answer.lines();
            assert_eq!(
                lines.len() as u64,
                file["count"].as_u64().unwrap(),
                "{file}"
            );
            all.extend(lines);
        }
        all
    }
}

impl Requester {
    /// Asks for a file; its length, and the stream at the begin of its body.
    pub(crate) fn open_file(&mut self, token: &str, url: &str) -> (u64, Tls) {
        let (host, path) = url
            .strip_prefix("https://")
            .unwrap()
            .split_once('/')
            .unwrap();
        let mut stream = self.connect(host).unwrap();
        let head = format!(
            "GET /{path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\r\n"
        );
        stream.get_mut().write_all(head.as_bytes()).unwrap();
        let (status, headers) = self::head(&mut stream).unwrap();
        assert_eq!(status, 200, "{url}");
        (headers["content-length"].parse().unwrap(), stream)
    }
}

/// Status and headers.
fn head(stream: &mut Tls) -> std::io::Result<(u16, BTreeMap<String, String>)> {
    let line = line(stream)?;
    let status = line.split(' ').nth(1).and_then(|text| text.parse().ok());
    let status = status.ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let mut headers = BTreeMap::new();
    loop {
        let text = self::line(stream)?;
        let Some((name, value)) = text.split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    Ok((status, headers))
}

fn answer(stream: &mut Tls) -> std::io::Result<Answer> {
    let (status, headers) = head(stream)?;
    let mut body = Vec::new();
    if headers
        .get("transfer-encoding")
        .is_some_and(|value| value == "chunked")
    {
        loop {
            let size = usize::from_str_radix(&line(stream)?, 16).unwrap_or_default();
            let start = body.len();
            body.resize(start + size, 0);
            stream.read_exact(&mut body[start..])?;
            line(stream)?;
            if size == 0 {
                break;
            }
        }
    } else {
        let length = headers
            .get("content-length")
            .and_then(|text| text.parse().ok());
        body.resize(length.unwrap_or(0), 0);
        stream.read_exact(&mut body)?;
    }
    Ok(Answer {
        status,
        headers,
        body,
    })
}

/// A line without its end.
pub(crate) fn line(stream: &mut impl BufRead) -> std::io::Result<String> {
    let mut text = String::new();
    if stream.read_line(&mut text)? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

pub(crate) fn escaped(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// The status URL of an accepted kick-off.
pub(crate) fn location(answer: &Answer) -> String {
    assert_eq!(answer.status, 202, "{}", answer.text());
    answer.header("content-location").to_owned()
}

/// The first members of a partner, as its own generator writes them.
pub(crate) fn members(partner: &str) -> Vec<Value> {
    some_members(partner, 12)
}

/// The first members of a partner.
pub(crate) fn some_members(partner: &str, count: usize) -> Vec<Value> {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| tempfile::tempdir().unwrap());
    let set = format!("{partner}-{}", uuid::Uuid::new_v4());
    let written = Command::new(exchange())
        .args([
            "members",
            "export",
            "--partner",
            partner,
            "--set",
            &set,
            "--count",
            &count.to_string(),
            "--out",
        ])
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(
        written.status.success(),
        "{}",
        String::from_utf8_lossy(&written.stderr)
    );
    let file: PathBuf = folder.path().join(format!("{set}.json"));
    let set: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    set["members"].as_array().unwrap().clone()
}

/// The one of them with that edge case.
pub(crate) fn member(members: &[Value], case: &str) -> Value {
    let found = members.iter().find(|one| one["edge_case"] == case);
    found.expect("a member of that case").clone()
}

/// The named parts of one member's request.
pub(crate) fn parts(member: &Value) -> Value {
    json!([
        {"name": "MemberPatient", "resource": member["request"]["patient"]},
        {"name": "CoverageToMatch", "resource": member["request"]["coverage_to_match"]},
        {"name": "Consent", "resource": member["request"]["consent"]},
    ])
}

pub(crate) fn match_body(members: &[Value]) -> Value {
    let bundles: Vec<Value> = members
        .iter()
        .map(|member| json!({"name": "MemberBundle", "part": parts(member)}))
        .collect();
    json!({"resourceType": "Parameters", "parameter": bundles})
}

pub(crate) fn single_body(member: &Value) -> Value {
    json!({"resourceType": "Parameters", "parameter": parts(member)})
}

/// Seconds since 1970.
fn now() -> i64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "assertions are made for the sandbox's real clock"
    )]
    chrono::Utc::now().timestamp()
}
