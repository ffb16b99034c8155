//! Whether the secrets that a plan names can be had. Looked at after the plan is whole.

use std::path::Path;
use std::sync::Arc;

use super::complaint::{Complaint, Source, Weight};
use crate::model::{AuthKind, Partner, Plan, SecretRef};
use crate::secret::{SigningKey, Unusable, read_private_key, read_text, read_trust};

/// A warning for each key, secret, certificate and trust file that cannot be read or used; never its
/// content.
pub fn secrets(plan: &Plan) -> Vec<Complaint> {
    plan.partners.values().flat_map(of_partner).collect()
}

fn of_partner(partner: &Partner) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut look = |path: &Path, what: &str, unusable: Option<Unusable>, cure: &str| {
        let Some(why) = unusable else { return };
        let source = Arc::new(Source {
            path: path.display().to_string(),
            text: String::new(),
        });
        complaints.push(Complaint {
            source,
            span: None,
            weight: Weight::Warning,
            what: format!("the {what} for \"{}\" cannot be used: {why}", partner.id),
            cure: cure.to_owned(),
        });
    };
    match &partner.auth.kind {
        AuthKind::PrivateKeyJwt {
            key: SecretRef::File(path),
            also_published,
            ..
        } => {
            for path in std::iter::once(path).chain(also_published) {
                let cure = "put the ES384 or RS384 private key (PEM, PKCS #8) there";
                look(path, "key", SigningKey::read(path).err(), cure);
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
            let cure = "put the secret there, as one line of text";
            look(path, "secret", read_text(path).err(), cure);
        }
        AuthKind::TlsClientAuth => {}
    }
    if let Some(shown) = &partner.auth.certificate {
        let SecretRef::File(key) = &shown.key;
        let cure = "put the certificate chain and its private key (PEM) there";
        let what = "client certificate";
        look(&shown.chain, what, read_trust(&shown.chain).err(), cure);
        look(key, what, read_private_key(key).err(), cure);
    }
    if let Some(path) = &partner.trust {
        let cure = "put the CA's certificates (PEM) there";
        look(path, "trust file", read_trust(path).err(), cure);
    }
    complaints
}
