//! When a `[[probe]]` is due: `every` or `cron`, `timezone`, `jitter`, `profile`.

use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::diagnostic::nearest;
use super::tree::{Spanned, Table};
use crate::model::{Cadence, Civil, Profile, WEEK_HOURS, Zone, format_duration};

/// Occurrences of a cron expression looked at to find its shortest gap.
const OCCURRENCES: usize = 500;
/// A factor of a profile stays below this.
const FACTOR_LIMIT: u64 = 61;
/// What never fires after this never fires; any fixed time serves.
const REFERENCE_S: i64 = 1_767_225_600;
const DAY_HOURS: usize = 24;
/// Rows of a profile, from Monday.
const ROWS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// When a probe is due, as far as its file can say.
pub(super) struct Timing {
    pub(super) cadence: Cadence,
    /// The shortest time between two starts, without jitter.
    pub(super) gap: Duration,
    pub(super) jitter: Duration,
}

pub(super) fn read(table: &Table<'_>) -> Option<Timing> {
    let every = table.duration("every");
    let cron = table.text("cron");
    let zone = zone(table);
    let profile = table.table("profile");
    let jitter = table.duration("jitter");
    let (cadence, gap) = match (every, cron) {
        (Some(every), None) => {
            let cadence = match profile {
                Some(profile) => profiled(&profile, every.value, zone.clone()?)?,
                None => {
                    lone_zone(table, zone.as_ref());
                    Cadence::Every(every.value)
                }
            };
            (cadence, every.value)
        }
        (None, Some(cron)) => {
            if let Some(profile) = profile {
                let help = "keep `every` with a profile, or `cron` without one";
                table.report(profile.place(), "both `cron` and a profile", help);
                close_rows(&profile);
            }
            cron_cadence(table, &cron, zone?.value)?
        }
        (None, None) => {
            profile.as_ref().map(close_rows);
            if !table.has("every") && !table.has("cron") {
                table.missing("every", "\"1m\", or cron = \"*/5 * * * *\"");
            }
            return None;
        }
        (Some(_), Some(cron)) => {
            profile.as_ref().map(close_rows);
            table.report(cron.span, "both `every` and `cron`", "keep one of them");
            return None;
        }
    };
    if let Some(jitter) = jitter.as_ref().filter(|jitter| jitter.value >= gap) {
        let what = format!(
            "a jitter of {} is no shorter than the {} between two starts",
            format_duration(jitter.value),
            format_duration(gap)
        );
        let help = format!(
            "set jitter below {}, so that starts keep their order",
            format_duration(gap)
        );
        table.report(jitter.span.clone(), what, help);
        return None;
    }
    Some(Timing {
        cadence,
        gap,
        jitter: jitter.map(|jitter| jitter.value).unwrap_or_default(),
    })
}

/// The zone of a table's `timezone`, UTC when it names none; none when there is no such zone.
pub(super) fn zone(table: &Table<'_>) -> Option<Spanned<Zone>> {
    let Some(named) = table.text("timezone") else {
        let span = table.place();
        return (!table.has("timezone")).then_some(Spanned {
            value: Zone::UTC,
            span,
        });
    };
    let zone = Zone::named(named.value);
    if zone.is_none() {
        let what = format!("no time zone \"{}\"", named.value);
        let help = match near_zone(named.value) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => "write a name of the IANA list, such as \"America/New_York\"".to_owned(),
        };
        table.report(named.span.clone(), what, help);
    }
    Some(Spanned {
        value: zone?,
        span: named.span,
    })
}

fn near_zone(name: &str) -> Option<&'static str> {
    let is_same = |known: &&str| known.eq_ignore_ascii_case(&name.replace(' ', "_"));
    Zone::names()
        .find(is_same)
        .or_else(|| nearest(name, Zone::names()))
}

/// A zone says nothing of an interval that has no hours.
fn lone_zone(table: &Table<'_>, zone: Option<&Spanned<Zone>>) {
    if let Some(zone) = zone.filter(|zone| zone.value != Zone::UTC) {
        let what = "`timezone` next to `every` has no effect";
        let help = "take it away, or add a profile or `cron`";
        table.report(zone.span.clone(), what, help);
    }
}

fn close_rows(profile: &Table<'_>) {
    rows(profile);
    profile.close();
}

/// Factors by row, and those of `daily`; what is no row of 24 numbers is reported.
fn rows(profile: &Table<'_>) -> Option<[u8; WEEK_HOURS]> {
    let daily = row(profile, "daily");
    let mut factors = [1; WEEK_HOURS];
    let mut is_whole = daily.is_some();
    for (name, hours) in ROWS.into_iter().zip(factors.chunks_mut(DAY_HOURS)) {
        let own = row(profile, name);
        is_whole &= own.is_some();
        if let Some(row) = own.flatten().or(daily.flatten()) {
            hours.copy_from_slice(&row);
        }
    }
    is_whole.then_some(factors)
}

/// A row of factors; `Some(None)` where the file has none, none where it is wrong.
fn row(profile: &Table<'_>, name: &'static str) -> Option<Option<[u8; DAY_HOURS]>> {
    if !profile.has(name) {
        return Some(None);
    }
    let numbers = profile.numbers(name, 0..FACTOR_LIMIT)?;
    let factors: Vec<u8> = numbers
        .value
        .iter()
        .filter_map(|number| u8::try_from(*number).ok())
        .collect();
    let row = <[u8; DAY_HOURS]>::try_from(factors).ok();
    if row.is_none() {
        let what = format!("`{name}` holds {} numbers", numbers.value.len());
        let help = "write 24, one an hour: by what the interval is multiplied, 0 for no run";
        profile.report(numbers.span, what, help);
    }
    Some(Some(row?))
}

fn profiled(profile: &Table<'_>, every: Duration, zone: Spanned<Zone>) -> Option<Cadence> {
    let factors = rows(profile);
    profile.close();
    let factors = factors?;
    if factors.iter().all(|factor| *factor == 0) {
        let help = "write a factor above 0 for the hours in which it shall run";
        profile.report(profile.place(), "a profile of zeros never runs", help);
        return None;
    }
    let cadence = Cadence::Profile(Box::new(Profile {
        every,
        zone: zone.value,
        factors,
    }));
    let from = DateTime::<Utc>::from_timestamp(REFERENCE_S, 0)?;
    if cadence.next_after(0, from).is_none() {
        let what = format!(
            "a profile of {} with these factors leaves out every start",
            format_duration(every)
        );
        let help = "write smaller factors, or a shorter interval";
        profile.report(profile.place(), what, help);
        return None;
    }
    Some(cadence)
}

fn cron_cadence(
    table: &Table<'_>,
    cron: &Spanned<&str>,
    zone: Zone,
) -> Option<(Cadence, Duration)> {
    let fields: Vec<&str> = cron.value.split_whitespace().collect();
    // Five fields are minutes first, as in a crontab.
    let (text, weekday) = if fields.len() == 5 {
        (format!("0 {}", cron.value), fields.get(4))
    } else {
        (cron.value.to_owned(), fields.get(5))
    };
    if weekday.is_some_and(|field| field.bytes().any(|b| b.is_ascii_digit())) {
        let what = format!("`cron` = \"{}\" counts weekdays", cron.value);
        let help = "name them, such as Mon-Fri: 1 is Sunday to some and Monday to others";
        table.report(cron.span.clone(), what, help);
        return None;
    }
    let Ok(schedule) = cron::Schedule::from_str(&text) else {
        let what = format!("`cron` = \"{}\" cannot be read", cron.value);
        let help = "write five fields as in a crontab, or six with seconds first, weekdays by name: \"0 */5 * * * *\"";
        table.report(cron.span.clone(), what, help);
        return None;
    };
    let civil = Civil::new(schedule, zone);
    let from = DateTime::<Utc>::from_timestamp(REFERENCE_S, 0)?;
    let first = civil.next_after(from);
    if first.is_none() {
        let what = format!("`cron` = \"{}\" can never fire", cron.value);
        table.report(cron.span.clone(), what, "name a date that exists");
        return None;
    }
    let starts = std::iter::successors(first, |start| civil.next_after(*start));
    let starts: Vec<_> = starts.take(OCCURRENCES).collect();
    let gap = starts
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .min()
        .unwrap_or(TimeDelta::MAX);
    let gap = gap.to_std().unwrap_or(Duration::MAX);
    Some((Cadence::Cron(Box::new(civil)), gap))
}
