//! When certificates end: of the chains that hosts of partners show, kept in the ledger, and of our own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use outrider_domain::model::{
    AuthKind, CertificateRole, HostChain, Partner, PartnerId, Plan, Renames, RunRecord, names,
};
use outrider_domain::secret::read_trust;

use crate::expose::Numbers;
use crate::journey::chain_end;
use crate::ledger::SeenChain;

/// How long a host is shown that shows no certificate any more: more than a week, so that a weekly journey keeps its
/// hosts.
const HOSTS_KEPT: TimeDelta = TimeDelta::days(8);
/// A chain that is as it was is written again after so long, so that it is known to be shown still.
const SEEN_GRAIN: TimeDelta = TimeDelta::days(1);

/// A handle to the certificates of every partner.
#[derive(Clone, Debug, Default)]
pub(super) struct Certificates(Arc<Mutex<AllCertificates>>);

#[derive(Debug, Default)]
struct AllCertificates {
    shown: BTreeMap<PartnerId, Vec<SeenChain>>,
    own: BTreeMap<PartnerId, Vec<HostChain>>,
}

impl Certificates {
    fn all(&self) -> MutexGuard<'_, AllCertificates> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what the ledger has, under the present names.
    pub(super) fn restore(&self, stored: BTreeMap<PartnerId, Vec<SeenChain>>, renames: &Renames) {
        let mut all = self.all();
        for (partner, chains) in stored {
            let present = renames.partners.get(&partner).cloned().unwrap_or(partner);
            let known = all.shown.entry(present).or_default();
            chains.into_iter().for_each(|one| add(known, one));
        }
    }

    /// What follows from a run: the chains of its partner where they are others than before, to be written.
    pub(super) fn chains_after(
        &self,
        run: &RunRecord,
        now: DateTime<Utc>,
    ) -> Option<(PartnerId, Vec<SeenChain>)> {
        let all = self.all();
        let mut chains = all.shown.get(&run.partner).cloned().unwrap_or_default();
        let before = chains.clone();
        for chain in &run.chains {
            let one = SeenChain {
                chain: chain.clone(),
                seen_at: now,
            };
            let is_known =
                |known: &SeenChain| known.chain == *chain && now - known.seen_at < SEEN_GRAIN;
            if !chains.iter().any(is_known) {
                add(&mut chains, one);
            }
        }
        chains.retain(|one| now - one.seen_at < HOSTS_KEPT);
        (chains != before).then(|| (run.partner.clone(), chains))
    }

    /// Takes in chains that are durable now.
    pub(super) fn set(&self, partner: &PartnerId, chains: Vec<SeenChain>, numbers: &mut Numbers) {
        let mut all = self.all();
        all.shown.insert(partner.clone(), chains);
        all.publish(partner, numbers);
    }

    /// Reads our own certificates, and sets the numbers of every partner of the plan.
    pub(super) fn refresh(&self, plan: &Plan, now: DateTime<Utc>, numbers: &Mutex<Numbers>) {
        let own = plan.partners.values();
        let own = own.map(|partner| (partner.id.clone(), own_chains(partner)));
        let own: BTreeMap<_, _> = own.collect();
        let mut numbers = numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = self.all();
        all.own = own;
        for chains in all.shown.values_mut() {
            chains.retain(|one| now - one.seen_at < HOSTS_KEPT);
        }
        let partners: BTreeSet<&PartnerId> = plan.partners.keys().collect();
        numbers.retain(&names::CERTIFICATE_EXPIRY, |labels| {
            let [partner, ..] = labels else { return false };
            partners.iter().any(|one| one.as_str() == *partner)
        });
        for partner in partners {
            all.publish(partner, &mut numbers);
        }
    }

    /// What was renamed goes on under its present name.
    pub(super) fn rename(&self, renames: &Renames) {
        let mut all = self.all();
        for (old, new) in &renames.partners {
            let chains = all.shown.remove(old).unwrap_or_default();
            let known = all.shown.entry(new.clone()).or_default();
            chains.into_iter().for_each(|one| add(known, one));
        }
    }
}

impl AllCertificates {
    fn publish(&self, partner: &PartnerId, numbers: &mut Numbers) {
        let shown = self.shown.get(partner).into_iter().flatten();
        let shown = shown.map(|one| &one.chain);
        let own = self.own.get(partner).into_iter().flatten();
        let chains: Vec<&HostChain> = shown.chain(own).collect();
        let labels = |one: &HostChain| {
            [
                partner.to_string(),
                one.host.clone(),
                one.role.name().to_owned(),
                one.end.subject.name().to_owned(),
            ]
        };
        let wanted: BTreeSet<[String; 4]> = chains.iter().map(|one| labels(one)).collect();
        numbers.retain(&names::CERTIFICATE_EXPIRY, |own| {
            let is_wanted = || wanted.iter().any(|one| one.iter().eq(own.iter()));
            own.first() != Some(&partner.as_str()) || is_wanted()
        });
        for chain in chains {
            let labels = labels(chain);
            let labels = labels.each_ref().map(String::as_str);
            numbers.set_time(&names::CERTIFICATE_EXPIRY, &labels, chain.end.ends_at);
        }
    }
}

/// Adds a chain in the place of the one that the same host showed in the same role, unless that was seen later.
fn add(to: &mut Vec<SeenChain>, chain: SeenChain) {
    let is_same = |one: &&mut SeenChain| {
        one.chain.role == chain.chain.role && one.chain.host == chain.chain.host
    };
    match to.iter_mut().find(is_same) {
        Some(known) if known.seen_at <= chain.seen_at => *known = chain,
        Some(_) => {}
        None => to.push(chain),
    }
}

/// The certificates that we show a partner, and those that stand next to the key that signs assertions. Files that
/// cannot be read have none; each run reports them.
fn own_chains(partner: &Partner) -> Vec<HostChain> {
    let client = partner.auth.certificate.as_ref();
    let client = client.map(|one| (CertificateRole::Client, one.chain.clone()));
    let signing = match &partner.auth.kind {
        AuthKind::PrivateKeyJwt { key, .. } => {
            key.file().map(|file| (CertificateRole::Signing, file))
        }
        AuthKind::ClientSecretBasic { .. }
        | AuthKind::ClientSecretPost { .. }
        | AuthKind::TlsClientAuth
        | AuthKind::Bearer { .. }
        | AuthKind::None => None,
    };
    let files = client.into_iter().chain(signing);
    files
        .filter_map(|(role, file)| own_chain(role, &file))
        .collect()
}

fn own_chain(role: CertificateRole, file: &Path) -> Option<HostChain> {
    let chain = read_trust(file).ok()?;
    Some(HostChain {
        role,
        host: file.file_name()?.to_string_lossy().into_owned(),
        end: chain_end(chain.iter().map(AsRef::as_ref))?,
    })
}

#[cfg(test)]
mod tests {
    use chrono::Datelike as _;
    use outrider_domain::model::{
        ChainEnd, ClientCertificate, JourneyId, ProbeId, RunId, SubjectKind, Tick,
    };

    use super::*;
    use outrider_domain::secret::SecretRef;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn run(chains: &[(CertificateRole, &str, i64, SubjectKind)]) -> RunRecord {
        let tick = Tick {
            probe: ProbeId {
                partner: PartnerId::new("keystone"),
                journey: JourneyId::new("export"),
            },
            due_at: at(0),
        };
        let mut run = RunRecord::bare(RunId::new("r"), tick, at(0), std::time::Duration::ZERO);
        let chains = chains.iter().map(|(role, host, ends, subject)| HostChain {
            role: *role,
            host: (*host).to_owned(),
            end: ChainEnd {
                ends_at: at(*ends),
                subject: *subject,
            },
        });
        run.chains = chains.collect();
        run
    }

    /// What is exported of the partner after a run at a time: role, host, subject and end.
    fn exported(certificates: &Certificates, numbers: &mut Numbers, run: &RunRecord, now: i64) {
        if let Some((partner, chains)) = certificates.chains_after(run, at(now)) {
            certificates.set(&partner, chains, numbers);
        }
    }

    #[test]
    fn a_host_is_shown_with_its_newest_chain_until_it_shows_none_for_days() {
        let (certificates, mut numbers) = (Certificates::default(), Numbers::default());
        let (api, files) = (CertificateRole::Api, CertificateRole::Files);
        let value = |numbers: &Numbers, role: CertificateRole, host: &str, subject: &str| {
            let labels = ["keystone", host, role.name(), subject];
            numbers.gauge(&names::CERTIFICATE_EXPIRY, &labels)
        };
        let expected = |seconds: i32| Some(1_800_000_000.0 + f64::from(seconds));
        let both = run(&[
            (api, "fhir", 5_000, SubjectKind::Intermediate),
            (files, "cdn", 9_000, SubjectKind::Leaf),
        ]);
        exported(&certificates, &mut numbers, &both, 0);
        assert_eq!(
            value(&numbers, api, "fhir", "intermediate"),
            expected(5_000)
        );
        assert_eq!(value(&numbers, files, "cdn", "leaf"), expected(9_000));
        assert!(
            certificates.chains_after(&both, at(60)).is_none(),
            "a chain that is as it was is not written each time"
        );
        // Renewed: another certificate of the chain ends first now, and its old series ends.
        let renewed = run(&[(api, "fhir", 7_000, SubjectKind::Leaf)]);
        exported(&certificates, &mut numbers, &renewed, 60);
        assert_eq!(value(&numbers, api, "fhir", "leaf"), expected(7_000));
        assert_eq!(value(&numbers, api, "fhir", "intermediate"), None);
        assert_eq!(value(&numbers, files, "cdn", "leaf"), expected(9_000));
        // The host of files is gone.
        exported(&certificates, &mut numbers, &renewed, 9 * 86_400);
        assert_eq!(value(&numbers, files, "cdn", "leaf"), None);
        assert_eq!(value(&numbers, api, "fhir", "leaf"), expected(7_000));
    }

    #[test]
    fn what_the_ledger_has_is_exported_before_the_first_run_and_under_the_present_name() {
        let (certificates, mut numbers) = (Certificates::default(), Numbers::default());
        let one = run(&[(CertificateRole::Token, "auth", 5_000, SubjectKind::Root)]);
        let (_, chains) = certificates.chains_after(&one, at(0)).unwrap();
        let stored = BTreeMap::from([(PartnerId::new("former"), chains)]);
        let mut renames = Renames::default();
        let (old, new) = (PartnerId::new("former"), PartnerId::new("keystone"));
        renames.partners.insert(old, new.clone());
        certificates.restore(stored, &renames);
        certificates.all().publish(&new, &mut numbers);
        let labels = ["keystone", "auth", "token", "root"];
        assert!(numbers.gauge(&names::CERTIFICATE_EXPIRY, &labels).is_some());
    }

    /// A chain as PEM: a certificate until the end of one year, and its authority until the end of another.
    fn pem(leaf_year: i32, authority_year: i32) -> String {
        let until = |year: i32| {
            let mut params = rcgen::CertificateParams::new(["ours.example".to_owned()]).unwrap();
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(year, 1, 1);
            params
        };
        let mut authority = until(authority_year);
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        let root = authority.self_signed(&key).unwrap().pem();
        let issuer = rcgen::Issuer::new(authority, key);
        let key = rcgen::KeyPair::generate().unwrap();
        let leaf = until(leaf_year).signed_by(&key, &issuer).unwrap().pem();
        format!("{leaf}{root}")
    }

    #[test]
    fn our_own_certificates_are_read_from_the_files_that_hold_them() {
        let folder = tempfile::tempdir().unwrap();
        let (chain, key) = (
            folder.path().join("client.pem"),
            folder.path().join("signing.pem"),
        );
        let mut partner = keystone();
        partner.auth.kind = AuthKind::PrivateKeyJwt {
            key: SecretRef::File(key.clone()),
            kid: None,
            also_published: Vec::new(),
        };
        partner.auth.certificate = Some(ClientCertificate {
            chain: chain.clone(),
            key: SecretRef::File(key.clone()),
        });
        assert_eq!(own_chains(&partner), [], "files that are not there");
        std::fs::write(&chain, pem(2031, 2030)).unwrap();
        std::fs::write(&key, pem(2032, 2040)).unwrap();
        let found = own_chains(&partner);
        let found: Vec<_> = found
            .iter()
            .map(|one| {
                (
                    one.role,
                    one.host.as_str(),
                    one.end.subject,
                    one.end.ends_at.year(),
                )
            })
            .collect();
        let expected = [
            (
                CertificateRole::Client,
                "client.pem",
                SubjectKind::Root,
                2030,
            ),
            (
                CertificateRole::Signing,
                "signing.pem",
                SubjectKind::Leaf,
                2032,
            ),
        ];
        assert_eq!(found, expected);
    }

    fn keystone() -> Partner {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let plan = outrider_domain::config::load(&root.join("outrider.toml"), None).unwrap();
        plan.partners[&PartnerId::new("keystone")].clone()
    }
}
