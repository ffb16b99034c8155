//! Whether the secrets that a plan names can be had. Looked at after the plan is whole.

use std::path::Path;
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Severity, SourceFile};
use crate::model::{AuthKind, Partner, Plan, SecretRef};
use crate::secret::{SigningKey, Unusable, read_private_key, read_text, read_trust};

/// A warning for each key, secret, certificate and trust file that cannot be read or used; never its
/// content.
pub fn secrets(plan: &Plan) -> Vec<Diagnostic> {
    plan.partners.values().flat_map(of_partner).collect()
}

fn of_partner(partner: &Partner) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    let mut look = |path: &Path, what: &str, unusable: Option<Unusable>, help: &str| {
        let Some(why) = unusable else { return };
        let source = Arc::new(SourceFile {
            path: path.display().to_string(),
            text: String::new(),
        });
        diagnostics.push(Diagnostic {
            source,
            span: None,
            severity: Severity::Warning,
            message: format!("the {what} for \"{}\" cannot be used: {why}", partner.id),
            help: help.to_owned(),
        });
    };
    match &partner.auth.kind {
        AuthKind::PrivateKeyJwt {
            key: SecretRef::File(path),
            also_published,
            ..
        } => {
            for path in std::iter::once(path).chain(also_published) {
                let help = "put the ES384 or RS384 private key (PEM, PKCS #8) there";
                look(path, "key", SigningKey::read(path).err(), help);
            }
        }
        AuthKind::ClientSecretBasic {
            secret: SecretRef::File(path),
        }
        | AuthKind::ClientSecretPost {
            secret: SecretRef::File(path),
        }
        | AuthKind::Bearer {
            token: SecretRef::File(path),
        } => {
            let help = "put the secret there, as one line of text";
            look(path, "secret", read_text(path).err(), help);
        }
        AuthKind::TlsClientAuth => {}
    }
    if let Some(shown) = &partner.auth.certificate {
        let SecretRef::File(key) = &shown.key;
        let help = "put the certificate chain and its private key (PEM) there";
        let what = "client certificate";
        look(&shown.chain, what, read_trust(&shown.chain).err(), help);
        look(key, what, read_private_key(key).err(), help);
    }
    if let Some(path) = &partner.trust {
        let help = "put the CA's certificates (PEM) there";
        look(path, "trust file", read_trust(path).err(), help);
    }
    diagnostics
}
