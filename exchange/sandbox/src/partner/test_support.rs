//! A partner for tests: it has no listener, its clock stands still, and tests put tokens into the store.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use chrono::DateTime;
use exchange_kit::clock::Clock;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use tempfile::TempDir;

use super::headers::Caller;
use super::state::{Partner, PartnerSite, Settings};
use crate::member::{Payer, Roster};
use crate::store::{Store, Token};
use crate::trust::ClientCertificates;

/// A partner with a temporary state folder.
pub(crate) struct TestPartner {
    pub(crate) partner: Arc<Partner>,
    _state: TempDir,
}

impl TestPartner {
    pub(crate) fn new() -> Self {
        Self::of(Payer::ALL[0])
    }

    pub(crate) fn of(payer: Payer) -> Self {
        let state = tempfile::tempdir().unwrap();
        let roster = Roster::draw(payer, 7, 12);
        let clock = Clock::held(DateTime::from_timestamp(1_795_000_000, 0).unwrap());
        let settings = Settings {
            token_ttl_seconds: 300,
            job_ms: 200,
            jobs_open_max: 100,
            scans_mib: 0,
            certificates: ClientCertificates::NotAsked,
        };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 8443));
        let store = Arc::new(Store::in_memory().unwrap());
        let site = PartnerSite::open(state.path(), payer.id, address, None).unwrap();
        let partner = Partner::new(roster, site, store, clock, settings).unwrap();
        Self {
            partner: Arc::new(partner),
            _state: state,
        }
    }

    /// Headers with a token of `client` for `scope`.
    pub(crate) fn bearer(&self, client: &str, scope: &str) -> Caller {
        let secret = format!("{client}-{}", scope.len());
        let until_ms = self.partner.clock.now_millis() + 86_400_000;
        let token = Token {
            client: client.to_owned(),
            scope: scope.to_owned(),
            until_ms,
            bound: None,
        };
        let hash = exchange_kit::digest::hex_of_sha256(secret.as_bytes());
        self.partner
            .store
            .keep_token(self.partner.payer.id, &hash, &token, 0)
            .unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(
            AUTHORIZATION,
            HeaderValue::try_from(format!("Bearer {secret}")).unwrap(),
        );
        headers.insert("prefer", HeaderValue::from_static("respond-async"));
        Caller::from(headers)
    }
}
