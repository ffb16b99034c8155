//! Who may read the agent's pages and who may act (`[access]`).

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use super::PartnerId;

/// What everybody who reaches the listener may read: whether it lives, and the public halves of our signing keys.
pub const OPEN_PATHS: [&str; 3] = ["/healthz", "/readyz", "/.well-known/jwks.json"];
/// Where Prometheus reads.
pub const METRICS_PATH: &str = "/metrics";

/// What the agent's listener lets in, and how it can be reached.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Access {
    /// Who may come in besides the local token.
    pub tokens: Vec<AccessToken>,
    /// Names under which the listener is reached, besides its own addresses; a host, with or without a port.
    pub hosts: Vec<String>,
    /// A proxy that speaks TLS stands in front of the listener.
    pub behind_proxy: bool,
    /// The certificate of the listener; none for plain HTTP.
    pub tls: Option<ListenTls>,
    /// Who may read `/metrics`.
    pub metrics: MetricsAccess,
    /// The file with the token that Prometheus and Alertmanager send, as they reach it from where their files are; none
    /// for the local token's.
    pub credentials_file: Option<String>,
    /// Most requests of one token, and of all without a token, within a minute.
    pub requests_per_minute: RequestsPerMinute,
}

/// A limit on requests within a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestsPerMinute(pub u32);

impl RequestsPerMinute {
    /// Its key under `[access]`, and the value of the label `limit`.
    pub const KEY: &'static str = "requests_per_minute";
}

impl Default for RequestsPerMinute {
    fn default() -> Self {
        Self(6_000)
    }
}

/// Who may read `/metrics`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MetricsAccess {
    /// Whoever may read the pages of all partners.
    #[default]
    Readers,
    /// Everybody who reaches the listener.
    Open,
}

/// The listener's own certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenTls {
    /// Its chain (PEM), our own certificate first.
    pub certificate: PathBuf,
    /// Its private key (PEM).
    pub key: PathBuf,
    /// The authority's certificate, as Prometheus and Alertmanager reach it; none where their machine trusts it.
    pub ca: Option<String>,
}

/// A token that is let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken {
    /// What people call it; stands in the action log.
    pub name: String,
    /// The SHA-256 of the token.
    pub hash: TokenHash,
    /// What it may see and do.
    pub role: Role,
}

/// The SHA-256 of a token. A token has 256 random bits, so nobody finds it by its hash.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHash(pub [u8; 32]);

impl TokenHash {
    /// Reads 64 hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut hash = [0; 32];
        if text.len() != 2 * hash.len() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).ok()?;
            *byte = u8::from_str_radix(digits, 16).ok()?;
        }
        Some(Self(hash))
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What a viewer may see and do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Sees everything.
    Viewer,
    /// Sees everything and may do everything.
    Operator,
    /// Sees one partner.
    Partner(PartnerId),
    /// A program: sees everything, and may bring the watchdog back.
    Machine,
}

impl Role {
    /// The words for roles in `outrider.toml` and on the command line.
    pub const NAMES: [&str; 4] = ["viewer", "operator", "partner", "machine"];

    /// The role of that name; the partner's needs its id. None for anything else.
    pub fn named(name: &str, partner: Option<&str>) -> Option<Self> {
        match (name, partner) {
            ("viewer", None) => Some(Self::Viewer),
            ("operator", None) => Some(Self::Operator),
            ("machine", None) => Some(Self::Machine),
            ("partner", Some(partner)) => Some(Self::Partner(PartnerId::new(partner))),
            _ => None,
        }
    }

    /// Its word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Partner(_) => "partner",
            Self::Machine => "machine",
        }
    }
}

/// By what a viewer is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KnownBy {
    /// By nothing: reads on loopback, or what is open.
    Anonymous,
    /// By the token in the state folder.
    LocalToken,
    /// By a token of the agent's file, with its name.
    Token(String),
}

/// Who sends a request. Nothing is answered without one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// By what they are known.
    pub known_by: KnownBy,
    /// What they may see and do.
    pub role: Role,
    /// From where the connection came; none where that is not known.
    pub address: Option<IpAddr>,
}

/// What not every viewer may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Reads what is about all partners at once: `/metrics`, the action log.
    ReadAll,
    /// Resumes a journey.
    Resume,
    /// Adds to the docket of a partner: incidents, exclusions, disputes, publications.
    Record,
    /// Brings the watchdog back from Alertmanager.
    Watchdog,
}

/// Why a viewer may not do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It takes a token.
    NoToken,
    /// The token has another role than this one.
    Role(&'static str),
    /// The viewer does not even learn that there is such a thing.
    Hidden,
}

impl Viewer {
    /// The one partner that they see; none for all.
    pub fn partner(&self) -> Option<&PartnerId> {
        match &self.role {
            Role::Partner(partner) => Some(partner),
            Role::Viewer | Role::Operator | Role::Machine => None,
        }
    }

    /// Whether they see what is about a partner.
    pub fn sees(&self, partner: &PartnerId) -> bool {
        self.partner().is_none_or(|own| own == partner)
    }

    /// Whether they may do it.
    ///
    /// # Errors
    /// Why not.
    pub fn may(&self, deed: Deed) -> Result<(), Refusal> {
        let (is_allowed, needed) = match (deed, &self.role) {
            (_, Role::Partner(_)) => return Err(Refusal::Hidden),
            (Deed::ReadAll, _) => (true, "viewer"),
            (Deed::Resume | Deed::Record, role) => (*role == Role::Operator, "operator"),
            (Deed::Watchdog, role) => (matches!(role, Role::Operator | Role::Machine), "machine"),
        };
        match (is_allowed, &self.known_by) {
            (true, _) => Ok(()),
            (false, KnownBy::Anonymous) => Err(Refusal::NoToken),
            (false, _) => Err(Refusal::Role(needed)),
        }
    }

    /// For the action log: by what they are known, and from where they came.
    pub fn source(&self) -> String {
        let known = match &self.known_by {
            KnownBy::Anonymous => "no token".to_owned(),
            KnownBy::LocalToken => "local token".to_owned(),
            KnownBy::Token(name) => format!("token {name}"),
        };
        match self.address {
            Some(address) => format!("{known} from {address}"),
            None => known,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn viewer(known_by: KnownBy, role: Role) -> Viewer {
        Viewer {
            known_by,
            role,
            address: None,
        }
    }

    #[test]
    fn a_hash_is_64_hex_digits() {
        let text = "0123456789abcdef".repeat(4);
        assert_eq!(TokenHash::parse(&text).unwrap().to_string(), text);
        for wrong in ["", "0123", &"g".repeat(64), &"é".repeat(32), &text[1..]] {
            assert_eq!(TokenHash::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_role_has_its_rights_and_a_partner_learns_of_no_other() {
        let token = || KnownBy::Token("t".to_owned());
        let deeds = [Deed::ReadAll, Deed::Resume, Deed::Watchdog];
        let rights = |viewer: &Viewer| deeds.map(|deed| viewer.may(deed));
        let other_role = |needed| Err(Refusal::Role(needed));
        assert_eq!(
            rights(&viewer(token(), Role::Operator)),
            [Ok(()), Ok(()), Ok(())]
        );
        assert_eq!(
            rights(&viewer(token(), Role::Machine)),
            [Ok(()), other_role("operator"), Ok(())]
        );
        assert_eq!(
            rights(&viewer(token(), Role::Viewer)),
            [Ok(()), other_role("operator"), other_role("machine")]
        );
        let no_token = Err(Refusal::NoToken);
        assert_eq!(
            rights(&viewer(KnownBy::Anonymous, Role::Viewer)),
            [Ok(()), no_token, no_token]
        );
        let keystone = viewer(token(), Role::Partner(PartnerId::new("keystone")));
        assert_eq!(rights(&keystone), [Err(Refusal::Hidden); 3]);
        assert!(keystone.sees(&PartnerId::new("keystone")));
        assert!(!keystone.sees(&PartnerId::new("lakeside")));
    }

    #[test]
    fn a_partner_role_needs_a_partner_and_no_other_role_takes_one() {
        for name in Role::NAMES {
            let (without, with) = (Role::named(name, None), Role::named(name, Some("p")));
            assert_eq!(without.is_none(), name == "partner");
            assert_eq!(with.is_some(), name == "partner");
            assert_eq!(without.or(with).unwrap().name(), name);
        }
        assert_eq!(Role::named("admin", None), None);
    }
}
