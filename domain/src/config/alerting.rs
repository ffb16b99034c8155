//! `[alerting]` of `outrider.toml` and `[escalation]` of a partner's file: who hears of alerts, and when.

use std::time::Duration;

use super::tree::{Spanned, Table};
use crate::model::{
    Alerting, BusinessHours, Channel, Escalation, ExchangeCore, Kpi, Smtp, WebhookUrl, Weekday,
    Zone,
};

/// Longest `contact` of an escalation map, in bytes: it stands in every alert.
const CONTACT_BYTES_MAX: usize = 200;
const MINUTES_OF_A_DAY: u64 = 24 * 60;

/// `[alerting]`: the addresses in the generated files.
pub(super) fn alerting(table: &Table<'_>) -> Alerting {
    let alertmanager = table.text("alertmanager").and_then(|spanned| {
        let is_address = spanned
            .value
            .rsplit_once(':')
            .is_some_and(|(host, port)| is_host(host) && port.parse::<u16>().is_ok());
        if !is_address {
            let what = format!("\"{}\" is no host with a port", spanned.value);
            table.report(spanned.span, what, "write such as \"127.0.0.1:9093\"");
        }
        is_address.then(|| spanned.value.to_owned())
    });
    let alerting = Alerting {
        alertmanager,
        page: webhook(table, "page", "page_file"),
        ticket: webhook(table, "ticket", "ticket_file"),
        heartbeat: webhook(table, "heartbeat", "heartbeat_file"),
        grafana: url(table, "grafana"),
        business_hours: table
            .table("business_hours")
            .and_then(|table| business_hours(&table)),
        smtp: table.table("smtp").and_then(|table| smtp(&table)),
        retired_agents: retired_agents(table),
    };
    table.close();
    alerting
}

/// A webhook's address, or the file that Alertmanager reads it from: the address alone may let anybody send there.
fn webhook(table: &Table<'_>, key: &'static str, file_key: &'static str) -> Option<WebhookUrl> {
    let file = table.text(file_key);
    if let Some(file) = file.as_ref().filter(|_| table.has(key)) {
        let what = format!("`{key}` and `{file_key}` name one webhook twice");
        table.report(file.span.clone(), what, "take one of them away");
    }
    match file {
        Some(file) => line(table, file_key, file).map(WebhookUrl::File),
        None => url(table, key).map(WebhookUrl::Address),
    }
}

/// `retired_agents = ["outrider@west"]`: an agent's name and its location.
fn retired_agents(table: &Table<'_>) -> Vec<(String, String)> {
    let mut agents = Vec::new();
    for one in table.texts("retired_agents") {
        let parts = one.value.rsplit_once('@');
        match parts.filter(|(agent, location)| !agent.is_empty() && !location.is_empty()) {
            Some((agent, location)) => agents.push((agent.to_owned(), location.to_owned())),
            None => {
                let what = format!("\"{}\" names no agent", one.value);
                let help = "write AGENT@LOCATION, as the labels of its series were";
                table.report(one.span, what, help);
            }
        }
    }
    agents
}

/// `[alerting.smtp]`: the server that sends e-mail.
fn smtp(table: &Table<'_>) -> Option<Smtp> {
    let smarthost = table.need_text("smarthost", "\"mail.example:587\"");
    let from = table.need_text("from", "\"outrider@example.org\"");
    let smtp = smarthost.zip(from).and_then(|(smarthost, from)| {
        Some(Smtp {
            smarthost: line(table, "smarthost", smarthost)?,
            from: line(table, "from", from)?,
            username: optional(table, "username"),
            password_file: optional(table, "password_file"),
        })
    });
    table.close();
    smtp
}

/// `[exchange]`: where the core's numbers are, and what they must be.
pub(super) fn exchange(table: &Table<'_>) -> ExchangeCore {
    let targets = Kpi::ALL.iter().filter_map(|kpi| {
        let written = table.percent_ppm(kpi.name())?;
        let ppm = written.value.filter(|ppm| (1..1_000_000).contains(ppm));
        if ppm.is_none() {
            let what = format!("`{kpi}` is no share of all");
            table.report(
                written.span,
                what,
                "write a percentage between 0 and 100, such as 98",
            );
        }
        Some((*kpi, ppm?))
    });
    let targets = targets.collect();
    let exchange = ExchangeCore {
        metrics: url(table, "metrics"),
        ca: optional(table, "ca"),
        targets,
    };
    table.close();
    exchange
}

/// `[escalation]`: who else hears of one partner's alerts.
pub(super) fn escalation(table: &Table<'_>) -> Escalation {
    let contact = table.text("contact").and_then(|spanned| {
        // It becomes part of a template that Prometheus fills in.
        let is_plain =
            !spanned.value.contains(['{', '}']) && !spanned.value.contains(char::is_control);
        let is_told =
            !spanned.value.is_empty() && spanned.value.len() <= CONTACT_BYTES_MAX && is_plain;
        if !is_told {
            let help =
                format!("write one line of at most {CONTACT_BYTES_MAX} bytes without braces");
            table.report(spanned.span, "`contact` cannot appear in an alert", help);
        }
        is_told.then(|| spanned.value.to_owned())
    });
    let webhooks = |key| {
        let urls = urls(table, key).into_iter();
        let channel = |url| Channel::Webhook {
            url: WebhookUrl::Address(url),
        };
        urls.map(channel).collect()
    };
    let mut escalation = Escalation {
        page: webhooks("page"),
        ticket: webhooks("ticket"),
        contact,
    };
    // What people hear at once pages unless the file says otherwise; a mailbox waits.
    for (kind, default) in [
        ("pagerduty", "page"),
        ("slack", "page"),
        ("webhook", "page"),
        ("email", "ticket"),
    ] {
        for table in table.tables(kind) {
            let channel = channel(&table, kind);
            let severities = severities(&table, default);
            table.close();
            for (severity, channel) in severities.into_iter().zip(std::iter::repeat(channel)) {
                match severity {
                    "page" => escalation.page.extend(channel),
                    _ => escalation.ticket.extend(channel),
                }
            }
        }
    }
    table.close();
    escalation
}

/// One table of a receiver's; none when it is not whole.
fn channel(table: &Table<'_>, kind: &str) -> Option<Channel> {
    let need = |key: &'static str, example: &str| {
        let text = table.need_text(key, example)?;
        line(table, key, text)
    };
    Some(match kind {
        "pagerduty" => Channel::PagerDuty {
            routing_key_file: need(
                "routing_key_file",
                "\"/etc/alertmanager/partner.pagerduty\"",
            )?,
        },
        "slack" => {
            let channel = need("channel", "\"#exchange\"");
            let api_url_file = need("api_url_file", "\"/etc/alertmanager/partner.slack\"");
            Channel::Slack {
                channel: channel?,
                api_url_file: api_url_file?,
            }
        }
        "webhook" => Channel::Webhook {
            url: WebhookUrl::File(need("url_file", "\"/etc/alertmanager/partner.webhook\"")?),
        },
        _ => Channel::Email {
            to: need("to", "\"desk@partner.example\"")?,
        },
    })
}

/// What a receiver gets: `severities = ["page", "ticket"]`.
fn severities(table: &Table<'_>, default: &'static str) -> Vec<&'static str> {
    if !table.has("severities") {
        return vec![default];
    }
    let written = table.texts("severities").into_iter();
    let known = written.filter_map(|spanned| {
        let known = ["page", "ticket"]
            .into_iter()
            .find(|one| *one == spanned.value);
        if known.is_none() {
            let what = format!("\"{}\" is no severity that is sent", spanned.value);
            table.report(spanned.span, what, "one of: page, ticket");
        }
        known
    });
    known.collect()
}

/// A text of one line without what a template of Alertmanager would fill in.
fn line(table: &Table<'_>, key: &str, text: Spanned<&str>) -> Option<String> {
    let is_line = !text.value.trim().is_empty()
        && !text.value.contains("{{")
        && !text.value.contains(char::is_control);
    if !is_line {
        let what = format!("`{key}` cannot be written into alertmanager.yml");
        table.report(text.span.clone(), what, "write one line without {{");
    }
    is_line.then(|| text.value.to_owned())
}

fn optional(table: &Table<'_>, key: &'static str) -> Option<String> {
    line(table, key, table.text(key)?)
}

/// When tickets are told: Monday to Friday from 8 to 18 o'clock unless the file says otherwise.
fn business_hours(table: &Table<'_>) -> Option<BusinessHours> {
    let timezone = table
        .need_text("timezone", "\"America/New_York\"")
        .and_then(|spanned| {
            let zone = Zone::named(spanned.value);
            if zone.is_none() {
                let what = format!("there is no time zone \"{}\"", spanned.value);
                let help =
                    "write a name of the IANA database, such as \"America/New_York\" or \"UTC\"";
                table.report(spanned.span, what, help);
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
        table.report(to.span.clone(), what, "write a later time of the same day");
    }
    table.close();
    let written = |time: Option<Result<Spanned<Duration>, ()>>, hour: u64| match time {
        Some(time) => time.ok().map(|spanned| spanned.value),
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
    for spanned in table.texts("days") {
        match Weekday::named(spanned.value) {
            Some(day) => days.push(day),
            None => {
                let what = format!("\"{}\" is no day of the week", spanned.value);
                let known = Weekday::ALL.iter().map(|day| day.name());
                let help = format!("one of: {}", known.collect::<Vec<_>>().join(", "));
                table.report(spanned.span, what, help);
                is_whole = false;
            }
        }
    }
    days.sort_unstable();
    days.dedup();
    if days.is_empty() && is_whole {
        let help = "name a day, or leave `days` out for Monday to Friday";
        table.report(
            table.place(),
            "`days` holds no day: tickets would never be sent",
            help,
        );
    }
    (is_whole && !days.is_empty()).then_some(days)
}

/// `HH:MM`, up to `24:00`, since midnight.
fn time_of_day(table: &Table<'_>, key: &'static str) -> Option<Result<Spanned<Duration>, ()>> {
    let spanned = table.text(key)?;
    let minutes = spanned.value.split_once(':').and_then(|(hours, minutes)| {
        let two = |text: &str| {
            let is_two = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            is_two.then(|| text.parse::<u64>().ok()).flatten()
        };
        let minutes = two(minutes).filter(|minutes| *minutes < 60)?;
        Some(two(hours)? * 60 + minutes)
    });
    match minutes.filter(|minutes| *minutes <= MINUTES_OF_A_DAY) {
        Some(minutes) => Some(Ok(Spanned {
            value: Duration::from_secs(minutes * 60),
            span: spanned.span,
        })),
        None => {
            let what = format!("`{key}` = \"{}\" is no time of day", spanned.value);
            table.report(spanned.span, what, "write such as \"08:00\"");
            Some(Err(()))
        }
    }
}

pub(super) fn is_host(host: &str) -> bool {
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
        .filter_map(|spanned| checked(table, key, spanned))
        .collect()
}

fn checked(table: &Table<'_>, key: &str, spanned: Spanned<&str>) -> Option<String> {
    let uri: Option<http::Uri> = spanned.value.parse().ok();
    // It becomes part of templates, of YAML and of longer addresses: an address has none of these unless they are
    // percent-encoded, and what follows a `#` goes to no server.
    let is_plain = !spanned
        .value
        .contains(|c: char| c.is_whitespace() || c.is_control() || "{}\"'\\<>`|^#".contains(c));
    let is_url = is_plain
        && uri.is_some_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https")) && uri.authority().is_some()
        });
    if !is_url {
        let what = format!("`{key}` = \"{}\" is no URL", spanned.value);
        let help = "write such as \"https://outrider.example\"";
        table.report(spanned.span, what, help);
    }
    is_url.then(|| spanned.value.trim_end_matches('/').to_owned())
}
