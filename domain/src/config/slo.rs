//! `[slo.<name>]` of a partner's file: objectives as far as the file alone can say.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use super::diagnostic::nearest;
use super::threshold::{has_business_days, threshold};
use super::tree::{Each, Spanned, Table};
use crate::model::{JourneyId, SloName, Threshold, TierName, Window, Zone, format_duration};
use crate::slo;

/// The window of an objective, unless the file says otherwise.
const WINDOW: Duration = Duration::from_secs(30 * 24 * 3600);
/// The longest rolling window: the ledger keeps every event, and rules would look back further than
/// anybody agrees on.
const WINDOW_MAX: Duration = Duration::from_secs(366 * 24 * 3600);

/// The least objective that is taken, per million: what promises less is a share that was meant as a percentage,
/// or the share that may fail.
const OBJECTIVE_MIN: u32 = 500_000;
const ONE_PERCENT: u32 = 10_000;

/// One objective as far as the file alone can say.
pub(super) struct SloEntry {
    pub(super) place: Range<usize>,
    pub(super) name: SloName,
    pub(super) journeys: Vec<Spanned<JourneyId>>,
    pub(super) objective_ppm: u32,
    pub(super) window: Window,
    pub(super) floor: u32,
    pub(super) tiers: BTreeSet<TierName>,
    pub(super) threshold: Option<Each<Threshold>>,
}

/// What is promised where the file does not say, per million; none where nothing is usual.
fn default_ppm(name: SloName) -> Option<u32> {
    match name {
        SloName::Transport => Some(999_500),
        SloName::Application => Some(985_000),
        SloName::Business => Some(970_000),
        SloName::Conformance
        | SloName::Latency
        | SloName::Acceptance
        | SloName::Identity
        | SloName::Retrieval
        | SloName::Settlement => None,
    }
}

pub(super) fn read(root: &Table<'_>) -> BTreeMap<SloName, SloEntry> {
    let mut entries = BTreeMap::new();
    for (name, table) in root.named_tables("slo") {
        match SloName::named(&name) {
            Some(known) => entries.extend(entry(&table, known).map(|entry| (known, entry))),
            None => {
                let known: Vec<&str> = SloName::ALL.iter().map(|known| known.name()).collect();
                let help = match nearest(&name, known.iter().copied()) {
                    Some(near) => format!("did you mean [slo.{near}]?"),
                    None => format!("write one of {}", known.join(", ")),
                };
                let what = format!("`{name}` is nothing that a promise can be about");
                table.report(table.place(), what, help);
            }
        }
    }
    entries
}

fn entry(table: &Table<'_>, name: SloName) -> Option<SloEntry> {
    let journeys = table.texts("journeys");
    let has_none = !table.has("journeys") || table.is_empty_list("journeys");
    if has_none {
        table.missing("journeys", "[\"bulk-exchange\"]");
    }
    let objective = objective(table, name);
    let zone = table.text("timezone");
    let floor = floor(table);
    let tiers = tiers(table);
    let threshold = if name.has_threshold() {
        threshold(table, name, zone.as_ref())
    } else {
        None
    };
    // A threshold with a mistake may have meant them.
    let may_need_zone = name.has_threshold() && threshold.as_ref().is_none_or(has_business_days);
    let window = window(table, zone, may_need_zone);
    table.close();
    let journeys = journeys.into_iter().map(|spanned| Spanned {
        value: JourneyId::new(spanned.value),
        span: spanned.span,
    });
    if name.has_threshold() && threshold.is_none() {
        return None;
    }
    Some(SloEntry {
        place: table.place(),
        name,
        journeys: journeys.collect(),
        objective_ppm: objective?,
        window: window?,
        floor: floor?,
        tiers: tiers?,
        threshold,
    })
}

/// `window` with its `timezone`; none when what is written cannot be one. Business days need the zone too.
fn window(table: &Table<'_>, zone: Option<Spanned<&str>>, may_need_zone: bool) -> Option<Window> {
    let written = table.text("window");
    let calendar: Option<fn(Zone) -> Window> = match written.as_ref().map(|spanned| spanned.value) {
        Some("month") => Some(Window::Month),
        Some("quarter") => Some(Window::Quarter),
        Some(_) | None => None,
    };
    match (calendar, zone) {
        (Some(of), Some(zone)) => time_zone(table, &zone).map(of),
        (Some(_), None) => {
            if !table.has("timezone") {
                let what = "a calendar window has no `timezone`";
                let help = "add the contract's, such as timezone = \"America/New_York\"";
                let place = written.map_or_else(|| table.place(), |spanned| spanned.span);
                table.report(place, what, help);
            }
            None
        }
        (None, Some(zone)) if may_need_zone => {
            time_zone(table, &zone)?;
            rolling(table)
        }
        (None, Some(zone)) => {
            let help = "leave it out, or set window = \"month\" or \"quarter\"";
            table.report(zone.span, "a rolling window has no `timezone`", help);
            None
        }
        (None, None) => rolling(table),
    }
}

fn rolling(table: &Table<'_>) -> Option<Window> {
    if !table.has("window") {
        return Some(Window::Rolling(WINDOW));
    }
    let spanned = table.duration("window")?;
    if spanned.value > WINDOW_MAX {
        let what = format!(
            "a window of {} is longer than anything is looked back on",
            format_duration(spanned.value)
        );
        let help = format!(
            "write {} or less; \"30d\" is usual",
            format_duration(WINDOW_MAX)
        );
        table.report(spanned.span, what, help);
        return None;
    }
    Some(Window::Rolling(spanned.value))
}

/// The zone with a name that is written; reports one that does not exist.
pub(super) fn time_zone(table: &Table<'_>, zone: &Spanned<&str>) -> Option<Zone> {
    let known = Zone::named(zone.value);
    if known.is_none() {
        let help = match nearest(zone.value, Zone::names()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => "write a name of the IANA list, such as \"America/New_York\"".to_owned(),
        };
        let what = format!("there is no time zone \"{}\"", zone.value);
        table.report(zone.span.clone(), what, help);
    }
    known
}

/// The tiers that alert: all of them, unless the file names some.
fn tiers(table: &Table<'_>) -> Option<BTreeSet<TierName>> {
    if !table.has("tiers") {
        return Some(TierName::ALL.iter().copied().collect());
    }
    let known: Vec<&str> = TierName::ALL.iter().map(|tier| tier.name()).collect();
    let known = known.join(", ");
    let written = table.texts("tiers");
    if table.is_empty_list("tiers") {
        let help = format!("name at least one of {known}");
        table.report(table.place(), "`tiers` is empty: nothing could alert", help);
        return None;
    }
    let mut tiers = BTreeSet::new();
    let mut is_fine = !written.is_empty();
    for spanned in written {
        match TierName::named(spanned.value) {
            Some(tier) => is_fine &= tiers.insert(tier),
            None => {
                let what = format!("there is no tier \"{}\"", spanned.value);
                table.report(spanned.span, what, format!("write some of {known}"));
                return None;
            }
        }
    }
    if !is_fine {
        table.report(table.place(), "`tiers` names one twice", "name each once");
    }
    is_fine.then_some(tiers)
}

/// Bad runs below which no alert fires; none when what is written cannot be one.
fn floor(table: &Table<'_>) -> Option<u32> {
    if !table.has("floor") {
        return Some(slo::FLOOR);
    }
    let bounds = u64::from(slo::FLOOR_MIN)..u64::from(slo::FLOOR_MAX) + 1;
    let number = table.number("floor", bounds)?;
    u32::try_from(number).ok()
}

fn objective(table: &Table<'_>, name: SloName) -> Option<u32> {
    if !table.has("objective") {
        let usual = default_ppm(name);
        if usual.is_none() {
            table.missing("objective", "95");
        }
        return usual;
    }
    let spanned = table.percent_ppm("objective")?;
    match spanned.value {
        Some(ppm) if (OBJECTIVE_MIN..1_000_000).contains(&ppm) => return Some(ppm),
        Some(ppm @ 1..OBJECTIVE_MIN) => {
            let written = f64::from(ppm) / 10_000.0;
            let what = format!("an objective of {written} % promises less than half");
            let help = if ppm < ONE_PERCENT {
                format!(
                    "it is a percentage: write {} for {written}",
                    f64::from(ppm) / 100.0
                )
            } else {
                "write the share that is good, as a percentage of at least 50, such as 97"
                    .to_owned()
            };
            table.report(spanned.span, what, help);
        }
        Some(1_000_000) => {
            let help = "promise less, such as 99.95: an empty budget pages for ever";
            table.report(spanned.span, "an objective of 100 leaves no budget", help);
        }
        Some(_) | None => {
            let help = "write a percentage above 0 and below 100";
            table.report(spanned.span, "`objective` is no percentage", help);
        }
    }
    None
}
