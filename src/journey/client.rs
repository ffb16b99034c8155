//! How partners are reached: one resolver for all, one TLS configuration each.

use std::sync::Arc;
use std::time::Instant;

use outrider_domain::model::{Partner, ProxyChoice, Settings};
use outrider_domain::secret::SecretRef;

use super::egress::Egress;
use super::proxy::Proxies;
use super::rate_limiter::Admission;
use super::resolver::Resolver;
use super::tls::TlsSource;

/// The client of one partner.
#[derive(Clone, Debug)]
pub struct Client {
    pub(super) resolver: Resolver,
    /// Trust, client certificate and key, read again when their files change.
    pub(super) tls: Arc<TlsSource>,
    pub(super) proxies: Proxies,
    pub(super) egress: Egress,
    pub(super) contact: String,
    secrets: Arc<Vec<SecretRef>>,
    /// Counts the requests of one run; `None` for runs outside the rate limit.
    admission: Option<Arc<Admission>>,
}

impl Client {
    /// The client of one partner; its files are read when a connection is opened.
    pub fn new(partner: &Partner, settings: &Settings, resolver: &Resolver) -> Self {
        let proxy = partner.proxy.as_ref().unwrap_or(&settings.proxy);
        let secrets = partner.auth.secrets().into_iter();
        let secrets = secrets.chain(ProxyChoice::secret(proxy)).cloned();
        Self {
            resolver: resolver.clone(),
            tls: Arc::new(TlsSource::new(partner)),
            proxies: Proxies::new(partner, settings),
            egress: Egress::new(partner),
            contact: settings.contact.clone(),
            secrets: Arc::new(secrets.collect()),
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

    /// Runs the programs that give secrets, where they were not run yet, so that no request waits for one.
    pub(super) async fn run_commands(&self) {
        if self.secrets.iter().any(SecretRef::must_run) {
            let secrets = Arc::clone(&self.secrets);
            let run = move || secrets.iter().for_each(|secret| drop(secret.read()));
            // What cannot be read is reported by what needs it.
            drop(tokio::task::spawn_blocking(run).await);
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
