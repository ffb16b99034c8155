//! The ground truth: a small HTTP server in a process of its own that answers every GET with the same
//! document, plain and over TLS, and counts what it answered by the first part of the path.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::folders::workshop;
use super::get::Connection;
use super::process::{Program, role};

const DOCUMENT: &str = r#"{"resourceType":"CapabilityStatement","status":"active","fhirVersion":"4.0.1","format":["json"]}"#;
/// The core that it is kept to, so that the other one is free for what is measured on one core.
const CORE: usize = 0;

/// The running server.
#[derive(Debug)]
pub(crate) struct Site {
    program: Program,
    _folder: tempfile::TempDir,
}

impl Site {
    pub(crate) fn start() -> Self {
        let folder = workshop();
        let path = folder.path().to_str().expect("a readable path");
        let log = folder.path().join("site.log");
        let program = Program::start_ready(role(&["serve", path], Some(CORE)), &log);
        Self {
            program,
            _folder: folder,
        }
    }

    /// The base URL for a client of this name.
    pub(crate) fn url(&self, is_tls: bool, who: &str) -> String {
        let key = if is_tls { "tls" } else { "plain" };
        let scheme = if is_tls { "https" } else { "http" };
        format!("{scheme}://{}/{who}", self.text(key))
    }

    /// The file of its CA.
    pub(crate) fn trust(&self) -> PathBuf {
        self.text("trust").into()
    }

    /// Requests of one name answered so far.
    pub(crate) fn served(&self, who: &str) -> u64 {
        let mut connection = Connection::open(self.text("plain")).expect("it listens");
        let body = connection.get("/served").expect("an answer");
        let counts: BTreeMap<String, u64> = serde_json::from_slice(&body).expect("counts");
        counts.get(who).copied().unwrap_or_default()
    }

    fn text(&self, key: &str) -> &str {
        self.program.ready[key].as_str().expect("a text")
    }
}

/// Requests answered, by the first part of the path.
type Served = Rc<RefCell<BTreeMap<String, u64>>>;

/// The role: serves until it is killed.
pub(crate) fn serve(folder: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    tokio::task::LocalSet::new().block_on(&runtime, listen(folder));
}

async fn listen(folder: &Path) {
    let plain = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let tls = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let trust = folder.join("ca.pem");
    let acceptor = TlsAcceptor::from(Arc::new(identity(&trust)));
    let ready = serde_json::json!({
        "plain": plain.local_addr().unwrap().to_string(),
        "tls": tls.local_addr().unwrap().to_string(),
        "trust": trust,
    });
    println!("{ready}");
    let served = Served::default();
    loop {
        tokio::select! {
            Ok((stream, _)) = plain.accept() => {
                tokio::task::spawn_local(answer(stream, Rc::clone(&served)));
            }
            Ok((stream, _)) = tls.accept() => {
                let (acceptor, served) = (acceptor.clone(), Rc::clone(&served));
                tokio::task::spawn_local(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        answer(stream, served).await;
                    }
                });
            }
        }
    }
}

/// Answers one request and closes. A client that went away needs no answer.
async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, served: Served) {
    let mut head = [0; 4096];
    let mut length = 0;
    while !head[..length].ends_with(b"\r\n\r\n") {
        match stream.read(&mut head[length..]).await {
            Ok(read @ 1..) => length += read,
            Ok(0) | Err(_) => return,
        }
    }
    let path = head[..length].split(|byte| *byte == b' ').nth(1);
    let path = String::from_utf8_lossy(path.unwrap_or_default());
    let who = path.split('/').nth(1).unwrap_or_default();
    let (media, body) = if who == "served" {
        let counts = serde_json::to_string(&*served.borrow()).expect("JSON");
        ("application/json", counts)
    } else {
        *served.borrow_mut().entry(who.to_owned()).or_default() += 1;
        ("application/fhir+json", DOCUMENT.to_owned())
    };
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {media}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    if stream.write_all(answer.as_bytes()).await.is_ok() {
        let _gone = stream.shutdown().await;
    }
}

/// A throw-away CA, written down, and a certificate of its own for loopback.
fn identity(trust: &Path) -> ServerConfig {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(Vec::<String>::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    std::fs::write(trust, ca.self_signed(&ca_key).unwrap().pem()).expect("a file");
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &Issuer::new(ca, ca_key)).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .expect("a fitting key")
}
