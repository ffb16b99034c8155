//! Name lookup, with a phase of its own. Nothing is cached: the lookup is part of what is measured.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
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
use hickory_resolver::system_conf::parse_resolv_conf;
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
    source: Arc<Source>,
    current: Arc<Mutex<Current>>,
}

/// Where the name servers are written.
pub(super) enum Source {
    /// In the settings.
    Settings(Vec<SocketAddr>),
    /// In the machine's file, which changes with its network.
    File(PathBuf),
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
        Self::of(match &settings.nameservers[..] {
            [] => Source::File(RESOLV_CONF.into()),
            named => Source::Settings(named.to_vec()),
        })
    }

    /// The name servers of a source.
    pub(super) fn of(source: Source) -> Self {
        let current = Current {
            stamp: source.stamp(),
            pair: pair(&source),
        };
        Self {
            source: Arc::new(source),
            current: Arc::new(Mutex::new(current)),
        }
    }

    /// The resolvers, made again when the machine's list of name servers has changed.
    fn pair(&self) -> Option<Pair> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.source.stamp();
        if now != current.stamp {
            *current = Current {
                stamp: now,
                pair: pair(&self.source),
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

impl Source {
    /// The file as it is now; nothing to look at where the settings name the servers.
    fn stamp(&self) -> Stamp {
        match self {
            Self::Settings(_) => None,
            Self::File(path) => stamp(path),
        }
    }

    fn read(&self) -> Option<(ResolverConfig, ResolverOpts)> {
        match self {
            Self::Settings(servers) => {
                let servers = servers.iter().copied().map(server).collect();
                let config = ResolverConfig::from_name_servers(servers);
                Some((config, ResolverOpts::default()))
            }
            Self::File(path) => parse_resolv_conf(std::fs::read(path).ok()?).ok(),
        }
    }
}

fn pair(source: &Source) -> Option<Pair> {
    let (config, options) = source.read()?;
    let of = |strategy| {
        let provider = TokioRuntimeProvider::default();
        let mut builder = TokioResolver::builder_with_config(config.clone(), provider);
        *builder.options_mut() = options.clone();
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
            // That one family has no address says nothing about the other one, of which nobody spoke.
            (Err(Failure::Dns(DnsFailure::NoAddress)), Err(why))
            | (Err(why), Err(Failure::Dns(DnsFailure::NoAddress))) => Err(why),
            // Anything else that a name server says is about the name: it outweighs a silence.
            (Err(Failure::Dns(why)), Err(_)) | (Err(_), Err(Failure::Dns(why))) => {
                Err(Failure::Dns(why))
            }
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
    async fn the_machines_file_is_read_again_when_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("resolv.conf");
        let resolver = Resolver::of(Source::File(path.clone()));
        let ndots = || resolver.pair().map(|pair| pair.v4.options().ndots);
        assert_eq!(ndots(), None, "there is no file yet");
        // Each text has a length of its own: files change within one tick of the clock.
        for (text, expected) in [
            ("nameserver 192.0.2.1\noptions ndots:3\n", Some(3)),
            (
                "nameserver 192.0.2.1\nnameserver 192.0.2.2\noptions ndots:4\n",
                Some(4),
            ),
            ("nameserver 192.0.2.2\n", Some(1)),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(ndots(), expected, "{text}");
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(ndots(), None);
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
        let gone = || async { Err(Failure::Dns(DnsFailure::NoSuchName)) };
        let silence = Err(Failure::Agent(AgentFault::Resolver));
        assert_eq!(both(lost(), none()).await, silence);
        assert_eq!(both(none(), lost()).await, silence);
        let said = Err(Failure::Dns(DnsFailure::NoSuchName));
        assert_eq!(both(lost(), gone()).await, said);
        assert_eq!(both(gone(), lost()).await, said);
        assert_eq!(both(none(), gone()).await, said);
        let said = Err(Failure::Dns(DnsFailure::NoAddress));
        assert_eq!(both(none(), none()).await, said);
        assert_eq!(both(found(other), found(one)).await.unwrap().len(), 2);
    }
}
