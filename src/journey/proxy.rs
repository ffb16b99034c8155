//! The way through a proxy: CONNECT (RFC 9110 §9.3.6). What goes wrong there is neither end's.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use outrider_domain::model::{
    AgentFault, Failure, Partner, Proxy, ProxyChoice, ProxyFailure, Settings,
};
use outrider_domain::secret::read_text;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The longest head of an answer to CONNECT.
const HEAD_BYTES_MAX: usize = 8 << 10;

/// The proxies of one partner, by the scheme of what is reached.
#[derive(Clone, Debug, Default)]
pub(super) struct Proxies {
    https: Option<Proxy>,
    http: Option<Proxy>,
}

impl Proxies {
    /// As the partner's file says, else the agent's.
    pub(super) fn new(partner: &Partner, settings: &Settings) -> Self {
        match partner.proxy.as_ref().unwrap_or(&settings.proxy) {
            ProxyChoice::Direct => Self::default(),
            ProxyChoice::Environment => of_environment(),
            ProxyChoice::Named(proxy) => Self {
                https: Some(proxy.clone()),
                http: Some(proxy.clone()),
            },
        }
    }

    /// The proxy on the way to a host; none where it is reached without one.
    pub(super) fn to(&self, host: &str, is_tls: bool) -> Option<&Proxy> {
        let proxy = if is_tls { &self.https } else { &self.http };
        proxy.as_ref().filter(|proxy| !proxy.is_past(host))
    }
}

/// The environment, which is used only where a file says so.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the environment names proxies"
)]
fn of_environment() -> Proxies {
    let value = |names: [&str; 2]| {
        let mut found = names
            .into_iter()
            .filter_map(|name| std::env::var(name).ok());
        found.find(|text| !text.is_empty())
    };
    let past = value(["NO_PROXY", "no_proxy"]).unwrap_or_default();
    let past: Vec<String> = past.split(',').map(str::to_owned).collect();
    let proxy = |names| {
        let url: String = value(names)?;
        let url = if url.contains("://") {
            url
        } else {
            format!("http://{url}")
        };
        Proxy::at(&url, past.clone())
    };
    Proxies {
        https: proxy(["HTTPS_PROXY", "https_proxy"]),
        http: proxy(["HTTP_PROXY", "http_proxy"]),
    }
}

/// Whether the environment names a proxy.
pub fn is_in_environment() -> bool {
    let Proxies { https, http } = of_environment();
    https.or(http).is_some()
}

/// A failure on the way to the proxy, as one of the proxy.
pub(super) fn on_the_way(failure: Failure) -> Failure {
    if failure.own_fault().is_some() {
        failure
    } else if let Failure::Dns(_) = failure {
        Failure::Proxy(ProxyFailure::NoAddress)
    } else {
        Failure::Proxy(ProxyFailure::Unreachable)
    }
}

/// Asks a proxy for a connection to a host, on a connection to the proxy.
pub(super) async fn tunnel(
    mut stream: TcpStream,
    proxy: &Proxy,
    (host, port): (&str, u16),
    contact: &str,
) -> Result<TcpStream, Failure> {
    let mut head = format!(
        "CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: Outrider/{} (+{contact})\r\n",
        env!("CARGO_PKG_VERSION")
    );
    if let Some((user, password)) = &proxy.sign_in {
        let password = read_text(password).map_err(|_| Failure::Agent(AgentFault::Key))?;
        let pair = STANDARD.encode(format!("{user}:{}", password.reveal()));
        head.push_str(&format!("Proxy-Authorization: Basic {pair}\r\n"));
    }
    head.push_str("\r\n");
    let broken = |_| Failure::Proxy(ProxyFailure::Malformed);
    stream.write_all(head.as_bytes()).await.map_err(broken)?;
    let mut answer = Vec::new();
    let mut byte = [0_u8; 1];
    // A byte at a time, so that nothing of what comes behind the head is taken from TLS.
    while !answer.ends_with(b"\r\n\r\n") {
        let read = stream.read(&mut byte).await.map_err(broken)?;
        if read == 0 || answer.len() == HEAD_BYTES_MAX {
            return Err(Failure::Proxy(ProxyFailure::Malformed));
        }
        answer.extend_from_slice(&byte);
    }
    match status(&answer) {
        Some(200..=299) => Ok(stream),
        Some(407) => Err(Failure::Proxy(ProxyFailure::SignIn)),
        Some(502..=504) => Err(Failure::Proxy(ProxyFailure::BadGateway)),
        Some(_) => Err(Failure::Proxy(ProxyFailure::Refused)),
        None => Err(Failure::Proxy(ProxyFailure::Malformed)),
    }
}

fn status(answer: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(answer).ok()?.lines().next()?;
    let mut parts = line.split(' ');
    parts
        .next()
        .filter(|version| version.starts_with("HTTP/1."))?;
    parts.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_domain::secret::SecretRef;
    use tokio::net::TcpListener;

    /// What a proxy that gives this answer comes to, and what it was asked.
    async fn asked(
        answer: &'static [u8],
        sign_in: Option<(String, SecretRef)>,
    ) -> (Result<(), Failure>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(answer).await.unwrap();
            String::from_utf8(head).unwrap()
        });
        let stream = TcpStream::connect(address).await.unwrap();
        let proxy = Proxy {
            sign_in,
            ..Proxy::at(&format!("http://{address}"), Vec::new()).unwrap()
        };
        let done = tunnel(stream, &proxy, ("payer.example", 443), "ops@us.example").await;
        (done.map(drop), served.await.unwrap())
    }

    #[tokio::test]
    async fn what_a_proxy_answers_is_its_own_fault_or_a_way() {
        let proxy = |why| Err(Failure::Proxy(why));
        for (answer, expected) in [
            (&b"HTTP/1.1 200 Connection established\r\n\r\n"[..], Ok(())),
            (b"HTTP/1.0 200 OK\r\nX-A: b\r\n\r\n", Ok(())),
            (
                b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
                proxy(ProxyFailure::SignIn),
            ),
            (
                b"HTTP/1.1 403 Forbidden\r\n\r\n",
                proxy(ProxyFailure::Refused),
            ),
            (
                b"HTTP/1.1 502 Bad Gateway\r\n\r\n",
                proxy(ProxyFailure::BadGateway),
            ),
            (b"SSH-2.0-x\r\n\r\n", proxy(ProxyFailure::Malformed)),
            (b"HTTP/1.1 2", proxy(ProxyFailure::Malformed)),
        ] {
            let (done, head) = asked(answer, None).await;
            assert_eq!(done, expected, "{}", String::from_utf8_lossy(answer));
            assert!(
                head.starts_with("CONNECT payer.example:443 HTTP/1.1\r\n"),
                "{head}"
            );
            assert!(head.contains("ops@us.example") && !head.contains("Authorization"));
        }
    }

    #[tokio::test]
    async fn a_password_comes_from_its_file_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        let sign_in = || Some(("us".to_owned(), SecretRef::File(path.clone())));
        let ok = b"HTTP/1.1 200 OK\r\n\r\n";
        let missing = tunnel_without_file(&path).await;
        assert_eq!(missing, Err(Failure::Agent(AgentFault::Key)));
        std::fs::write(&path, "word\n").unwrap();
        let (done, head) = asked(ok, sign_in()).await;
        assert_eq!(done, Ok(()));
        assert!(
            head.contains("Proxy-Authorization: Basic dXM6d29yZA==\r\n"),
            "{head}"
        );
    }

    async fn tunnel_without_file(path: &std::path::Path) -> Result<(), Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        let proxy = Proxy {
            sign_in: Some(("us".to_owned(), SecretRef::File(path.to_owned()))),
            ..Proxy::at(&format!("http://{address}"), Vec::new()).unwrap()
        };
        tunnel(stream, &proxy, ("payer.example", 443), "x")
            .await
            .map(drop)
    }
}
