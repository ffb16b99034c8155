//! Which addresses a partner may send the agent to: public ones, and those in a range that the partner itself
//! lies in.
//!
//! Redirects, jobs, files and endpoints of discovery name hosts that the partner chooses. Each is judged by the
//! address that is dialled, after the name lookup. What a host of the partner's file resolves to at first stays what
//! it may resolve to: a name that later leads into another range leads nowhere.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use outrider_domain::model::{AddressRange, Failure, Family, FamilyWanted, Partner};

use super::address_log::family;
use super::resolver::Resolver;
use super::template::absolute;

/// The ranges that one host of the partner's file lies in, by family.
type Ranges = BTreeMap<(String, Family), BTreeSet<AddressRange>>;

/// What one partner may send the agent to.
#[derive(Clone, Debug)]
pub(super) struct Egress {
    /// The hosts of `base_url` and `job_origins`, the first one's first.
    own: Arc<Vec<String>>,
    first: Arc<Mutex<Ranges>>,
}

impl Egress {
    pub(super) fn new(partner: &Partner) -> Self {
        let origins = std::iter::once(&partner.base_url).chain(&partner.job_origins);
        let hosts = origins.filter_map(|origin| Some(name(absolute(origin)?.host()?)));
        Self {
            own: Arc::new(hosts.collect()),
            first: Arc::default(),
        }
    }

    /// Those of a host's addresses that may be dialled.
    ///
    /// # Errors
    /// The range of the first one, when none may be.
    pub(super) async fn permitted(
        &self,
        host: &str,
        addresses: Vec<IpAddr>,
        resolver: &Resolver,
    ) -> Result<Vec<IpAddr>, Failure> {
        let range = |address: &IpAddr| AddressRange::of(*address);
        let host = name(host);
        let is_own = self.own.contains(&host);
        if is_own {
            self.keep_first(&host, &addresses);
        }
        let Some(refused) = addresses.iter().find_map(range) else {
            return Ok(addresses);
        };
        if !is_own {
            self.look_up_base(resolver).await;
        }
        let permitted: Vec<IpAddr> = {
            let first = self.first();
            let is_permitted = |address: &IpAddr| {
                let Some(range) = range(address) else {
                    return true;
                };
                let mut kept = first.iter().filter(|((of, kept_family), _)| {
                    !is_own || (*of == host && *kept_family == family(*address))
                });
                kept.any(|(_, ranges)| ranges.contains(&range))
            };
            addresses.into_iter().filter(is_permitted).collect()
        };
        if permitted.is_empty() {
            return Err(Failure::Egress(refused));
        }
        Ok(permitted)
    }

    /// The same for a host that a proxy looks up: only an address in its place can be judged.
    pub(super) async fn permits_literal(
        &self,
        host: &str,
        resolver: &Resolver,
    ) -> Result<(), Failure> {
        match name(host).parse() {
            Ok(address) => {
                let permitted = self.permitted(host, vec![address], resolver);
                permitted.await.map(drop)
            }
            Err(_) => Ok(()),
        }
    }

    /// Keeps the ranges of the first addresses of each family that a host of the partner's file has.
    fn keep_first(&self, host: &str, addresses: &[IpAddr]) {
        let mut first = self.first();
        for wanted in [Family::V4, Family::V6] {
            let of = addresses.iter().filter(|one| family(**one) == wanted);
            let of: Vec<&IpAddr> = of.collect();
            let key = (host.to_owned(), wanted);
            if !of.is_empty() {
                let ranges = of.into_iter().filter_map(|one| AddressRange::of(*one));
                first.entry(key).or_insert_with(|| ranges.collect());
            }
        }
    }

    /// Looks the base's host up where no request of this client has: after a restart, a job may come first.
    async fn look_up_base(&self, resolver: &Resolver) {
        let Some(base) = self.own.first() else { return };
        if self.first().keys().any(|(host, _)| host == base) {
            return;
        }
        if let Ok(addresses) = resolver.addresses(base, FamilyWanted::Any).await {
            self.keep_first(base, &addresses);
        }
    }

    fn first(&self) -> MutexGuard<'_, Ranges> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A host as names are compared: without brackets, in small letters, without the dot at its end.
fn name(host: &str) -> String {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::super::resolver::Source;
    use super::*;

    /// A partner with this base and this origin for jobs.
    fn egress(base: &str, jobs: &str) -> Egress {
        let own = [base, jobs].into_iter().filter(|host| !host.is_empty());
        Egress {
            own: Arc::new(own.map(name).collect()),
            first: Arc::default(),
        }
    }

    /// What may be dialled of a host with these addresses.
    async fn dialled(
        egress: &Egress,
        host: &str,
        addresses: &[&str],
    ) -> Result<Vec<String>, Failure> {
        let resolver = Resolver::of(Source::Settings(vec!["127.0.0.1:1".parse().unwrap()]));
        let addresses = addresses.iter().map(|one| one.parse().unwrap()).collect();
        let permitted = egress.permitted(host, addresses, &resolver).await?;
        Ok(permitted.iter().map(ToString::to_string).collect())
    }

    fn refused(range: AddressRange) -> Result<Vec<String>, Failure> {
        Err(Failure::Egress(range))
    }

    #[tokio::test]
    async fn a_public_partner_leads_to_public_addresses_alone() {
        let egress = egress("base.example", "");
        let own = dialled(&egress, "BASE.example.", &["8.8.8.8"]).await;
        assert_eq!(own, Ok(vec!["8.8.8.8".to_owned()]));
        for (address, range) in [
            ("10.0.0.1", AddressRange::Private),
            ("127.0.0.1", AddressRange::Loopback),
            ("169.254.169.254", AddressRange::Metadata),
            ("::ffff:169.254.169.254", AddressRange::Metadata),
            ("64:ff9b::a00:1", AddressRange::Private),
            ("fe80::1", AddressRange::LinkLocal),
            ("100.64.0.1", AddressRange::Shared),
            ("224.0.0.1", AddressRange::Multicast),
        ] {
            let other = dialled(&egress, "other.example", &[address]).await;
            assert_eq!(other, refused(range), "{address}");
            // The partner's own name, after it led elsewhere.
            let own = dialled(&egress, "base.example", &[address, "8.8.4.4"]).await;
            let is_v6 = address.contains(':');
            // Nothing of the other family was seen before: what it leads to first is what it may lead to.
            let first = is_v6.then(|| {
                vec![
                    address.parse::<IpAddr>().unwrap().to_string(),
                    "8.8.4.4".to_owned(),
                ]
            });
            assert_eq!(
                own,
                Ok(first.unwrap_or(vec!["8.8.4.4".to_owned()])),
                "{address}"
            );
            if is_v6 {
                egress.first().retain(|(_, of), _| *of == Family::V4);
            }
        }
    }

    #[tokio::test]
    async fn a_private_partner_leads_to_its_own_range_alone() {
        let egress = egress("base.example", "jobs.example");
        // Not asked for yet, and no name server answers: then nothing says where the partner lies.
        let early = dialled(&egress, "other.example", &["10.0.0.9"]).await;
        assert_eq!(early, refused(AddressRange::Private));
        assert!(
            dialled(&egress, "base.example", &["10.0.0.1"])
                .await
                .is_ok()
        );
        for address in ["192.168.0.1", "fd00::1", "::ffff:10.1.1.1", "9.9.9.9"] {
            assert!(
                dialled(&egress, "other.example", &[address]).await.is_ok(),
                "{address}"
            );
        }
        let metadata = dialled(&egress, "other.example", &["169.254.169.254"]).await;
        assert_eq!(metadata, refused(AddressRange::Metadata));
        let mixed = dialled(&egress, "other.example", &["127.0.0.1", "9.9.9.9"]).await;
        assert_eq!(mixed, Ok(vec!["9.9.9.9".to_owned()]));
        assert!(
            dialled(&egress, "jobs.example", &["100.64.0.1"])
                .await
                .is_ok()
        );
        let rebound = dialled(&egress, "base.example", &["127.0.0.1"]).await;
        assert_eq!(rebound, refused(AddressRange::Loopback));
    }

    #[tokio::test]
    async fn a_literal_base_says_its_range_before_any_request() {
        let egress = egress("[::1]", "");
        let other = dialled(&egress, "other.example", &["127.0.0.1"]).await;
        assert_eq!(other, Ok(vec!["127.0.0.1".to_owned()]));
        let resolver = Resolver::of(Source::Settings(Vec::new()));
        for (host, expected) in [
            ("127.0.0.9", Ok(())),
            ("[fe80::1]", Err(Failure::Egress(AddressRange::LinkLocal))),
            ("a.name.example", Ok(())),
        ] {
            let literal = egress.permits_literal(host, &resolver).await;
            assert_eq!(literal, expected, "{host}");
        }
    }
}
