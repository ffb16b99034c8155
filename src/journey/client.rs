//! How partners are reached: one resolver for all, one TLS configuration each.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use outrider_domain::model::{AgentFault, Failure, HttpWanted, Partner, SecretRef, Settings};
use outrider_domain::secret::{read_private_key, read_trust};
use rustls::{ClientConfig, RootCertStore};

use super::rate_limiter::Admission;

/// How long one question to a name server may take.
const DNS_TIMEOUT: Duration = Duration::from_secs(2);
const DNS_ATTEMPTS: usize = 2;

/// Name lookup with a phase of its own. Nothing is cached: the lookup is part of what is measured.
#[derive(Clone)]
pub struct Resolver(Option<TokioResolver>);

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Resolver")
    }
}

impl Resolver {
    /// The machine's name servers, or those of the settings.
    pub fn new(settings: &Settings) -> Self {
        let builder = if settings.nameservers.is_empty() {
            TokioResolver::builder_tokio().ok()
        } else {
            let servers = settings.nameservers.iter().copied().map(server).collect();
            let config = ResolverConfig::from_name_servers(servers);
            let provider = TokioRuntimeProvider::default();
            Some(TokioResolver::builder_with_config(config, provider))
        };
        let resolver = builder.and_then(|mut builder| {
            tune(builder.options_mut());
            builder.build().ok()
        });
        Self(resolver)
    }

    /// Addresses of a host.
    ///
    /// # Errors
    /// [`Failure::NoSuchName`] when a working resolver knows no address; the agent's fault when no
    /// resolver works.
    pub(super) async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, Failure> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse() {
            return Ok(vec![address]);
        }
        let resolver = self
            .0
            .as_ref()
            .ok_or(Failure::Agent(AgentFault::Resolver))?;
        match resolver.lookup_ip(host).await {
            Ok(found) => Ok(found.iter().collect()),
            // SERVFAIL, REFUSED and the like are answers too: the resolver works and the zone
            // does not.
            Err(why) if why.is_no_records_found() || why.is_nx_domain() || is_answer(&why) => {
                Err(Failure::NoSuchName)
            }
            Err(_) => Err(Failure::Agent(AgentFault::Resolver)),
        }
    }
}

fn is_answer(why: &hickory_resolver::net::NetError) -> bool {
    matches!(why, hickory_resolver::net::NetError::Dns(_))
}

fn server(address: SocketAddr) -> NameServerConfig {
    let mut udp = ConnectionConfig::udp();
    udp.port = address.port();
    let mut tcp = ConnectionConfig::tcp();
    tcp.port = address.port();
    NameServerConfig::new(address.ip(), true, vec![udp, tcp])
}

fn tune(options: &mut ResolverOpts) {
    options.cache_size = 0;
    options.timeout = DNS_TIMEOUT;
    options.attempts = DNS_ATTEMPTS;
    options.use_hosts_file = ResolveHosts::Always;
}

/// The client of one partner.
#[derive(Clone, Debug)]
pub struct Client {
    pub(super) resolver: Resolver,
    /// `None` when the trust store, the client certificate or its key cannot be used: the agent's
    /// fault, which each run reports.
    pub(super) tls: Option<Tls>,
    pub(super) contact: String,
    /// Counts the requests of one run; `None` for runs outside the rate limit.
    admission: Option<Arc<Admission>>,
}

impl Client {
    /// Reads the partner's trust and prepares TLS.
    pub fn new(partner: &Partner, settings: &Settings, resolver: &Resolver) -> Self {
        Self {
            resolver: resolver.clone(),
            tls: tls(partner),
            contact: settings.contact.clone(),
            admission: None,
        }
    }

    /// The same client, which counts the requests of one admitted run.
    pub fn admitted(&self, admission: Admission) -> Self {
        Self {
            admission: Some(Arc::new(admission)),
            ..self.clone()
        }
    }

    /// Counts one request.
    pub(super) fn count(&self, now: Instant) {
        if let Some(admission) = &self.admission {
            admission.count(now);
        }
    }

    /// Whether more requests were sent to the partner within the last minute than its limit allows.
    pub(super) fn is_above_rate(&self, now: Instant) -> bool {
        let admission = self.admission.as_ref();
        admission.is_some_and(|admission| admission.is_above(now))
    }
}

/// HTTP/2 by its name in ALPN.
pub(super) const H2: &[u8] = b"h2";
const HTTP_1_1: &[u8] = b"http/1.1";

/// TLS for each choice of HTTP.
#[derive(Clone, Debug)]
pub(super) struct Tls {
    one: Arc<ClientConfig>,
    two: Arc<ClientConfig>,
    auto: Arc<ClientConfig>,
}

impl Tls {
    fn new(mut config: ClientConfig) -> Self {
        // Each connection is a new session by design: what is measured is what a first visitor sees.
        config.resumption = rustls::client::Resumption::disabled();
        let with = |protocols: &[&[u8]]| {
            let mut config = config.clone();
            config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
            Arc::new(config)
        };
        Self {
            one: with(&[HTTP_1_1]),
            two: with(&[H2]),
            auto: with(&[H2, HTTP_1_1]),
        }
    }

    pub(super) fn of(&self, wanted: HttpWanted) -> Arc<ClientConfig> {
        Arc::clone(match wanted {
            HttpWanted::One => &self.one,
            HttpWanted::Two => &self.two,
            HttpWanted::Auto => &self.auto,
        })
    }
}

fn tls(partner: &Partner) -> Option<Tls> {
    /// The machine's own trust, read once for all partners that name none.
    static NATIVE: OnceLock<Tls> = OnceLock::new();
    let native = || {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        roots
    };
    let shown = partner.auth.certificate.as_ref();
    let roots = match &partner.trust {
        None if shown.is_none() => {
            return Some(NATIVE.get_or_init(|| Tls::new(without(native()))).clone());
        }
        None => native(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in read_trust(path).ok()? {
                roots.add(certificate).ok()?;
            }
            roots
        }
    };
    let config = match shown {
        None => without(roots),
        Some(shown) => {
            let SecretRef::File(key) = &shown.key;
            let chain = read_trust(&shown.chain).ok()?;
            let key = read_private_key(key).ok()?;
            ClientConfig::builder()
                .with_root_certificates(roots)
                .with_client_auth_cert(chain, key)
                .ok()?
        }
    };
    Some(Tls::new(config))
}

fn without(roots: RootCertStore) -> ClientConfig {
    ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth()
}
