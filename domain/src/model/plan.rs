//! The plan: what the files mean, once they are checked.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::closed::closed;
use super::{
    Access, Alerting, Auth, Baseline, Cadence, Calendar, Escalation, ExchangeCore, Excuse,
    FamilyWanted, Journey, JourneyId, MemberSet, PartnerId, ProbeId, ProxyChoice, Quirk, Retention,
    Scale, Sla, Slo, SloName,
};
use crate::secret::SecretRef;

/// Everything that the files say, whole and consistent.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The agent's own settings.
    pub settings: Settings,
    /// Who is watched, by id.
    pub partners: BTreeMap<PartnerId, Partner>,
    /// What can be walked, by id.
    pub journeys: BTreeMap<JourneyId, Journey>,
    /// Who is carried, by the set's name.
    pub members: BTreeMap<String, MemberSet>,
    /// What is scheduled, by id.
    pub probes: BTreeMap<ProbeId, Probe>,
    /// What was called something else before.
    pub renames: Renames,
    /// By how much every duration was divided.
    pub scale: Scale,
}

/// Old ids and the present ones, so that history is carried on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renames {
    /// Partners: the present id by the old one.
    pub partners: BTreeMap<PartnerId, PartnerId>,
    /// Probes: the present id by the old journey under the partner's present id.
    pub probes: BTreeMap<ProbeId, ProbeId>,
}

impl Renames {
    /// The present id of a probe that has another one now.
    pub fn present(&self, probe: &ProbeId) -> Option<ProbeId> {
        let partner = self.partners.get(&probe.partner);
        let here = ProbeId {
            partner: partner.unwrap_or(&probe.partner).clone(),
            journey: probe.journey.clone(),
        };
        let is = self.probes.get(&here).cloned();
        is.or(partner.map(|_| here))
    }

    /// The ids that a probe had before.
    pub fn former(&self, probe: &ProbeId) -> Vec<ProbeId> {
        let renamed = self.probes.iter().filter(|(_, is)| *is == probe);
        let here = renamed.map(|(old, _)| old).chain([probe]);
        let with_partners = here.flat_map(|one| {
            let old = self.partners.iter().filter(|(_, is)| **is == one.partner);
            let partners = old.map(|(old, _)| old).chain([&one.partner]);
            partners.map(|partner| ProbeId {
                partner: partner.clone(),
                journey: one.journey.clone(),
            })
        });
        with_partners.filter(|one| one != probe).collect()
    }

    /// Whether nothing was renamed.
    pub fn is_empty(&self) -> bool {
        self.partners.is_empty() && self.probes.is_empty()
    }
}

impl Plan {
    /// Where every secret is, with the partner that it is for; none for the agent's own.
    pub fn secrets(&self) -> Vec<(Option<&PartnerId>, &SecretRef)> {
        let report = self.settings.report.as_ref();
        let own = [
            self.settings.proxy.secret(),
            report.and_then(|report| report.key.as_ref()),
        ];
        let own = own.into_iter().flatten().map(|secret| (None, secret));
        let partners = self.partners.values().flat_map(|partner| {
            let proxy = partner.proxy.as_ref().and_then(ProxyChoice::secret);
            let all = partner.auth.secrets().into_iter().chain(proxy);
            all.map(|secret| (Some(&partner.id), secret))
        });
        own.chain(partners).collect()
    }

    /// Every declared window that holds for a partner: its own and the agent's.
    pub fn calendars_of(&self, partner: &PartnerId) -> impl Iterator<Item = &Calendar> {
        let own = self.partners.get(partner);
        let own = own.into_iter().flat_map(|partner| &partner.calendars);
        own.chain(&self.settings.calendars)
    }

    /// What declared windows say of an intended start at a partner.
    pub fn excuse(&self, partner: &PartnerId, due_at: DateTime<Utc>) -> Excuse {
        Excuse::of(self.calendars_of(partner), due_at)
    }
}

/// The agent's own settings (`outrider.toml`).
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The agent's name; a label of every series.
    pub agent: String,
    /// Where it runs; a label of every series.
    pub location: String,
    /// Whom a partner may call about our requests; part of the User-Agent.
    pub contact: String,
    /// Where pages and metrics are served.
    pub listen: SocketAddr,
    /// Who may read there and who may act.
    pub access: Access,
    /// The ledger's file.
    pub ledger: PathBuf,
    /// Runs at one time over all probes.
    pub runs_in_flight_max: usize,
    /// Of them, long ones.
    pub long_runs_in_flight_max: usize,
    /// A run that begins later than this after its tick is `late`; a tick that gets no permit in
    /// this time is `capped`.
    pub late_after: Duration,
    /// How long runs may go on after a stop was asked for.
    pub stop_grace: Duration,
    /// A request that we ourselves held up for longer is marked `agent_delayed`.
    pub own_delay_max: Duration,
    /// Name servers instead of the machine's; empty for the machine's.
    pub nameservers: Vec<SocketAddr>,
    /// How partners are reached whose files do not say.
    pub proxy: ProxyChoice,
    /// Where people reach the pages, without a slash at the end; none for where it listens.
    pub portal: Option<String>,
    /// Who hears of alerts.
    pub alerting: Alerting,
    /// The exchange core's own numbers.
    pub exchange: ExchangeCore,
    /// Declared windows for every partner.
    pub calendars: Vec<Calendar>,
    /// How long the ledger keeps what.
    pub retention: Retention,
    /// What `/metrics` shows.
    pub metrics: MetricsShown,
    /// Where reports are published on their agreed day; none where the agent publishes none.
    pub report: Option<ReportFolder>,
}

/// What `/metrics` shows (`[metrics]`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MetricsShown {
    /// Whether the text formats, which know no native histograms, have sums and counts of steps and phases.
    pub has_step_sums: bool,
}

/// Where reports are published (`[report]`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportFolder {
    /// The folder: one inside for each report, and an index.
    pub folder: PathBuf,
    /// The key that signs them; none for reports without a signature.
    pub key: Option<SecretRef>,
}

impl Settings {
    /// The file with the token that is made at the start and lets this user do everything.
    pub fn token_file(&self) -> PathBuf {
        let mut path = self.ledger.clone().into_os_string();
        path.push(".token");
        path.into()
    }

    /// The file with the key by which values are hashed that the oracle does not know.
    pub fn hash_key_file(&self) -> PathBuf {
        let mut path = self.ledger.clone().into_os_string();
        path.push(".hashkey");
        path.into()
    }

    /// Whether everybody who reaches the listener may read the pages: those of this machine, where no proxy stands
    /// between.
    pub fn is_readable_without_token(&self) -> bool {
        self.listen.ip().is_loopback() && !self.access.behind_proxy
    }

    /// Where Prometheus, Alertmanager and the command line reach the listener: host and port.
    pub fn reached_at(&self) -> String {
        let (ip, port) = (self.listen.ip(), self.listen.port());
        let is_direct = !self.access.behind_proxy && !ip.is_loopback();
        let named = self.access.hosts.first().filter(|_| is_direct);
        match named {
            Some(host) if host.contains(':') => host.clone(),
            Some(host) => format!("{host}:{port}"),
            None if ip.is_unspecified() && ip.is_ipv4() => format!("127.0.0.1:{port}"),
            None if ip.is_unspecified() => format!("[::1]:{port}"),
            None => self.listen.to_string(),
        }
    }

    /// The scheme of the listener.
    pub fn scheme(&self) -> &'static str {
        match self.access.tls {
            Some(_) => "https",
            None => "http",
        }
    }
}

/// A partner (`partners/<id>.toml`).
#[derive(Clone, Debug, PartialEq)]
pub struct Partner {
    /// Its id.
    pub id: PartnerId,
    /// Its name for people.
    pub name: String,
    /// FHIR base URL without a slash at the end.
    pub base_url: String,
    /// `sandbox` or `production`.
    pub environment: String,
    /// The guide and version it speaks; a label.
    pub spec: String,
    /// Its region; a label.
    pub region: String,
    /// How we sign in.
    pub auth: Auth,
    /// The CA to trust instead of the machine's.
    pub trust: Option<PathBuf>,
    /// How it is reached; none for what the agent's file says.
    pub proxy: Option<ProxyChoice>,
    /// Its objectives by name.
    pub slos: BTreeMap<SloName, Slo>,
    /// What contracts promise, one agreement a direction.
    pub slas: Vec<Sla>,
    /// Who else hears of its alerts.
    pub escalation: Escalation,
    /// Declared windows.
    pub calendars: Vec<Calendar>,
    /// What it lets us ask of it.
    pub limits: Limits,
    /// Origins other than its own where its jobs may be: the token is sent there.
    pub job_origins: Vec<String>,
    /// What it does differently and may.
    pub quirks: BTreeSet<Quirk>,
    /// The shape that its records had when it was recorded; none when it was not.
    pub baseline: Option<Baseline>,
}

/// What a partner lets us ask of it; none for what is not agreed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests within any minute.
    pub requests_per_minute: Option<u32>,
    /// Runs at one time.
    pub runs_in_flight: Option<usize>,
}

/// A probe: what is scheduled.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// Partner and journey.
    pub id: ProbeId,
    /// When.
    pub cadence: Cadence,
    /// By up to this much each start is moved, always by the same.
    pub jitter: Duration,
    /// Whose permits its runs take.
    pub class: Class,
    /// Whether a failed run is walked once more.
    pub confirm: bool,
    /// How often it is walked besides while it fails; none for no more than else.
    pub when_failing: Option<Duration>,
    /// Runs of this probe at one time.
    pub concurrency: usize,
    /// The set whose members it carries; none for a journey without a member.
    pub members: Option<String>,
    /// The journey's deadline, here perhaps shorter than its file says.
    pub deadline: Duration,
    /// The time of one request, here perhaps shorter than its file says.
    pub timeout: Duration,
    /// Shuffles the order of members.
    pub seed: u64,
    /// The family of addresses that its requests go to.
    pub family: FamilyWanted,
}

closed!(
    /// Whose permits a run takes, so that long runs never hold all of them.
    Class {
        /// Any permit.
        Short = "short",
        /// One of those that long runs may have.
        Long = "long",
    }
);
