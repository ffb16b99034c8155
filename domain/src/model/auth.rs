//! How we sign in.

use std::path::PathBuf;

use crate::secret::SecretRef;

/// How we sign in at a partner.
#[derive(Clone, Debug, PartialEq)]
pub struct Auth {
    /// Our id at the partner: `iss` and `sub` of an assertion, or `client_id`. Empty for a bearer token.
    pub client_id: String,
    /// What proves that it is us.
    pub kind: AuthKind,
    /// The certificate that we show in each TLS handshake (RFC 8705); none for none.
    pub certificate: Option<ClientCertificate>,
}

/// What proves that it is us; names of RFC 7591 and RFC 8705.
#[derive(Clone, Debug, PartialEq)]
pub enum AuthKind {
    /// SMART Backend Services: an assertion signed by RS384 or ES384, as the key is.
    PrivateKeyJwt {
        /// The private key, PEM.
        key: SecretRef,
        /// The key's id at the partner; none for its RFC 7638 thumbprint.
        kid: Option<String>,
        /// Keys that are not signed with, and whose public halves are published as well.
        also_published: Vec<SecretRef>,
    },
    /// A shared secret in the `Authorization` header of the token request.
    ClientSecretBasic {
        /// The secret.
        secret: SecretRef,
    },
    /// A shared secret in the body of the token request.
    ClientSecretPost {
        /// The secret.
        secret: SecretRef,
    },
    /// The client certificate alone.
    TlsClientAuth,
    /// No sign-in: requests carry no token.
    None,
    /// A token that does not change; no endpoint is asked.
    Bearer {
        /// The token.
        token: SecretRef,
    },
}

/// A client certificate and its key, PEM.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientCertificate {
    /// The chain, leaf first.
    pub chain: PathBuf,
    /// Its private key.
    pub key: SecretRef,
}

impl Auth {
    /// Where the secrets are that it signs in with.
    pub fn secrets(&self) -> Vec<&SecretRef> {
        let mut secrets = match &self.kind {
            AuthKind::PrivateKeyJwt {
                key,
                also_published,
                ..
            } => std::iter::once(key).chain(also_published).collect(),
            AuthKind::ClientSecretBasic { secret } | AuthKind::ClientSecretPost { secret } => {
                vec![secret]
            }
            AuthKind::Bearer { token } => vec![token],
            AuthKind::TlsClientAuth | AuthKind::None => Vec::new(),
        };
        secrets.extend(self.certificate.as_ref().map(|shown| &shown.key));
        secrets
    }
}
