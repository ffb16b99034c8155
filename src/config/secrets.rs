//! Whether the secrets that a plan names can be had. Looked at after the plan is whole.

use std::sync::Arc;

use super::complaint::{Complaint, Source, Weight};
use crate::model::{AuthKind, ClientCertificate, Plan, SecretRef};
use crate::secret::{SigningKey, read_private_key, read_text, read_trust};

/// A warning for each key and trust file that cannot be read or used; never its content.
pub fn secrets(plan: &Plan) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut complain = |path: &std::path::Path, what: String, cure: String| {
        let source = Arc::new(Source {
            path: path.display().to_string(),
            text: String::new(),
        });
        complaints.push(Complaint {
            source,
            span: None,
            weight: Weight::Warning,
            what,
            cure,
        });
    };
    for partner in plan.partners.values() {
        match &partner.auth.kind {
            AuthKind::PrivateKeyJwt {
                key: SecretRef::File(path),
                also_published,
                ..
            } => {
                for path in std::iter::once(path).chain(also_published) {
                    if let Err(why) = SigningKey::read(path) {
                        let what = format!("the key for \"{}\" cannot be used: {why}", partner.id);
                        let cure = "put the ES384 or RS384 private key (PEM, PKCS #8) there";
                        complain(path, what, cure.to_owned());
                    }
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
                if let Err(why) = read_text(path) {
                    let what = format!("the secret for \"{}\" cannot be used: {why}", partner.id);
                    let cure = "put the secret there, as one line of text";
                    complain(path, what, cure.to_owned());
                }
            }
            AuthKind::TlsClientAuth => {}
        }
        if let Some(ClientCertificate {
            chain,
            key: SecretRef::File(key),
        }) = &partner.auth.certificate
        {
            let unusable = [
                (chain, read_trust(chain).err()),
                (key, read_private_key(key).err()),
            ];
            for (path, why) in unusable {
                let Some(why) = why else { continue };
                let what = format!(
                    "the client certificate for \"{}\" cannot be used: {why}",
                    partner.id
                );
                let cure = "put the certificate chain and its private key (PEM) there";
                complain(path, what, cure.to_owned());
            }
        }
        if let Some(path) = &partner.trust
            && let Err(why) = read_trust(path)
        {
            let what = format!(
                "the trust file for \"{}\" cannot be used: {why}",
                partner.id
            );
            complain(
                path,
                what,
                "put the CA's certificates (PEM) there".to_owned(),
            );
        }
    }
    complaints
}
