//! Name lookup, with a phase of its own. Nothing is cached: the lookup is part of what is measured.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig,
    ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::Name;
use outrider_domain::model::{AgentFault, DnsFailure, Failure, FamilyWanted, Settings};

use super::stamp::{Stamp, stamp};

/// How long one question to a name server may take.
const DNS_TIMEOUT: Duration = Duration::from_secs(2);
const DNS_ATTEMPTS: usize = 2;
/// How long addresses of one family wait for those of the other (RFC 8305 §3).
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);
/// Where the machine's name servers are.
const RESOLV_CONF: &str = "/etc/resolv.conf";
/// RFC 1035 §2.3.4.
const LABEL_CHARS_MAX: usize = 63;
const NAME_CHARS_MAX: usize = 253;

/// Asks name servers for the addresses of hosts.
#[derive(Clone)]
pub struct Resolver {
    nameservers: Arc<Vec<SocketAddr>>,
    current: Arc<Mutex<Current>>,
}

/// The resolvers in use, and the file that they were made from.
struct Current {
    stamp: Stamp,
    pair: Option<Pair>,
}

/// One resolver for each family, so that a silent answer for one does not hold up the other.
#[derive(Clone)]
struct Pair {
    v4: TokioResolver,
    v6: TokioResolver,
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Resolver")
    }
}

impl Resolver {
    /// The machine's name servers, or those of the settings.
    pub fn new(settings: &Settings) -> Self {
        Self::with(settings.nameservers.clone())
    }

    /// These name servers; none for the machine's.
    pub(super) fn with(nameservers: Vec<SocketAddr>) -> Self {
        let current = Current {
            stamp: own_stamp(&nameservers),
            pair: pair(&nameservers),
        };
        Self {
            nameservers: Arc::new(nameservers),
            current: Arc::new(Mutex::new(current)),
        }
    }

    /// The resolvers, made again when the machine's list of name servers has changed.
    fn pair(&self) -> Option<Pair> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let now = own_stamp(&self.nameservers);
        if now != current.stamp {
            *current = Current {
                stamp: now,
                pair: pair(&self.nameservers),
            };
        }
        current.pair.clone()
    }

    /// Addresses of a host, of the family that is wanted; of no other one is asked.
    ///
    /// # Errors
    /// [`Failure::Dns`] when a working resolver gives no address; the agent's fault when no resolver works.
    pub(super) async fn addresses(
        &self,
        host: &str,
        family: FamilyWanted,
    ) -> Result<Vec<IpAddr>, Failure> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse::<IpAddr>() {
            let is_wanted = match family {
                FamilyWanted::Any => true,
                FamilyWanted::V4 => address.is_ipv4(),
                FamilyWanted::V6 => address.is_ipv6(),
            };
            return match is_wanted {
                true => Ok(vec![address]),
                false => Err(Failure::Dns(DnsFailure::NoAddress)),
            };
        }
        if !is_name(host) {
            return Err(Failure::Dns(DnsFailure::NotAName));
        }
        let pair = self.pair().ok_or(Failure::Agent(AgentFault::Resolver))?;
        match family {
            FamilyWanted::V4 => lookup(&pair.v4, host).await,
            FamilyWanted::V6 => lookup(&pair.v6, host).await,
            FamilyWanted::Any => both(lookup(&pair.v6, host), lookup(&pair.v4, host)).await,
        }
    }
}

/// What the machine's name servers are read from; nothing to look at where the settings name them.
fn own_stamp(nameservers: &[SocketAddr]) -> Stamp {
    nameservers
        .is_empty()
        .then(|| stamp(Path::new(RESOLV_CONF)))
        .flatten()
}

fn pair(nameservers: &[SocketAddr]) -> Option<Pair> {
    let of = |strategy| {
        let mut builder = if nameservers.is_empty() {
            TokioResolver::builder_tokio().ok()?
        } else {
            let servers = nameservers.iter().copied().map(server).collect();
            let config = ResolverConfig::from_name_servers(servers);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        };
        tune(builder.options_mut(), strategy);
        builder.build().ok()
    };
    Some(Pair {
        v4: of(LookupIpStrategy::Ipv4Only)?,
        v6: of(LookupIpStrategy::Ipv6Only)?,
    })
}

fn server(address: SocketAddr) -> NameServerConfig {
    let mut udp = ConnectionConfig::udp();
    udp.port = address.port();
    let mut tcp = ConnectionConfig::tcp();
    tcp.port = address.port();
    NameServerConfig::new(address.ip(), true, vec![udp, tcp])
}

fn tune(options: &mut ResolverOpts, strategy: LookupIpStrategy) {
    options.cache_size = 0;
    options.timeout = DNS_TIMEOUT;
    options.attempts = DNS_ATTEMPTS;
    options.use_hosts_file = ResolveHosts::Always;
    options.ip_strategy = strategy;
}

/// Whether it can be asked for. Underscores can: such hosts exist, whatever RFC 952 says.
fn is_name(host: &str) -> bool {
    let bare = host.strip_suffix('.').unwrap_or(host);
    let fits = |label: &str| (1..=LABEL_CHARS_MAX).contains(&label.len());
    bare.len() <= NAME_CHARS_MAX && bare.split('.').all(fits)
}

async fn lookup(resolver: &TokioResolver, host: &str) -> Result<Vec<IpAddr>, Failure> {
    // Names as they are: a name in another script came in as `xn--…`.
    let name = Name::from_ascii(host).map_err(|_| Failure::Dns(DnsFailure::NotAName))?;
    match resolver.lookup_ip(name).await {
        Ok(found) => {
            let found: Vec<IpAddr> = found.iter().collect();
            if found.is_empty() {
                return Err(Failure::Dns(DnsFailure::NoAddress));
            }
            Ok(found)
        }
        Err(why) => Err(failure(&why)),
    }
}

/// What a name server said, or that none did.
fn failure(why: &NetError) -> Failure {
    if why.is_nx_domain() {
        return Failure::Dns(DnsFailure::NoSuchName);
    }
    let NetError::Dns(said) = why else {
        return Failure::Agent(AgentFault::Resolver);
    };
    let code = if let DnsError::ResponseCode(code) = said {
        Some(*code)
    } else if let DnsError::NoRecordsFound(found) = said {
        Some(found.response_code)
    } else {
        None
    };
    Failure::Dns(code.map_or(DnsFailure::Other, of_code))
}

fn of_code(code: ResponseCode) -> DnsFailure {
    const WORDS: &[(ResponseCode, DnsFailure)] = &[
        (ResponseCode::NoError, DnsFailure::NoAddress),
        (ResponseCode::NXDomain, DnsFailure::NoSuchName),
        (ResponseCode::ServFail, DnsFailure::ServerFailure),
        (ResponseCode::Refused, DnsFailure::Refused),
        (ResponseCode::FormErr, DnsFailure::FormatError),
        (ResponseCode::NotImp, DnsFailure::NotImplemented),
    ];
    let known = WORDS.iter().find(|(known, _)| *known == code);
    known.map_or(DnsFailure::Other, |(_, failure)| *failure)
}

type Found = Result<Vec<IpAddr>, Failure>;

/// Asks for both families at once. When one has addresses, the other may follow for a moment, and no longer: a name
/// server that is silent about one family is as good as none for it. When one has none, the other decides.
async fn both(v6: impl Future<Output = Found>, v4: impl Future<Output = Found>) -> Found {
    let (mut v6, mut v4) = (std::pin::pin!(v6), std::pin::pin!(v4));
    tokio::select! {
        first = &mut v6 => joined(first, v4).await,
        first = &mut v4 => joined(first, v6).await,
    }
}

async fn joined(first: Found, other: impl Future<Output = Found>) -> Found {
    let Ok(mut found) = first else {
        let other = other.await;
        return match (first, other) {
            (_, Ok(found)) => Ok(found),
            // A name server that answered one question works; what it said outweighs its silence.
            (Err(Failure::Dns(why)), Err(Failure::Agent(_)))
            | (Err(Failure::Agent(_)), Err(Failure::Dns(why))) => Err(Failure::Dns(why)),
            (_, Err(why)) => Err(why),
        };
    };
    if let Ok(Ok(more)) = tokio::time::timeout(RESOLUTION_DELAY, other).await {
        found.extend(more);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn names_are_told_from_texts_that_are_none(labels in proptest::collection::vec("[a-z0-9_]{1,70}", 1..6)) {
            let name = labels.join(".");
            let fits = labels.iter().all(|label| label.len() <= LABEL_CHARS_MAX) && name.len() <= NAME_CHARS_MAX;
            prop_assert_eq!(is_name(&name), fits);
            prop_assert!(!fits || Name::from_ascii(&name).is_ok());
        }
    }

    #[tokio::test]
    async fn one_family_goes_on_without_the_other() {
        let one: IpAddr = "192.0.2.1".parse().unwrap();
        let other: IpAddr = "2001:db8::1".parse().unwrap();
        let silent = || std::future::pending::<Found>();
        let none = || async { Err(Failure::Dns(DnsFailure::NoAddress)) };
        let lost = || async { Err(Failure::Agent(AgentFault::Resolver)) };
        let found = |address| async move { Ok(vec![address]) };
        assert_eq!(both(silent(), found(one)).await, Ok(vec![one]));
        assert_eq!(both(found(other), silent()).await, Ok(vec![other]));
        assert_eq!(both(none(), found(one)).await, Ok(vec![one]));
        assert_eq!(both(lost(), found(one)).await, Ok(vec![one]));
        let said = Err(Failure::Dns(DnsFailure::NoAddress));
        assert_eq!(both(lost(), none()).await, said);
        assert_eq!(both(none(), lost()).await, said);
        assert_eq!(both(found(other), found(one)).await.unwrap().len(), 2);
    }
}
