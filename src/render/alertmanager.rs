//! `alertmanager.yml`: who hears what and when. Floor: Alertmanager 0.25.

use std::collections::BTreeMap;
use std::time::Duration;

use outrider_domain::model::names::WATCHDOG_PATH;
use outrider_domain::model::{BusinessHours, Partner, Plan, format_duration};
use outrider_domain::slo::Urgency;
use serde::Serialize;

use super::alerts::{AlertKind, HEARTBEAT, UNROUTED};
use super::inhibition::{Inhibit, inhibitions, is};
use super::warnings::INFO;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Until the first notification of a group: long enough for the alert that inhibits others.
const GROUP_WAIT: Duration = seconds(30);
/// Until something new in a group is told.
const GROUP_INTERVAL: Duration = seconds(300);
/// Until an unresolved page is sent again.
const REPEAT_PAGE: Duration = seconds(4 * 3_600);
/// The same for tickets.
const REPEAT_TICKET: Duration = seconds(24 * 3_600);

/// The receiver without notifications: for alerts that only inhibit others or are only shown.
const NOBODY: &str = "nobody";
/// The agent itself, which hears the watchdog again.
const LOOP: &str = "loop";
const HEARTBEAT_RECEIVER: &str = "heartbeat";
/// The hours in which tickets are told.
const BUSINESS_HOURS: &str = "business-hours";

#[derive(Debug, Serialize)]
pub(super) struct Config {
    route: Route,
    inhibit_rules: Vec<Inhibit>,
    receivers: Vec<Receiver>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    time_intervals: Vec<TimeInterval>,
}

#[derive(Debug, Serialize)]
struct Route {
    receiver: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    matchers: Vec<String>,
    group_by: Vec<&'static str>,
    group_wait: String,
    group_interval: String,
    repeat_interval: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    active_time_intervals: Vec<&'static str>,
    #[serde(rename = "continue", skip_serializing_if = "is_false")]
    goes_on: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    routes: Vec<Route>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}

#[derive(Debug, Serialize)]
struct Receiver {
    name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    webhook_configs: Vec<Webhook>,
}

#[derive(Debug, Serialize)]
struct Webhook {
    url: String,
    send_resolved: bool,
}

#[derive(Debug, Serialize)]
struct TimeInterval {
    name: &'static str,
    time_intervals: Vec<Interval>,
}

#[derive(Debug, Serialize)]
struct Interval {
    weekdays: Vec<String>,
    times: Vec<BTreeMap<&'static str, String>>,
    location: &'static str,
}

pub(super) fn config(plan: &Plan) -> Config {
    let hours = plan.settings.alerting.business_hours.as_ref();
    Config {
        route: root(plan),
        inhibit_rules: inhibitions(),
        receivers: receivers(plan),
        time_intervals: hours.map(interval).into_iter().collect(),
    }
}

fn interval(hours: &BusinessHours) -> TimeInterval {
    let clock = |time: Duration| {
        let minutes = time.as_secs() / 60;
        format!("{:02}:{:02}", minutes / 60, minutes % 60)
    };
    TimeInterval {
        name: BUSINESS_HOURS,
        time_intervals: vec![Interval {
            weekdays: hours.days.iter().map(ToString::to_string).collect(),
            times: vec![BTreeMap::from([
                ("start_time", clock(hours.from)),
                ("end_time", clock(hours.to)),
            ])],
            location: hours.timezone.name(),
        }],
    }
}

/// The receiver of that urgency: the partner's own when its escalation map names one.
fn receiver_of(partner: Option<&Partner>, urgency: Urgency) -> String {
    match partner {
        Some(partner) if !also(partner, urgency).is_empty() => {
            format!("{}-{}", partner.id, urgency.name())
        }
        _ => urgency.name().to_owned(),
    }
}

/// Who hears of a partner's alerts of that urgency besides `[alerting]`.
fn also(partner: &Partner, urgency: Urgency) -> &[String] {
    match urgency {
        Urgency::Page => &partner.escalation.page,
        Urgency::Ticket => &partner.escalation.ticket,
    }
}

fn receivers(plan: &Plan) -> Vec<Receiver> {
    let alerting = &plan.settings.alerting;
    let own = |urgency| match urgency {
        Urgency::Page => &alerting.page,
        Urgency::Ticket => &alerting.ticket,
    };
    let named = |name: String, urls: Vec<&String>, send_resolved| Receiver {
        name,
        webhook_configs: urls
            .into_iter()
            .map(|url| Webhook {
                url: url.clone(),
                send_resolved,
            })
            .collect(),
    };
    let mut all = Vec::new();
    for urgency in [Urgency::Page, Urgency::Ticket] {
        let ours: Vec<&String> = own(urgency).iter().collect();
        all.push(named(receiver_of(None, urgency), ours.clone(), true));
        for partner in plan.partners.values() {
            let theirs = also(partner, urgency);
            if !theirs.is_empty() {
                let both = ours.iter().copied().chain(theirs).collect();
                all.push(named(receiver_of(Some(partner), urgency), both, true));
            }
        }
    }
    let outside = alerting.heartbeat.iter().collect();
    all.push(named(HEARTBEAT_RECEIVER.to_owned(), outside, false));
    // Straight to where the agent listens, as Prometheus goes: a portal's address may ask for a password.
    let back = format!("http://{}{WATCHDOG_PATH}", plan.settings.listen);
    all.push(named(LOOP.to_owned(), vec![&back], false));
    all.push(named(NOBODY.to_owned(), Vec::new(), false));
    all
}

/// A route with the times of what is no page.
fn route(plan: &Plan, receiver: impl Into<String>, matchers: Vec<String>) -> Route {
    let scaled = |real| format_duration(plan.scale.of(real));
    Route {
        receiver: receiver.into(),
        matchers,
        group_by: vec!["alertname", "partner", "slo", "agent"],
        group_wait: scaled(GROUP_WAIT),
        group_interval: scaled(GROUP_INTERVAL),
        repeat_interval: scaled(REPEAT_TICKET),
        active_time_intervals: Vec::new(),
        goes_on: false,
        routes: Vec::new(),
    }
}

/// The watchdog and unrouted alerts; then each partner with an escalation map; then the rest.
fn root(plan: &Plan) -> Route {
    let mut root = route(plan, Urgency::Ticket.name(), Vec::new());
    root.routes = watchdog(plan).into();
    let silent = vec![format!("severity=~\"{UNROUTED}|{INFO}\"")];
    root.routes.push(route(plan, NOBODY, silent));
    for partner in plan.partners.values() {
        let escalates = [Urgency::Page, Urgency::Ticket]
            .into_iter()
            .any(|urgency| !also(partner, urgency).is_empty());
        if escalates {
            let ours = vec![is("partner", partner.id.as_str())];
            let receiver = receiver_of(Some(partner), Urgency::Ticket);
            let mut branch = route(plan, receiver, ours);
            branch.routes = by_severity(plan, Some(partner)).into();
            root.routes.push(branch);
        }
    }
    root.routes.extend(by_severity(plan, None));
    root
}

/// The watchdog goes out at once and often: to the agent, and to the heartbeat that watches from outside.
fn watchdog(plan: &Plan) -> [Route; 2] {
    [(LOOP, true), (HEARTBEAT_RECEIVER, false)].map(|(receiver, goes_on)| {
        let named = vec![is("alertname", AlertKind::Watchdog.name())];
        let often = format_duration(plan.scale.of(HEARTBEAT));
        Route {
            group_wait: format_duration(Duration::ZERO),
            group_interval: often.clone(),
            repeat_interval: often,
            goes_on,
            ..route(plan, receiver, named)
        }
    })
}

/// A disclosure at once, pages at any hour, tickets in business hours.
fn by_severity(plan: &Plan, partner: Option<&Partner>) -> [Route; 3] {
    let page = |matcher, wait| Route {
        group_wait: format_duration(plan.scale.of(wait)),
        repeat_interval: format_duration(plan.scale.of(REPEAT_PAGE)),
        ..route(plan, receiver_of(partner, Urgency::Page), vec![matcher])
    };
    let hours = plan.settings.alerting.business_hours.as_ref();
    let ticket = vec![is("severity", Urgency::Ticket.name())];
    [
        page(
            is("alertname", AlertKind::Disclosure.name()),
            Duration::ZERO,
        ),
        page(is("severity", Urgency::Page.name()), GROUP_WAIT),
        Route {
            active_time_intervals: hours.map(|_| BUSINESS_HOURS).into_iter().collect(),
            ..route(plan, receiver_of(partner, Urgency::Ticket), ticket)
        },
    ]
}
