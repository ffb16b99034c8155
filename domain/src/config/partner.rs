//! `partners/<id>.toml`: who is watched, how we sign in, and what is scheduled there.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use super::answer::unknown;
use super::answer::word;
use super::auth::auth;
use super::calendar::{self, CalendarEntry};
use super::diagnostic::SourceFile;
use super::formerly;
use super::id::is_id;
use super::limits;
use super::proxy;
use super::sla::{self, SlaEntry};
use super::slo::SloEntry;
use super::template;
use super::timing::{self, Timing};
use super::tree::{Spanned, Table};
use crate::judge::job::has_port;
use crate::model::{
    Class, FamilyWanted, JourneyId, Partner, PartnerId, Quirk, SloName, format_duration,
};

/// Runs of one probe at one time stay below this.
pub(super) const CONCURRENCY_LIMIT: u64 = 1_001;

/// A partner with its probes as far as the file alone can say.
pub(super) struct PartnerFile {
    pub(super) source: Arc<SourceFile>,
    pub(super) partner: Partner,
    pub(super) id_span: Range<usize>,
    /// Whether it says how we sign in, or that nobody does.
    pub(super) has_auth: bool,
    pub(super) probes: Vec<ProbeEntry>,
    /// Then it is not known what is not scheduled.
    pub(super) has_broken_probe: bool,
    pub(super) slos: BTreeMap<SloName, SloEntry>,
    pub(super) slas: Vec<SlaEntry>,
    pub(super) calendars: Vec<CalendarEntry>,
    pub(super) limits_span: Range<usize>,
    /// Ids that the partner had before.
    pub(super) formerly: Vec<Spanned<String>>,
}

impl PartnerFile {
    /// Whether the partner had this id before.
    pub(super) fn was_called(&self, id: &PartnerId) -> bool {
        self.formerly.iter().any(|one| one.value == id.as_str())
    }
}

/// One `[[probe]]`.
pub(super) struct ProbeEntry {
    pub(super) span: Range<usize>,
    pub(super) journey: Spanned<JourneyId>,
    pub(super) timing: Timing,
    /// None for what its deadline says.
    pub(super) class: Option<Class>,
    pub(super) confirm: bool,
    pub(super) when_failing: Option<Duration>,
    /// None when what is written is no number.
    pub(super) concurrency: Option<usize>,
    pub(super) members: Option<Spanned<String>>,
    pub(super) deadline: Option<Duration>,
    pub(super) timeout: Option<Duration>,
    pub(super) seed: u64,
    pub(super) family: FamilyWanted,
    /// Journeys that the probe had before.
    pub(super) formerly: Vec<Spanned<String>>,
}

pub(super) fn read(root: &Table<'_>, folder: &Path) -> Option<PartnerFile> {
    let id = root.need_text("id", "\"keystone\"");
    if let Some(id) = id.as_ref().filter(|id| !is_id(id.value)) {
        let what = format!("\"{}\" cannot be an id", id.value);
        root.report(id.span.clone(), what, "write up to 40 of a-z, 0-9 and -");
    }
    template::unread_in_file(root, "escalation");
    let name = root.text("name").map(|spanned| spanned.value.to_owned());
    let base_url = base_url(root);
    plain_http(root);
    let text = |key, default: &str| {
        root.text(key)
            .map_or_else(|| default.to_owned(), |spanned| spanned.value.to_owned())
    };
    let environment = environment(root);
    let (spec, region) = (text("spec", "pdex-2.2"), text("region", "unknown"));
    let trust = root
        .text("trust")
        .map(|spanned| folder.join(PathBuf::from(spanned.value)));
    let auth = auth(root, folder);
    let proxy = proxy::read(root, folder);
    let job_origins = job_origins(root);
    let tables = root.tables("probe");
    let probes: Vec<ProbeEntry> = tables.iter().filter_map(probe).collect();
    let has_broken_probe = probes.len() < tables.len();
    let slos = super::slo::read(root);
    let slas = sla::read(root);
    let escalation = root
        .table("escalation")
        .map(|table| super::alerting::escalation(&table))
        .unwrap_or_default();
    let calendars = calendar::read(root);
    let limits = limits::read(root);
    let formerly = formerly::read(root);
    let id = id?;
    Some(PartnerFile {
        source: Arc::clone(root.source),
        partner: Partner {
            id: PartnerId::new(id.value),
            name: name.unwrap_or_else(|| id.value.to_owned()),
            base_url: base_url?,
            environment,
            spec,
            region,
            auth: auth?,
            trust,
            proxy,
            slos: BTreeMap::new(),
            slas: Vec::new(),
            escalation,
            calendars: calendars
                .iter()
                .map(|entry| entry.calendar.clone())
                .collect(),
            limits: limits.value,
            job_origins,
            quirks: quirks(root),
            baseline: None,
        },
        id_span: id.span,
        has_auth: root.has("auth"),
        probes,
        has_broken_probe,
        slos,
        slas,
        calendars,
        limits_span: limits.span,
        formerly,
    })
}

fn environment(root: &Table<'_>) -> String {
    let Some(spanned) = root.need_text("environment", "\"sandbox\"") else {
        return String::new();
    };
    if !["sandbox", "production"].contains(&spanned.value) {
        let what = format!("`environment` is \"{}\"", spanned.value);
        root.report(spanned.span, what, "write \"sandbox\" or \"production\"");
    }
    spanned.value.to_owned()
}

/// Reads `base_url` without a slash at its end.
pub(super) fn base_url(root: &Table<'_>) -> Option<String> {
    let spanned = root.need_text("base_url", "\"https://payer.example/fhir\"")?;
    let uri = http::Uri::from_str(spanned.value).ok();
    if uri
        .as_ref()
        .and_then(http::Uri::authority)
        .is_some_and(|host| host.as_str().contains('@'))
    {
        let help = "leave them out; [auth] says how we sign in";
        root.report(spanned.span, "`base_url` holds a user or a password", help);
        return None;
    }
    if let Some(authority) = uri.as_ref().and_then(http::Uri::authority)
        && !has_port(authority)
    {
        let what = format!("`base_url` \"{}\" has a port that is none", spanned.value);
        root.report(spanned.span, what, "write a port from 1 to 65535, or none");
        return None;
    }
    if let Some(host) = uri.as_ref().and_then(http::Uri::host)
        && !is_host(host)
    {
        let what = format!("`base_url` \"{}\" names no host", spanned.value);
        let help = if ends_in_a_number(host) {
            "write an IPv4 address as four decimal numbers from 0 to 255"
        } else {
            "labels have 1 to 63 letters, digits, hyphens or underscores, and no hyphen at either end"
        };
        root.report(spanned.span, what, help);
        return None;
    }
    let is_http = uri.as_ref().is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("https" | "http"))
            && uri.host().is_some()
            && uri.query().is_none()
    }) && !spanned.value.contains('#');
    if !is_http {
        let what = format!("`base_url` \"{}\" is no base URL", spanned.value);
        root.report(
            spanned.span,
            what,
            "write such as \"https://payer.example/fhir\"",
        );
        return None;
    }
    Some(spanned.value.trim_end_matches('/').to_owned())
}

/// Members' data and tokens travel in the clear over `http://`: a mistake in production, a warning elsewhere but on this
/// machine.
fn plain_http(root: &Table<'_>) {
    let Some(spanned) = root.text("base_url") else {
        return;
    };
    let uri = http::Uri::from_str(spanned.value).ok();
    let uri = uri.as_ref();
    let is_plain = uri.is_some_and(|uri| uri.scheme_str() == Some("http"));
    let host = uri.and_then(http::Uri::host).unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<IpAddr>().ok();
    let is_here = host == "localhost" || address.is_some_and(|one| one.is_loopback());
    let what = "`base_url` is http://: members' data and tokens travel in the clear";
    let environment = root.text("environment").map(|one| one.value);
    if is_plain && environment == Some("production") {
        root.report(spanned.span.clone(), what, "write https://");
    } else if is_plain && !is_here {
        root.warn(spanned.span.clone(), what, "write https://");
    }
}

/// Whether it can be the name of a host, or is an address.
fn is_host(host: &str) -> bool {
    let bare = host.strip_suffix('.').unwrap_or(host);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    if ends_in_a_number(host) {
        return bare.parse::<Ipv4Addr>().is_ok();
    }
    host.starts_with('[') || (bare.len() <= 253 && bare.split('.').all(is_label))
}

/// Whether readers of URLs take it for an IPv4 address (WHATWG URL, "ends in a number"): resolvers differ on what
/// `0x7f.1` is.
fn ends_in_a_number(host: &str) -> bool {
    let bare = host.strip_suffix('.').unwrap_or(host);
    let last = bare.rsplit('.').next().unwrap_or_default();
    let is_digits = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    let hex = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    is_digits || hex.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Origins other than its own where its jobs may be.
/// What the partner does differently and may.
fn quirks(root: &Table<'_>) -> BTreeSet<Quirk> {
    let known = || Quirk::ALL.iter().map(|quirk| quirk.name());
    let mut quirks = BTreeSet::new();
    for spanned in root.texts("quirks") {
        match Quirk::named(spanned.value) {
            Some(quirk) => {
                quirks.insert(quirk);
            }
            None => unknown(root, &spanned, "quirks", known()),
        }
    }
    quirks
}

fn job_origins(root: &Table<'_>) -> Vec<String> {
    let mut origins = Vec::new();
    for spanned in root.texts("job_origins") {
        let uri = http::Uri::from_str(spanned.value).ok();
        let is_origin = uri.is_some_and(|uri| {
            uri.scheme_str() == Some("https")
                && uri.host().is_some()
                && uri
                    .authority()
                    .is_some_and(|one| !one.as_str().contains('@') && has_port(one))
                && matches!(
                    uri.path_and_query().map(|path| path.as_str()),
                    None | Some("/")
                )
        });
        if is_origin && !spanned.value.contains('#') {
            origins.push(spanned.value.trim_end_matches('/').to_owned());
        } else {
            let what = format!("\"{}\" is no origin over TLS", spanned.value);
            let help = "write such as \"https://jobs.payer.example\"";
            root.report(spanned.span, what, help);
        }
    }
    origins
}

fn probe(table: &Table<'_>) -> Option<ProbeEntry> {
    let journey = table.need_text("journey", "\"liveness\"");
    let timing = timing::read(table);
    let class = class(table);
    let confirm = table.flag("confirm").unwrap_or(false);
    let when_failing = table.duration("when_failing");
    let concurrency = match table.number("concurrency", 1..CONCURRENCY_LIMIT) {
        None if table.has("concurrency") => None,
        number => usize::try_from(number.unwrap_or(1)).ok(),
    };
    let members = table.text("members");
    let deadline = table.duration("deadline").map(|spanned| spanned.value);
    let timeout = table.duration("timeout").map(|spanned| spanned.value);
    let seed = table.number("seed", 0..u64::MAX).unwrap_or(0);
    let formerly = formerly::read(table);
    let family = word(table, "family", FamilyWanted::ALL, FamilyWanted::name);
    table.close();
    let timing = timing?;
    if let Some(every) = when_failing.as_ref().filter(|one| one.value >= timing.gap) {
        let what = format!(
            "`when_failing` is {}, and it runs every {} anyway",
            format_duration(every.value),
            format_duration(timing.gap)
        );
        let help = "set a shorter time, or take it away";
        table.report(every.span.clone(), what, help);
    }
    let journey = journey?;
    Some(ProbeEntry {
        span: table.place(),
        journey: Spanned {
            value: JourneyId::new(journey.value),
            span: journey.span,
        },
        timing,
        class: class?,
        confirm,
        when_failing: when_failing.map(|spanned| spanned.value),
        concurrency,
        members: members.map(|spanned| Spanned {
            value: spanned.value.to_owned(),
            span: spanned.span,
        }),
        deadline,
        timeout,
        seed,
        family: family.unwrap_or(FamilyWanted::Any),
        formerly,
    })
}

/// The class in the file, if it is there; none when there is no such class.
#[expect(
    clippy::option_option,
    reason = "said, not said, and said wrongly are three things"
)]
fn class(table: &Table<'_>) -> Option<Option<Class>> {
    let Some(spanned) = table.text("class") else {
        return (!table.has("class")).then_some(None);
    };
    let class = Class::named(spanned.value);
    if class.is_none() {
        let what = format!("no class \"{}\"", spanned.value);
        table.report(spanned.span, what, "write \"short\" or \"long\"");
    }
    class.map(Some)
}
