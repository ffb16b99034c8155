//! TLS towards one partner: its trust, our certificate and key, as their files hold them now.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use chrono::{DateTime, Utc};
use outrider_domain::model::{ClientCertificate, HttpWanted, Partner};
use outrider_domain::secret::{read_chain, read_private_key, read_trust, validity};
use rustls::client::WebPkiServerVerifier;
use rustls::{ClientConfig, RootCertStore};

use super::certificates::{ShownChain, seeing};
use super::stamp::{Stamp, secret_stamp, stamp};

/// HTTP/2 by its name in ALPN.
pub(super) const H2: &[u8] = b"h2";
const HTTP_1_1: &[u8] = b"http/1.1";

/// TLS for each choice of HTTP.
#[derive(Clone, Debug)]
pub(super) struct Tls {
    one: Arc<ClientConfig>,
    two: Arc<ClientConfig>,
    auto: Arc<ClientConfig>,
    /// By which connections are verified that keep what was shown; none where there is no root to trust.
    verifier: Option<Arc<WebPkiServerVerifier>>,
}

impl Tls {
    fn new(mut config: ClientConfig, roots: Arc<RootCertStore>) -> Self {
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
            verifier: WebPkiServerVerifier::builder(roots).build().ok(),
        }
    }

    /// The TLS of one connection, and the chain that will be shown on it.
    pub(super) fn of(&self, wanted: HttpWanted) -> (Arc<ClientConfig>, ShownChain) {
        let config = match wanted {
            HttpWanted::One => &self.one,
            HttpWanted::Two => &self.two,
            HttpWanted::Auto => &self.auto,
        };
        match &self.verifier {
            Some(verifier) => {
                let (config, shown) = seeing(config, verifier);
                (Arc::new(config), shown)
            }
            None => (Arc::clone(config), ShownChain::default()),
        }
    }
}

/// Our own certificate at the time of a handshake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum OwnCertificate {
    /// None is configured.
    #[default]
    None,
    /// Its time has not come.
    NotYetValid,
    /// It is valid.
    Valid,
    /// Its time is over.
    Expired,
}

/// What one reading of the files gave.
#[derive(Clone, Debug)]
struct Loaded {
    stamps: Vec<Stamp>,
    /// None when a file cannot be used: the agent's fault, which each run reports.
    tls: Option<Tls>,
    /// From when until when our certificate is valid.
    own: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

/// The files of one partner.
#[derive(Debug)]
pub(super) struct TlsSource {
    trust: Option<PathBuf>,
    certificate: Option<ClientCertificate>,
    loaded: Mutex<Option<Loaded>>,
}

impl TlsSource {
    pub(super) fn new(partner: &Partner) -> Self {
        Self {
            trust: partner.trust.clone(),
            certificate: partner.auth.certificate.clone(),
            loaded: Mutex::new(None),
        }
    }

    /// TLS for a handshake, and the state of our certificate in it. None when a file cannot be used.
    pub(super) fn now(&self, now: DateTime<Utc>) -> Option<(Tls, OwnCertificate)> {
        let stamps = self.stamps();
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        // A file that cannot be used may be in the middle of its renewal: it is read again each time.
        let is_current = |one: &Loaded| one.stamps == stamps && one.tls.is_some();
        if !loaded.as_ref().is_some_and(is_current) {
            *loaded = Some(Loaded {
                stamps,
                tls: self.load(),
                own: self.own_validity(),
            });
        }
        let loaded = loaded.as_ref()?;
        let own = match loaded.own {
            _ if self.certificate.is_none() => OwnCertificate::None,
            Some((from, _)) if now < from => OwnCertificate::NotYetValid,
            Some((_, until)) if now > until => OwnCertificate::Expired,
            Some(_) | None => OwnCertificate::Valid,
        };
        Some((loaded.tls.clone()?, own))
    }

    fn stamps(&self) -> Vec<Stamp> {
        let own = self.certificate.iter();
        let own = own.flat_map(|shown| [stamp(&shown.chain), secret_stamp(&shown.key)]);
        let trust = self.trust.iter().map(|path| stamp(path));
        trust.chain(own).collect()
    }

    fn own_validity(&self) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let chain = read_chain(&self.certificate.as_ref()?.chain).ok()?;
        validity(chain.first()?)
    }

    fn load(&self) -> Option<Tls> {
        /// The machine's own trust, read once for all partners that name none.
        static NATIVE: OnceLock<Tls> = OnceLock::new();
        let native = || {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            roots
        };
        let shown = self.certificate.as_ref();
        let roots = match &self.trust {
            None if shown.is_none() => {
                return Some(NATIVE.get_or_init(|| without(native())).clone());
            }
            None => native(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                // One that cannot be used does not take the others with it; `check` names it.
                let (usable, _) = roots.add_parsable_certificates(read_trust(path).ok()?);
                if usable == 0 {
                    return None;
                }
                roots
            }
        };
        let Some(shown) = shown else {
            return Some(without(roots));
        };
        let chain = read_chain(&shown.chain).ok()?;
        let key = read_private_key(&shown.key).ok()?;
        let roots = Arc::new(roots);
        let config = ClientConfig::builder()
            .with_root_certificates(Arc::clone(&roots))
            .with_client_auth_cert(chain, key)
            .ok()?;
        Some(Tls::new(config, roots))
    }
}

fn without(roots: RootCertStore) -> Tls {
    let roots = Arc::new(roots);
    let config = ClientConfig::builder()
        .with_root_certificates(Arc::clone(&roots))
        .with_no_client_auth();
    Tls::new(config, roots)
}
