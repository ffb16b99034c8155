//! How Prometheus and Alertmanager reach a listener that asks who they are.

use outrider_domain::model::Settings;
use serde::Serialize;

/// `authorization` and `tls_config`, which both programs read alike.
#[derive(Debug, Serialize)]
pub(super) struct HttpConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) authorization: Option<Authorization>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_config: Option<TlsConfig>,
}

/// The token that is sent, in a file that is read for each request.
#[derive(Debug, Serialize)]
pub(super) struct Authorization {
    credentials_file: String,
}

#[derive(Debug, Serialize)]
struct TlsConfig {
    ca_file: String,
}

impl HttpConfig {
    /// For the agent's own listener.
    pub(super) fn of(settings: &Settings) -> Self {
        let access = &settings.access;
        let ca = access.tls.as_ref().and_then(|tls| tls.ca.clone());
        let local = || settings.token_file().display().to_string();
        let credentials_file = access.credentials_file.clone().unwrap_or_else(local);
        Self {
            authorization: Some(Authorization { credentials_file }),
            ..Self::trusting(ca)
        }
    }

    /// For a listener that asks for nothing, with the certificate of its authority.
    pub(super) fn trusting(ca: Option<String>) -> Self {
        Self {
            authorization: None,
            tls_config: ca.map(|ca_file| TlsConfig { ca_file }),
        }
    }
}
