//! `[alerting]` of `outrider.toml` and `[escalation]` of a partner's file: who hears of alerts, and when.

use std::time::Duration;

use super::tree::{Placed, Table};
use crate::model::{Alerting, BusinessHours, Escalation, Weekday, Zone};

/// Longest `contact` of an escalation map, in bytes: it stands in every alert.
const CONTACT_BYTES_MAX: usize = 200;
const MINUTES_OF_A_DAY: u64 = 24 * 60;

/// `[alerting]`: whom the generated files name.
pub(super) fn alerting(table: &Table<'_>) -> Alerting {
    let alertmanager = table.text("alertmanager").and_then(|placed| {
        let is_address = placed
            .value
            .rsplit_once(':')
            .is_some_and(|(host, port)| is_host(host) && port.parse::<u16>().is_ok());
        if !is_address {
            let what = format!("\"{}\" is no host with a port", placed.value);
            table.complain(placed.span, what, "write such as \"127.0.0.1:9093\"");
        }
        is_address.then(|| placed.value.to_owned())
    });
    let alerting = Alerting {
        alertmanager,
        page: url(table, "page"),
        ticket: url(table, "ticket"),
        heartbeat: url(table, "heartbeat"),
        grafana: url(table, "grafana"),
        business_hours: table
            .table("business_hours")
            .and_then(|table| business_hours(&table)),
    };
    table.close();
    alerting
}

/// `[escalation]`: who else hears of one partner's alerts.
pub(super) fn escalation(table: &Table<'_>) -> Escalation {
    let contact = table.text("contact").and_then(|placed| {
        // It becomes part of a template that Prometheus fills in.
        let is_plain =
            !placed.value.contains(['{', '}']) && !placed.value.contains(char::is_control);
        let is_told =
            !placed.value.is_empty() && placed.value.len() <= CONTACT_BYTES_MAX && is_plain;
        if !is_told {
            let cure =
                format!("write one line of at most {CONTACT_BYTES_MAX} bytes without braces");
            table.complain(placed.span, "`contact` cannot be told in an alert", cure);
        }
        is_told.then(|| placed.value.to_owned())
    });
    let escalation = Escalation {
        page: urls(table, "page"),
        ticket: urls(table, "ticket"),
        contact,
    };
    table.close();
    escalation
}

/// When tickets are told: Monday to Friday from 8 to 18 o'clock unless the file says otherwise.
fn business_hours(table: &Table<'_>) -> Option<BusinessHours> {
    let timezone = table
        .need_text("timezone", "\"America/New_York\"")
        .and_then(|placed| {
            let zone = Zone::named(placed.value);
            if zone.is_none() {
                let what = format!("there is no time zone \"{}\"", placed.value);
                let cure =
                    "write a name of the IANA database, such as \"America/New_York\" or \"UTC\"";
                table.complain(placed.span, what, cure);
            }
            zone
        });
    let days = days(table);
    let from = time_of_day(table, "from");
    let to = time_of_day(table, "to");
    if let (Some(Ok(from)), Some(Ok(to))) = (&from, &to)
        && from.value >= to.value
    {
        let what = "`to` is not after `from`: no hour is left";
        table.complain(to.span.clone(), what, "write a later time of the same day");
    }
    table.close();
    let written = |time: Option<Result<Placed<Duration>, ()>>, hour: u64| match time {
        Some(time) => time.ok().map(|placed| placed.value),
        None => Some(Duration::from_secs(hour * 3_600)),
    };
    Some(BusinessHours {
        timezone: timezone?,
        days: days?,
        from: written(from, 8)?,
        to: written(to, 18)?,
    })
}

fn days(table: &Table<'_>) -> Option<Vec<Weekday>> {
    if !table.has("days") {
        return Some(Weekday::ALL[..5].to_vec());
    }
    let mut days = Vec::new();
    let mut is_whole = true;
    for placed in table.texts("days") {
        match Weekday::named(placed.value) {
            Some(day) => days.push(day),
            None => {
                let what = format!("\"{}\" is no day of the week", placed.value);
                let known = Weekday::ALL.iter().map(|day| day.name());
                let cure = format!("one of: {}", known.collect::<Vec<_>>().join(", "));
                table.complain(placed.span, what, cure);
                is_whole = false;
            }
        }
    }
    days.sort_unstable();
    days.dedup();
    if days.is_empty() && is_whole {
        let cure = "name a day, or leave `days` out for Monday to Friday";
        table.complain(
            table.place(),
            "`days` holds no day: tickets would never be told",
            cure,
        );
    }
    (is_whole && !days.is_empty()).then_some(days)
}

/// `HH:MM`, up to `24:00`, since midnight.
fn time_of_day(table: &Table<'_>, key: &'static str) -> Option<Result<Placed<Duration>, ()>> {
    let placed = table.text(key)?;
    let minutes = placed.value.split_once(':').and_then(|(hours, minutes)| {
        let two = |text: &str| {
            let is_two = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            is_two.then(|| text.parse::<u64>().ok()).flatten()
        };
        let minutes = two(minutes).filter(|minutes| *minutes < 60)?;
        Some(two(hours)? * 60 + minutes)
    });
    match minutes.filter(|minutes| *minutes <= MINUTES_OF_A_DAY) {
        Some(minutes) => Some(Ok(Placed {
            value: Duration::from_secs(minutes * 60),
            span: placed.span,
        })),
        None => {
            let what = format!("`{key}` = \"{}\" is no time of day", placed.value);
            table.complain(placed.span, what, "write such as \"08:00\"");
            Some(Err(()))
        }
    }
}

fn is_host(host: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._[]:".contains(&b);
    !host.is_empty() && host.bytes().all(fits)
}

/// An absolute URL without a slash at the end.
pub(super) fn url(table: &Table<'_>, key: &'static str) -> Option<String> {
    checked(table, key, table.text(key)?)
}

fn urls(table: &Table<'_>, key: &'static str) -> Vec<String> {
    let written = table.texts(key).into_iter();
    written
        .filter_map(|placed| checked(table, key, placed))
        .collect()
}

fn checked(table: &Table<'_>, key: &str, placed: Placed<&str>) -> Option<String> {
    let uri: Option<http::Uri> = placed.value.parse().ok();
    let is_url = uri.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.authority().is_some()
    });
    if !is_url {
        let what = format!("`{key}` = \"{}\" is no URL", placed.value);
        let cure = "write such as \"https://outrider.example\"";
        table.complain(placed.span, what, cure);
    }
    is_url.then(|| placed.value.trim_end_matches('/').to_owned())
}
