//! Whether the secrets that a plan names can be had. Looked at after the plan is whole.

use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::diagnostic::{Diagnostic, Severity, SourceFile};
use crate::model::{AuthKind, Partner, Plan};
use crate::secret::{
    ChainFault, SecretRef, SigningKey, Unusable, chain_faults, names_host_as_authority, read_chain,
    read_private_key, read_text, read_trust, unusable_trust,
};

/// A warning for each key, secret, certificate and trust file that cannot be read or used; never its
/// content. Our own certificates must be valid at the time that is given.
pub fn secrets(plan: &Plan, now: DateTime<Utc>) -> Vec<Diagnostic> {
    let partners = plan.partners.values();
    let mut found: Vec<Diagnostic> = partners.flat_map(|one| of_partner(one, now)).collect();
    if let Some(tls) = &plan.settings.access.tls {
        let mut findings = Findings {
            whose: "the listener",
            found: Vec::new(),
        };
        let key = SecretRef::File(tls.key.clone());
        own_chain(&mut findings, "certificate", (&tls.certificate, &key), now);
        found.extend(findings.found);
    }
    let agents = plan.settings.proxy.secret();
    let whose = agents.map(|secret| ("the agent", secret));
    let partners = plan.partners.values().filter_map(|partner| {
        let secret = partner.proxy.as_ref()?.secret()?;
        Some((partner.id.as_str(), secret))
    });
    for (whose, secret) in whose.into_iter().chain(partners) {
        let mut findings = Findings {
            whose,
            found: Vec::new(),
        };
        line_of_text(&mut findings, secret, "proxy password");
        found.extend(findings.found);
    }
    let report = plan.settings.report.as_ref();
    if let Some(key) = report.and_then(|report| report.key.as_ref())
        && let Err(why) = read_private_key(key)
    {
        let mut findings = Findings {
            whose: "reports",
            found: Vec::new(),
        };
        let help = "make one: openssl genpkey -algorithm ed25519 -out report.pem";
        findings.unusable(key, "key", why, help);
        found.extend(findings.found);
    }
    found
}

/// One secret of the plan: whose it is, where it comes from, and whether it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretState {
    /// The partner's id; none for the agent's own.
    pub partner: Option<String>,
    /// Where it comes from, such as `environment variable KEYSTONE_SECRET`; never the secret.
    pub source: String,
    /// Why it is of no use for what it is for; none where it is.
    pub fault: Option<Unusable>,
}

/// Every secret that the plan names, in the order of partners. Commands are run where they were not yet.
pub fn secret_states(plan: &Plan) -> Vec<SecretState> {
    let secrets = plan.secrets().into_iter();
    let states = secrets.map(|(partner, secret)| SecretState {
        partner: partner.map(ToString::to_string),
        source: secret.to_string(),
        fault: fault(plan, partner.and_then(|id| plan.partners.get(id)), secret),
    });
    states.collect()
}

/// Why a secret of a partner, or of the agent, is of no use for what it is for.
fn fault(plan: &Plan, partner: Option<&Partner>, secret: &SecretRef) -> Option<Unusable> {
    let auth = partner.map(|partner| &partner.auth);
    let shown = auth.and_then(|auth| auth.certificate.as_ref());
    let report = plan.settings.report.as_ref();
    let signs_reports = report.is_some_and(|report| report.key.as_ref() == Some(secret));
    if signs_reports || shown.is_some_and(|shown| shown.key == *secret) {
        return read_private_key(secret).err();
    }
    match auth.map(|auth| &auth.kind) {
        Some(AuthKind::PrivateKeyJwt {
            key,
            also_published,
            ..
        }) if key == secret || also_published.contains(secret) => SigningKey::read(secret).err(),
        _ => read_text(secret).err(),
    }
}

/// Collects what is found about one partner.
struct Findings<'a> {
    whose: &'a str,
    found: Vec<Diagnostic>,
}

impl Findings<'_> {
    fn add(&mut self, place: impl ToString, message: String, help: impl Into<String>) {
        let source = Arc::new(SourceFile {
            path: place.to_string(),
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

    fn unusable(&mut self, shown: &dyn Display, what: &str, why: Unusable, help: &str) {
        let message = format!("the {what} for \"{}\" cannot be used: {why}", self.whose);
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
            | Unusable::NotText
            | Unusable::TooLong => help.to_owned(),
            Unusable::BrokenCertificate(_) => "replace that block, or take it out".to_owned(),
            Unusable::Unset => {
                "set it in the environment that the agent is started with".to_owned()
            }
            Unusable::NoCredentials => {
                "let the unit say LoadCredential=NAME:/path, and start the agent as that service"
                    .to_owned()
            }
            Unusable::NotStarted => {
                "name a program that this user may run; no shell looks at it".to_owned()
            }
            Unusable::Failed | Unusable::TooSlow => {
                "run it by hand as the agent's user: it must write the secret and nothing else \
                 to its standard output, and end with status 0"
                    .to_owned()
            }
        };
        self.add(shown, message, help);
    }

    /// A key or secret that every user of the machine may read is no secret.
    fn private(&mut self, secret: &SecretRef, what: &str) {
        use std::os::unix::fs::PermissionsExt;
        let SecretRef::File(path) = secret else {
            return;
        };
        let mode = std::fs::metadata(path).map_or(0, |found| found.permissions().mode());
        if mode & 0o007 != 0 {
            let message = format!(
                "the {what} for \"{}\" can be read by every user (mode {:04o})",
                self.whose,
                mode & 0o7777
            );
            self.add(
                path.display(),
                message,
                format!("chmod 600 {}", path.display()),
            );
        }
    }
}

fn of_partner(partner: &Partner, now: DateTime<Utc>) -> Vec<Diagnostic> {
    let mut findings = Findings {
        whose: partner.id.as_str(),
        found: Vec::new(),
    };
    sign_in(&mut findings, &partner.auth.kind);
    if let Some(shown) = &partner.auth.certificate {
        let files = (shown.chain.as_path(), &shown.key);
        own_chain(&mut findings, "client certificate", files, now);
    }
    if let Some(path) = &partner.trust {
        trust(&mut findings, path, &partner.base_url);
    }
    findings.found
}

fn sign_in(findings: &mut Findings<'_>, kind: &AuthKind) {
    match kind {
        AuthKind::PrivateKeyJwt {
            key,
            also_published,
            ..
        } => {
            for from in std::iter::once(key).chain(also_published) {
                let help = "put the ES384 or RS384 private key (PEM, PKCS #8) there";
                match SigningKey::read(from) {
                    Ok(_) => findings.private(from, "key"),
                    Err(why) => findings.unusable(from, "key", why, help),
                }
            }
        }
        AuthKind::ClientSecretBasic { secret }
        | AuthKind::ClientSecretPost { secret }
        | AuthKind::Bearer { token: secret } => line_of_text(findings, secret, "secret"),
        AuthKind::TlsClientAuth | AuthKind::None => {}
    }
}

fn line_of_text(findings: &mut Findings<'_>, secret: &SecretRef, what: &str) {
    let help = "put the secret there, as one line of text";
    match read_text(secret) {
        Ok(_) => findings.private(secret, what),
        Err(why) => findings.unusable(secret, what, why, help),
    }
}

/// A chain of our own and its key, which the other side gets to see.
fn own_chain(
    findings: &mut Findings<'_>,
    what: &str,
    (chain, key): (&Path, &SecretRef),
    now: DateTime<Utc>,
) {
    let help = "put the certificate chain and its private key (PEM) there";
    let key_read = read_private_key(key);
    let chain_read = read_chain(chain);
    if let Err(why) = &chain_read {
        findings.unusable(&chain.display(), what, *why, help);
    }
    if let Err(why) = &key_read {
        findings.unusable(key, what, *why, help);
    }
    let (Ok(_), Ok(_)) = (chain_read, key_read) else {
        return;
    };
    findings.private(key, &format!("key of the {what}"));
    for fault in chain_faults(chain, key, now).unwrap_or_default() {
        let message = format!(
            "the {what} for \"{}\" cannot be used: {fault}",
            findings.whose
        );
        let help = match fault {
            ChainFault::OtherKey => "put the key there that the certificate was made for",
            ChainFault::AuthorityFirst | ChainFault::Order(..) => {
                "put our own certificate first, then each one's issuer behind it"
            }
            ChainFault::Expired(..) => "renew it: the file is read again when it changes",
            ChainFault::NotYetValid(..) => "use the one before it until then, or mend the clock",
        };
        findings.add(chain.display(), message, help);
    }
}

fn trust(findings: &mut Findings<'_>, path: &Path, base_url: &str) {
    let help = "put the CA's certificates (PEM) there";
    let id = findings.whose;
    let (broken, all) = match unusable_trust(path) {
        Ok(found) => found,
        Err(why) => return findings.unusable(&path.display(), "trust file", why, help),
    };
    for place in broken {
        let message =
            format!("certificate {place} of {all} in the trust file for \"{id}\" cannot be used");
        let help = "replace that block, or take it out; the others are used";
        findings.add(path.display(), message, help);
    }
    let host = http::Uri::from_str(base_url).ok();
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
        findings.add(path.display(), message, help);
    }
}
