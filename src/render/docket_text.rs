//! Lists of a docket for a terminal. Free text stands here and in the ledger alone.

use chrono::{DateTime, Utc};
use outrider_domain::model::{DocketDeed, DocketEntry};
use outrider_domain::sla::{Docket, Episode, instant};

/// Incidents, and episodes of failed runs that none of them covers.
pub fn incidents_text(docket: &Docket, found: &[(String, Episode)]) -> String {
    let incidents = docket.incidents();
    let time = |at: Option<DateTime<Utc>>| at.map_or("–".to_owned(), instant);
    let mut lines: Vec<String> = incidents
        .iter()
        .map(|one| {
            format!(
                "{}  {}  severity {}  {}  {}  answered {}  restored {}  {}\n{}",
                one.opened.number,
                instant(one.from),
                one.severity,
                one.journey.unwrap_or("all exchanges"),
                one.opened.wish.reason,
                time(one.acknowledged),
                time(one.restored),
                if one.closed.is_some() {
                    "closed"
                } else {
                    "open"
                },
                who(one.opened)
            )
        })
        .collect();
    let covered = |journey: &str, episode: &Episode| {
        incidents.iter().any(|one| {
            let is_of = one.journey.is_none_or(|of| of == journey);
            let begins_in_it = one.from <= episode.from
                && one.restored.is_none_or(|restored| episode.from < restored);
            is_of && (episode.contains(one.from) || begins_in_it)
        })
    };
    let proposed = found
        .iter()
        .filter(|(journey, episode)| !covered(journey, episode));
    lines.extend(proposed.map(|(journey, episode)| {
        format!(
            "proposed: {journey}, {} failed runs from {} until {}",
            episode.failed,
            instant(episode.from),
            episode.until.map_or("now".to_owned(), instant)
        )
    }));
    listed(
        lines,
        "no incident, and no episode of failed runs without one",
    )
}

/// Exclusions with their state.
pub fn exclusions_text(docket: &Docket) -> String {
    let all = docket.exclusions();
    let lines = all.iter().map(|one| {
        let approved = one
            .approved
            .map(|entry| format!("\n    approved {}", who(entry).trim_start()));
        format!(
            "{}  {}  {} to {}  {}\n{}{}",
            one.number(),
            one.state(),
            instant(one.window.start),
            instant(one.window.end),
            one.added.wish.reason,
            who(one.added),
            approved.unwrap_or_default()
        )
    });
    listed(lines.collect(), "no exclusion")
}

/// Disputes with their state.
pub fn disputes_text(docket: &Docket) -> String {
    let all = docket.disputes();
    let lines = all.iter().filter_map(|one| {
        let DocketDeed::DisputeOpen {
            period,
            promise,
            raised_by,
            ..
        } = &one.opened.wish.act
        else {
            return None;
        };
        let state = match (one.answered, one.settled) {
            (_, Some(settled)) => format!("settled: {}", settled.wish.reason),
            (Some(_), None) => "answered".to_owned(),
            (None, None) => "open".to_owned(),
        };
        Some(format!(
            "{}  {state}  {period}  {}  raised by {raised_by}  {}\n{}",
            one.opened.number,
            promise.as_deref().unwrap_or("all promises"),
            one.opened.wish.reason,
            who(one.opened)
        ))
    });
    listed(lines.collect(), "no dispute")
}

fn who(entry: &DocketEntry) -> String {
    let stated = entry.wish.stated.as_deref();
    let stated = stated.map(|name| format!(" (stated: {name})"));
    format!(
        "    {} by {}{}: {}",
        instant(entry.at),
        entry.author,
        stated.unwrap_or_default(),
        entry.wish.note
    )
}

fn listed(lines: Vec<String>, none: &str) -> String {
    if lines.is_empty() {
        none.to_owned()
    } else {
        lines.join("\n")
    }
}
