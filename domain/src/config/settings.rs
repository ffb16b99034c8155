//! `outrider.toml`: the agent's own settings.

use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::access::{self, PartnersNamed};
use super::alerting::{alerting, exchange, url};
use super::proxy;
use super::retention;
use super::secret_ref;
use super::template;
use super::tree::Table;
use crate::model::{Alerting, ExchangeCore, MetricsShown, ReportFolder, Settings};

/// Runs at one time, unless the file says otherwise.
const RUNS_IN_FLIGHT: usize = 64;
const RUNS_IN_FLIGHT_LIMIT: u64 = 10_001;

/// Of so many permits long runs may have three, unless the file says otherwise.
const LONG_OF: usize = 4;

/// A request that we held up for longer is marked `agent_delayed`, unless the file says otherwise.
const OWN_DELAY_MAX: Duration = Duration::from_millis(8);

/// Where settings stand that are compared with what other files say.
pub(super) struct SettingsPlaces {
    pub(super) retention: retention::Places,
    pub(super) partners_named: PartnersNamed,
    pub(super) listen: Range<usize>,
}

pub(super) fn read(root: &Table<'_>, folder: &Path) -> (Settings, SettingsPlaces) {
    template::unread_in_file(root, "alerting");
    let text = |key, default: &str| {
        root.text(key)
            .map_or_else(|| default.to_owned(), |spanned| spanned.value.to_owned())
    };
    let runs_in_flight_max = root
        .number("runs_in_flight_max", 1..RUNS_IN_FLIGHT_LIMIT)
        .and_then(|number| usize::try_from(number).ok())
        .unwrap_or(RUNS_IN_FLIGHT);
    let calendars = super::calendar::read(root)
        .into_iter()
        .map(|entry| entry.calendar);
    let (retention, kept) = retention::read(root);
    let (access, partners_named) = access::read(root, folder);
    let settings = Settings {
        agent: text("agent", "outrider"),
        location: text("location", "local"),
        contact: contact(root).unwrap_or_default(),
        listen: listen(root),
        access,
        ledger: folder.join(PathBuf::from(text("ledger", "var/outrider.db"))),
        runs_in_flight_max,
        long_runs_in_flight_max: long_runs(root, runs_in_flight_max),
        late_after: root
            .duration("late_after")
            .map_or(Duration::from_secs(1), |p| p.value),
        stop_grace: root
            .duration("stop_grace")
            .map_or(Duration::from_secs(10), |p| p.value),
        own_delay_max: root
            .duration("own_delay_max")
            .map_or(OWN_DELAY_MAX, |p| p.value),
        nameservers: root
            .texts("nameservers")
            .into_iter()
            .filter_map(|p| address(root, p))
            .collect(),
        proxy: proxy::read(root, folder).unwrap_or_default(),
        portal: portal(root),
        alerting: root
            .table("alerting")
            .map_or_else(Alerting::default, |table| alerting(&table)),
        exchange: root
            .table("exchange")
            .map_or_else(ExchangeCore::default, |table| exchange(&table)),
        calendars: calendars.collect(),
        retention,
        metrics: metrics(root),
        report: root
            .table("report")
            .and_then(|table| report(&table, folder)),
    };
    let places = SettingsPlaces {
        retention: kept,
        partners_named,
        listen: listen_place(root),
    };
    (settings, places)
}

/// `[report]`: where reports are published on their agreed day.
fn report(table: &Table<'_>, folder: &Path) -> Option<ReportFolder> {
    let written = table.need_text("folder", "\"reports\"");
    let is_named = written
        .as_ref()
        .is_none_or(|written| !written.value.is_empty());
    if let Some(written) = written.as_ref().filter(|_| !is_named) {
        let help = "write the folder in which reports appear, such as \"reports\"";
        table.report(written.span.clone(), "`folder` is empty", help);
    }
    let key = secret_ref::read(table, folder, "key");
    table.close();
    Some(ReportFolder {
        folder: folder.join(written.filter(|_| is_named)?.value),
        key,
    })
}

/// Whom a partner may call about our requests.
fn contact(root: &Table<'_>) -> Option<String> {
    let contact = root.need_text("contact", "\"ops@payer.example\"");
    contact.map(|spanned| {
        if spanned.value.is_empty() {
            root.report(
                spanned.span,
                "`contact` is empty",
                "write who the partner may call",
            );
        } else if !spanned.value.bytes().all(|b| (0x20..0x7f).contains(&b)) {
            root.report(
                spanned.span,
                "`contact` cannot be sent in a header",
                "write an address in ASCII",
            );
        }
        spanned.value.to_owned()
    })
}

/// Permits that long runs may have: fewer than there are, so that short ones always find one.
fn long_runs(root: &Table<'_>, all: usize) -> usize {
    const KEY: &str = "long_runs_in_flight_max";
    let default = all.saturating_sub(all.div_ceil(LONG_OF)).max(1);
    if !root.has(KEY) {
        return default;
    }
    // One permit cannot be shared.
    let bound = u64::try_from(all.max(2)).unwrap_or(RUNS_IN_FLIGHT_LIMIT);
    let number = root.number(KEY, 1..bound);
    number
        .and_then(|number| usize::try_from(number).ok())
        .unwrap_or(default)
}

/// What `/metrics` shows.
fn metrics(root: &Table<'_>) -> MetricsShown {
    let step_sums = root.table("metrics").and_then(|table| {
        let step_sums = table.flag("step_sums");
        table.close();
        step_sums
    });
    MetricsShown {
        has_step_sums: step_sums.unwrap_or(false),
    }
}

/// Where people reach the pages.
pub(super) fn portal(root: &Table<'_>) -> Option<String> {
    url(root, "portal")
}

pub(super) fn listen(root: &Table<'_>) -> SocketAddr {
    let default = SocketAddr::from(([127, 0, 0, 1], 9464));
    root.text("listen")
        .and_then(|spanned| address(root, spanned))
        .unwrap_or(default)
}

/// Where `listen` stands; the begin of the file where it does not.
pub(super) fn listen_place(root: &Table<'_>) -> Range<usize> {
    root.text("listen")
        .map_or_else(|| root.place(), |spanned| spanned.span)
}

fn address(root: &Table<'_>, spanned: super::tree::Spanned<&str>) -> Option<SocketAddr> {
    let address = spanned.value.parse().ok();
    if address.is_none() {
        let what = format!("\"{}\" is no address with a port", spanned.value);
        root.report(spanned.span, what, "write such as \"127.0.0.1:9464\"");
    }
    address
}
