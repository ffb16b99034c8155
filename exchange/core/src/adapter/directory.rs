//! Who can be asked, and whom we believe: the directory of partners.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;

use super::dialect::Dialect;

/// Why a directory of partners cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Something is missing in it.
    #[error("the directory of partners has no {0}")]
    Lacks(&'static str),
    /// Its authority cannot be read.
    #[error("the authority {0} cannot be read")]
    Trust(PathBuf),
}

/// One partner, as the directory has it.
#[derive(Clone, Debug)]
pub struct Partner {
    /// Its id.
    pub id: String,
    /// Its National Provider Identifier.
    pub npi: String,
    /// Its FHIR base, without a slash at the end.
    pub base: String,
    /// How to speak to it.
    pub dialect: Dialect,
    /// As whom we sign in.
    pub client_id: String,
    /// With which key.
    pub key: PathBuf,
    /// Under which name it is registered.
    pub kid: String,
}

impl Partner {
    /// Scheme, host and port.
    pub fn origin(&self) -> &str {
        let after = self.base.find("://").map_or(0, |at| at + 3);
        let end = self.base[after..]
            .find('/')
            .map_or(self.base.len(), |at| after + at);
        &self.base[..end]
    }

    /// The token endpoint.
    pub fn token_url(&self) -> String {
        format!("{}/oauth/token", self.base.trim_end_matches("/fhir"))
    }
}

/// Who can be asked, and whom we believe.
pub struct Directory {
    /// The partners.
    pub partners: Vec<Partner>,
    pub(super) tls: Arc<ClientConfig>,
}

impl Directory {
    /// Reads what the sandboxes' ready line says: `trust` and `partners`.
    ///
    /// # Errors
    /// When something is missing in it.
    pub fn read(ready: &Value) -> Result<Self, DirectoryError> {
        let trust = ready["trust"]
            .as_str()
            .ok_or(DirectoryError::Lacks("trust"))?;
        let list = ready["partners"].as_array();
        let mut partners = Vec::new();
        for one in list.ok_or(DirectoryError::Lacks("partners"))? {
            let text = |name: &'static str| {
                let text = one[name].as_str().map(str::to_owned);
                text.ok_or(DirectoryError::Lacks(name))
            };
            partners.push(Partner {
                id: text("id")?,
                npi: text("npi")?,
                base: text("base_url")?,
                dialect: Dialect::named(&text("persona")?),
                client_id: text("client_id")?,
                key: text("key")?.into(),
                kid: text("kid")?,
            });
        }
        let tls = tls(Path::new(trust)).ok_or_else(|| DirectoryError::Trust(trust.into()))?;
        Ok(Self { partners, tls })
    }

    /// The partner with that id.
    pub fn partner(&self, id: &str) -> Option<&Partner> {
        self.partners.iter().find(|one| one.id == id)
    }
}

fn tls(trust: &Path) -> Option<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    for one in CertificateDer::pem_file_iter(trust).ok()? {
        roots.add(one.ok()?).ok()?;
    }
    let mut config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Some(Arc::new(config))
}
