//! `[[calendar]]`: declared windows, of a partner's file or the agent's.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveTime, TimeDelta, Utc, Weekday};

use super::diagnostic::near_or_all;
use super::timing;
use super::tree::{Spanned, Table};
use crate::model::{Calendar, CalendarSpan, Effect, Probe, Weekly};

/// A window that is declared once ends within this.
const DAYS_MAX: i64 = 366;
/// Where looking for a start that nothing holds back begins: any time serves that holds all weekdays.
const REFERENCE_S: i64 = 1_767_225_600;
/// How far one looks, and how many windows.
const LOOK_DAYS: i64 = 400;
const WINDOWS_MAX: usize = 1_000;

/// One entry with its place.
pub(super) struct CalendarEntry {
    pub(super) span: std::ops::Range<usize>,
    pub(super) calendar: Calendar,
}

pub(super) fn read(root: &Table<'_>) -> Vec<CalendarEntry> {
    let tables = root.tables("calendar");
    let entries = tables.iter().filter_map(|table| {
        let calendar = entry(table);
        table.close();
        Some(CalendarEntry {
            span: table.place(),
            calendar: calendar?,
        })
    });
    entries.collect()
}

fn entry(table: &Table<'_>) -> Option<Calendar> {
    let reason = table.need_text("reason", "\"the partner upgrades its database\"");
    let effects = effects(table);
    let span = if table.has("days") {
        weekly(table).map(CalendarSpan::Weekly)
    } else {
        once(table)
    };
    Some(Calendar {
        reason: reason?.value.to_owned(),
        effects: effects?,
        span: span?,
    })
}

fn effects(table: &Table<'_>) -> Option<BTreeSet<Effect>> {
    let known: Vec<&str> = Effect::ALL.iter().map(|effect| effect.name()).collect();
    if !table.has("effects") || table.is_empty_list("effects") {
        let all: Vec<_> = known.iter().map(|name| format!("\"{name}\"")).collect();
        table.missing("effects", &format!("[…] with some of {}", all.join(", ")));
        return None;
    }
    let mut effects = BTreeSet::new();
    let mut is_fine = true;
    for spanned in table.texts("effects") {
        match Effect::named(spanned.value) {
            Some(effect) => {
                effects.insert(effect);
            }
            None => {
                let what = format!("no effect \"{}\"", spanned.value);
                table.report(
                    spanned.span,
                    what,
                    near_or_all(spanned.value, &known, "effects"),
                );
                is_fine = false;
            }
        }
    }
    (is_fine && !effects.is_empty()).then_some(effects)
}

fn once(table: &Table<'_>) -> Option<CalendarSpan> {
    if table.has("timezone") {
        // A weekly window's key; an instant has its own offset.
        if let Some(zone) = table.text("timezone") {
            let help = "write the offset into `from` and `to`, or add `days`";
            table.report(zone.span, "`timezone` next to instants has no effect", help);
        }
    }
    let example = "\"2026-12-24T02:00:00-05:00\"";
    let (from, to) = (
        table.need_text("from", example),
        table.need_text("to", example),
    );
    let (begin, end) = (
        from.and_then(|spanned| instant(table, "from", spanned)),
        to.and_then(|spanned| instant(table, "to", spanned)),
    );
    let (begin, end) = (begin?, end?);
    if end.value <= begin.value {
        let help = "let it end after it begins";
        table.report(end.span, "a calendar ends before it begins", help);
        return None;
    }
    let length = end.value - begin.value;
    if length > TimeDelta::days(DAYS_MAX) {
        let what = format!("a calendar lasts {} days", length.num_days());
        let help = format!("declare up to {DAYS_MAX} days at a time; look at the year");
        table.report(end.span, what, help);
        return None;
    }
    Some(CalendarSpan::Once(begin.value, end.value))
}

fn instant(
    table: &Table<'_>,
    key: &'static str,
    spanned: Spanned<&str>,
) -> Option<Spanned<DateTime<Utc>>> {
    let at = DateTime::parse_from_rfc3339(spanned.value).ok();
    if at.is_none() {
        let what = format!("`{key}` = \"{}\" is no instant", spanned.value);
        let help = "write such as \"2026-12-24T02:00:00-05:00\", or add `days` for each week";
        table.report(spanned.span.clone(), what, help);
    }
    Some(Spanned {
        value: at?.to_utc(),
        span: spanned.span,
    })
}

fn weekly(table: &Table<'_>) -> Option<Weekly> {
    let zone = timing::zone(table);
    let mut days = Vec::new();
    let mut is_fine = !table.is_empty_list("days");
    if !is_fine {
        table.missing("days", "[\"sun\"]");
    }
    for spanned in table.texts("days") {
        match spanned.value.parse::<Weekday>() {
            Ok(day) => days.push(day),
            Err(_) => {
                let what = format!("no weekday \"{}\"", spanned.value);
                let help = "write mon, tue, wed, thu, fri, sat or sun";
                table.report(spanned.span, what, help);
                is_fine = false;
            }
        }
    }
    let (from, to) = (
        table.need_text("from", "\"02:00\""),
        table.need_text("to", "\"06:00\", or \"24:00\""),
    );
    let from = from.and_then(|spanned| hour(table, "from", &spanned));
    let to = to.and_then(|spanned| match spanned.value {
        "24:00" => Some(None),
        _ => hour(table, "to", &spanned).map(Some),
    });
    let weekly = Weekly {
        days,
        from: from?,
        to: to?,
        zone: zone?.value,
    };
    (is_fine && !weekly.days.is_empty()).then_some(weekly)
}

fn hour(table: &Table<'_>, key: &'static str, spanned: &Spanned<&str>) -> Option<NaiveTime> {
    let time = NaiveTime::parse_from_str(spanned.value, "%H:%M").ok();
    if time.is_none() {
        let what = format!("`{key}` = \"{}\" is no time of day", spanned.value);
        let help = "write hours and minutes, such as \"02:30\"";
        table.report(spanned.span.clone(), what, help);
    }
    time
}

/// What weekly calendars with one effect would leave of a probe: nothing is a mistake.
pub(super) fn leaves_nothing(probe: &Probe, calendars: &[&Calendar], effect: Effect) -> bool {
    let weekly = |one: &&&Calendar| {
        one.effects.contains(&effect) && matches!(one.span, CalendarSpan::Weekly(_))
    };
    let weekly: Vec<&&Calendar> = calendars.iter().filter(weekly).collect();
    let Some(from) = DateTime::from_timestamp(REFERENCE_S, 0) else {
        return false;
    };
    let end = from + TimeDelta::days(LOOK_DAYS);
    let mut after = from;
    let mut has_any = false;
    for _ in 0..WINDOWS_MAX {
        let Some(start) = probe.next_after(after).filter(|start| *start < end) else {
            break;
        };
        has_any = true;
        let Some(until) = weekly.iter().filter_map(|one| one.until(start)).max() else {
            return false;
        };
        after = until - TimeDelta::milliseconds(1);
    }
    has_any
}

/// Why a calendar that leaves nothing is of no use, and the help.
pub(super) fn nothing_left(probe: &Probe, effect: Effect) -> (String, &'static str) {
    let what = match effect {
        Effect::Blackout => "would never run: calendars hold back every start",
        Effect::NoAlert => "would never call anybody: calendars cover every start",
        Effect::Exclude => "would count in no SLA: calendars leave out every start",
    };
    let help = "declare fewer hours or days; take the probe away if it shall not be watched";
    (format!("\"{}\" {what}", probe.id.journey), help)
}
