//! An agenda as text for people and as JSON for machines.

use std::fmt::Write;

use chrono::{DateTime, TimeDelta, Timelike, Utc};
use outrider_domain::model::Effect;
use outrider_domain::schedule::{
    Agenda, ClockChange, HourAgenda, PartnerAgenda, ProbeAgenda, Range, Window,
};
use serde_json::{Value, json};

/// The height of an hour: none, then ever more runs.
const HEIGHTS: [char; 9] = ['·', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// An hour in which calendars hold everything back.
const HELD: char = '×';
/// Windows shown of one partner.
const WINDOWS_SHOWN: usize = 20;

/// The agenda as text. `has_strip` draws each day by the hour.
pub fn agenda_text(agenda: &Agenda, has_strip: bool) -> String {
    let mut text = format!("from {} to {}\n", minute(agenda.from), minute(agenda.to));
    for partner in &agenda.partners {
        partner_text(&mut text, partner, has_strip);
    }
    text
}

fn partner_text(text: &mut String, partner: &PartnerAgenda, has_strip: bool) {
    let mut line = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    line(format!("\n{}  {}", partner.partner, partner.name));
    line(format!(
        "  {:<24} {:>7} {:>7} {:>7} {:>9} {:>17} {:>13} {:>8}",
        "journey", "runs", "held", "quiet", "excluded", "requests", "jobs", "members"
    ));
    for probe in &partner.probes {
        line(format!(
            "  {:<24} {:>7} {:>7} {:>7} {:>9} {:>17} {:>13} {:>8}",
            probe.probe.journey,
            probe.runs,
            probe.held.values().sum::<u64>(),
            probe.quiet,
            probe.excluded,
            range(probe.cost.requests),
            range(probe.cost.jobs),
            probe.members,
        ));
    }
    if let Some(limit) = partner.limits.requests_per_minute {
        line(format!("  agreed: {limit} requests a minute"));
    }
    if let Some(limit) = partner.limits.runs_in_flight {
        line(format!("  agreed: {limit} runs at one time"));
    }
    for window in partner.windows.iter().take(WINDOWS_SHOWN) {
        line(format!(
            "  {} to {}  {}: {}",
            minute(window.from),
            minute(window.to),
            effects(window).join(", "),
            window.reason
        ));
    }
    if partner.windows.len() > WINDOWS_SHOWN {
        let more = partner.windows.len() - WINDOWS_SHOWN;
        line(format!("  and {more} more windows; --json has all"));
    }
    for change in &partner.clock_changes {
        line(format!("  {}", clock_change(change)));
    }
    if has_strip {
        strips(text, partner);
    }
}

/// One line a day of UTC, one character an hour.
fn strips(text: &mut String, partner: &PartnerAgenda) {
    let most = partner.hours.values().map(|hour| hour.runs).max();
    let most = most.unwrap_or(0).max(1);
    let mut day: Option<String> = None;
    for (begin, hour) in &partner.hours {
        let date = begin.format("%a %Y-%m-%d").to_string();
        if day.as_ref() != Some(&date) {
            let mark = if has_change(partner, *begin) {
                "*"
            } else {
                " "
            };
            let blank = usize::try_from(begin.hour()).unwrap_or_default();
            let _infallible = write!(text, "\n  {date}{mark} {}", " ".repeat(blank));
            day = Some(date);
        }
        text.push(cell(*hour, most));
    }
    let _infallible = writeln!(
        text,
        "\n  {:<15} 0     6     12    18     one character an hour of UTC, █ is {most} runs, {HELD} held back{}",
        "",
        if partner.clock_changes.is_empty() {
            ""
        } else {
            ", * a clock change"
        }
    );
}

fn cell(hour: HourAgenda, most: u64) -> char {
    if hour.runs == 0 && hour.held > 0 {
        return HELD;
    }
    let steps = u64::try_from(HEIGHTS.len() - 1).unwrap_or(1);
    let height = (hour.runs * steps).div_ceil(most);
    let place = usize::try_from(height).unwrap_or_default();
    HEIGHTS.get(place).copied().unwrap_or(HELD)
}

fn has_change(partner: &PartnerAgenda, begin: DateTime<Utc>) -> bool {
    let day = begin.date_naive();
    partner
        .clock_changes
        .iter()
        .any(|change| change.at.date_naive() == day)
}

fn minute(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

fn range(range: Range) -> String {
    match range.most {
        Some(most) if most == range.least => most.to_string(),
        Some(most) => format!("{} to {most}", range.least),
        None => format!("{} or more", range.least),
    }
}

fn effects(window: &Window) -> Vec<&'static str> {
    window.effects.iter().copied().map(Effect::name).collect()
}

fn clock_change(change: &ClockChange) -> String {
    let way = if change.minutes > 0 {
        "forward"
    } else {
        "back"
    };
    let by = TimeDelta::minutes(change.minutes.abs()).num_minutes();
    format!(
        "{}: clocks of {} are set {way} by {by} minutes",
        minute(change.at),
        change.zone
    )
}

/// The agenda as JSON.
pub fn agenda_json(agenda: &Agenda) -> Value {
    json!({
        "from": agenda.from,
        "to": agenda.to,
        "partners": agenda.partners.iter().map(partner_json).collect::<Vec<_>>(),
    })
}

fn partner_json(partner: &PartnerAgenda) -> Value {
    let hours = partner
        .hours
        .iter()
        .map(|(begin, hour)| json!({"begin": begin, "runs": hour.runs, "held": hour.held}));
    let windows = partner.windows.iter().map(|window| {
        json!({
            "from": window.from, "to": window.to,
            "effects": effects(window), "reason": window.reason,
        })
    });
    let changes = partner
        .clock_changes
        .iter()
        .map(|change| json!({"at": change.at, "timezone": change.zone, "minutes": change.minutes}));
    json!({
        "partner": partner.partner.as_str(),
        "name": partner.name,
        "limits": {
            "requests_per_minute": partner.limits.requests_per_minute,
            "runs_in_flight": partner.limits.runs_in_flight,
        },
        "probes": partner.probes.iter().map(probe_json).collect::<Vec<_>>(),
        "hours": hours.collect::<Vec<_>>(),
        "windows": windows.collect::<Vec<_>>(),
        "clock_changes": changes.collect::<Vec<_>>(),
    })
}

fn probe_json(probe: &ProbeAgenda) -> Value {
    let least_and_most = |range: Range| json!({"least": range.least, "most": range.most});
    let held = probe.held.iter();
    let held: Value = held
        .map(|(disposition, count)| (disposition.name().to_owned(), *count))
        .collect();
    json!({
        "journey": probe.probe.journey.as_str(),
        "runs": probe.runs,
        "held": held,
        "quiet": probe.quiet,
        "excluded": probe.excluded,
        "first": probe.ends.map(|(first, _)| first),
        "last": probe.ends.map(|(_, last)| last),
        "members": probe.members,
        "requests": least_and_most(probe.cost.requests),
        "jobs": least_and_most(probe.cost.jobs),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use outrider_domain::model::{Limits, PartnerId};

    #[test]
    fn a_day_is_one_line_and_an_hour_one_character() {
        let begin = DateTime::parse_from_rfc3339("2026-11-01T00:00:00Z").unwrap();
        let hours = (0..48_i64).map(|hour| {
            let (runs, held) = match hour {
                0..6 => (0, 12),
                6..12 => (60, 0),
                12..24 => (30, 2),
                _ => (0, 0),
            };
            let at = begin.to_utc() + TimeDelta::hours(hour);
            (at, HourAgenda { runs, held })
        });
        let partner = PartnerAgenda {
            partner: PartnerId::new("p"),
            name: "P".to_owned(),
            limits: Limits::default(),
            probes: Vec::new(),
            hours: hours.collect::<BTreeMap<_, _>>(),
            windows: Vec::new(),
            clock_changes: vec![ClockChange {
                at: begin.to_utc() + TimeDelta::hours(6),
                zone: "America/New_York",
                minutes: -60,
            }],
        };
        let mut text = String::new();
        partner_text(&mut text, &partner, true);
        assert!(
            text.contains("Sun 2026-11-01* ××××××██████▄▄▄▄▄▄▄▄▄▄▄▄\n"),
            "{text}"
        );
        assert!(
            text.contains("Mon 2026-11-02  ························\n"),
            "{text}"
        );
        assert!(text.contains("clocks of America/New_York are set back by 60 minutes"));
        let mut quiet = String::new();
        partner_text(&mut quiet, &partner, false);
        assert!(!quiet.contains('█'));
    }
}
