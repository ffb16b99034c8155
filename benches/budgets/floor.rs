//! The floor: what a GET on a new connection costs with hyper and nothing else, in a process of its
//! own. One thread, one loop, no record of anything.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// The role: one GET after the other, so many a second, until it is killed. A rate of 0 is as fast
/// as it goes.
pub(crate) fn run(url: &str, trust: &str, rate: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(all(url, trust, rate));
}

async fn all(url: &str, trust: &str, rate: u32) {
    let url: Uri = url.parse().expect("a URL");
    let connector = (url.scheme_str() == Some("https")).then(|| connector(trust));
    let mut pace = (rate > 0).then(|| tokio::time::interval(Duration::from_secs(1) / rate));
    println!("{{}}");
    loop {
        if let Some(pace) = &mut pace {
            pace.tick().await;
        }
        let host = url.authority().expect("a host").as_str();
        let tcp = TcpStream::connect(host).await.expect("it listens");
        tcp.set_nodelay(true).expect("a socket");
        match &connector {
            None => get(tcp, &url).await,
            Some(connector) => {
                let name = ServerName::try_from("127.0.0.1").expect("a name");
                get(connector.connect(name, tcp).await.expect("trust"), &url).await;
            }
        }
    }
}

/// The same GET as the agent's: as many header fields, a small document back.
async fn get(stream: impl AsyncRead + AsyncWrite + Unpin, url: &Uri) {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .expect("a connection");
    let run = HeaderValue::from_static("00000000-0000-4000-8000-000000000000");
    let request = Request::get(url.path())
        .header("host", url.authority().expect("a host").as_str())
        .header("connection", "close")
        .header("accept", "application/fhir+json, application/json")
        .header("x-correlation-id", run.clone())
        .header("x-request-id", run)
        .header("user-agent", "bare hyper")
        .header("accept-encoding", "gzip")
        .body(Empty::<Bytes>::new())
        .expect("a request");
    let talk = async {
        let answer = sender.send_request(request).await.expect("an answer");
        assert_eq!(answer.status(), 200);
        answer.into_body().collect().await.expect("a whole answer")
    };
    let (body, _closed) = tokio::join!(talk, connection);
    assert!(!body.to_bytes().is_empty());
}

fn connector(trust: &str) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(trust).expect("a file") {
        roots.add(certificate.expect("PEM")).expect("a CA");
    }
    let mut config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    // Each check is a first visit, as it is for the agent.
    config.resumption = rustls::client::Resumption::disabled();
    TlsConnector::from(Arc::new(config))
}
