//! Whether the secrets that a plan names can be had. Looked at after the plan is whole.

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Severity, SourceFile};
use crate::model::{AuthKind, ClientCertificate, Partner, Plan, SecretRef};
use crate::secret::{
    ChainFault, SigningKey, Unusable, chain_fault, names_host_as_authority, read_private_key,
    read_text, read_trust, unusable_trust,
};

/// A warning for each key, secret, certificate and trust file that cannot be read or used; never its
/// content.
pub fn secrets(plan: &Plan) -> Vec<Diagnostic> {
    plan.partners.values().flat_map(of_partner).collect()
}

/// Collects what is found about one partner.
struct Findings<'a> {
    partner: &'a Partner,
    found: Vec<Diagnostic>,
}

impl Findings<'_> {
    fn add(&mut self, path: &Path, message: String, help: impl Into<String>) {
        let source = Arc::new(SourceFile {
            path: path.display().to_string(),
            text: String::new(),
        });
        self.found.push(Diagnostic {
            source,
            span: None,
            severity: Severity::Warning,
            message,
            help: help.into(),
        });
    }

    fn unusable(&mut self, path: &Path, what: &str, why: Unusable, help: &str) {
        let message = format!(
            "the {what} for \"{}\" cannot be used: {why}",
            self.partner.id
        );
        let shown = path.display();
        let help = match why {
            Unusable::OlderForm => {
                format!("convert it: openssl pkcs8 -topk8 -nocrypt -in {shown} -out {shown}.pkcs8")
            }
            Unusable::Encrypted => {
                format!("decrypt it: openssl pkcs8 -in {shown} -out {shown}.plain")
            }
            Unusable::Missing
            | Unusable::Forbidden
            | Unusable::Folder
            | Unusable::Unreadable
            | Unusable::NotPem
            | Unusable::WrongKind
            | Unusable::NotText => help.to_owned(),
        };
        self.add(path, message, help);
    }

    /// A key or secret that every user of the machine may read is no secret.
    fn private(&mut self, path: &Path, what: &str) {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).map_or(0, |found| found.permissions().mode());
        if mode & 0o007 != 0 {
            let message = format!(
                "the {what} for \"{}\" can be read by every user (mode {:04o})",
                self.partner.id,
                mode & 0o7777
            );
            self.add(path, message, format!("chmod 600 {}", path.display()));
        }
    }
}

fn of_partner(partner: &Partner) -> Vec<Diagnostic> {
    let mut findings = Findings {
        partner,
        found: Vec::new(),
    };
    sign_in(&mut findings);
    if let Some(shown) = &partner.auth.certificate {
        client_certificate(&mut findings, shown);
    }
    if let Some(path) = &partner.trust {
        trust(&mut findings, path);
    }
    findings.found
}

fn sign_in(findings: &mut Findings<'_>) {
    match &findings.partner.auth.kind {
        AuthKind::PrivateKeyJwt {
            key: SecretRef::File(path),
            also_published,
            ..
        } => {
            for path in std::iter::once(path).chain(also_published) {
                let help = "put the ES384 or RS384 private key (PEM, PKCS #8) there";
                match SigningKey::read(path) {
                    Ok(_) => findings.private(path, "key"),
                    Err(why) => findings.unusable(path, "key", why, help),
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
            let help = "put the secret there, as one line of text";
            match read_text(path) {
                Ok(_) => findings.private(path, "secret"),
                Err(why) => findings.unusable(path, "secret", why, help),
            }
        }
        AuthKind::TlsClientAuth | AuthKind::None => {}
    }
}

fn client_certificate(findings: &mut Findings<'_>, shown: &ClientCertificate) {
    let SecretRef::File(key) = &shown.key;
    let help = "put the certificate chain and its private key (PEM) there";
    let what = "client certificate";
    let (chain_read, key_read) = (read_trust(&shown.chain), read_private_key(key));
    if let Err(why) = &chain_read {
        findings.unusable(&shown.chain, what, *why, help);
    }
    if let Err(why) = &key_read {
        findings.unusable(key, what, *why, help);
    }
    let (Ok(_), Ok(_)) = (chain_read, key_read) else {
        return;
    };
    findings.private(key, "key of the client certificate");
    if let Ok(Some(fault)) = chain_fault(&shown.chain, key) {
        let message = format!(
            "the {what} for \"{}\" cannot be used: {fault}",
            findings.partner.id
        );
        let help = match fault {
            ChainFault::OtherKey => "put the key there that the certificate was made for",
            ChainFault::Broken(_) => "replace that block, or take it out",
            ChainFault::AuthorityFirst | ChainFault::Order(..) => {
                "put our own certificate first, then each one's issuer behind it"
            }
        };
        findings.add(&shown.chain, message, help);
    }
}

fn trust(findings: &mut Findings<'_>, path: &Path) {
    let help = "put the CA's certificates (PEM) there";
    let id = &findings.partner.id;
    let (broken, all) = match unusable_trust(path) {
        Ok(found) => found,
        Err(why) => return findings.unusable(path, "trust file", why, help),
    };
    for place in broken {
        let message =
            format!("certificate {place} of {all} in the trust file for \"{id}\" cannot be used");
        let help = "replace that block, or take it out; the others are used";
        findings.add(path, message, help);
    }
    let host = http::Uri::from_str(&findings.partner.base_url).ok();
    let host = host.as_ref().and_then(http::Uri::host).unwrap_or_default();
    let certificates = read_trust(path).unwrap_or_default();
    let own = certificates
        .iter()
        .position(|one| names_host_as_authority(one, host));
    if let Some(place) = own {
        let message = format!(
            "certificate {} in the trust file for \"{id}\" is an authority's (CA:TRUE) and names {host} \
             itself: a server that shows it is refused",
            place + 1
        );
        let help = "let the server show one with basicConstraints CA:FALSE, signed by this one";
        findings.add(path, message, help);
    }
}
