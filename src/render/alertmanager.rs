//! `alertmanager.yml`: who hears what and when. Floor: Alertmanager 0.25.

use std::collections::BTreeMap;
use std::time::Duration;

use outrider_domain::model::names::WATCHDOG_PATH;
use outrider_domain::model::{BusinessHours, Channel, Partner, Plan, WebhookUrl, format_duration};
use outrider_domain::slo::Urgency;

use super::alertmanager_file::{
    Config, Email, Global, Interval, PagerDuty, Receiver, Route, Slack, TimeInterval, Webhook,
};
use super::alerts::{AlertKind, HEARTBEAT, INFO, UNROUTED};
use super::authorization::HttpConfig;
use super::inhibition::{inhibitions, is};

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

/// Alerts of one kind about one partner, whichever watchers raise them, are one notification.
const GROUP_BY: [&str; 4] = ["alertname", "partner", "slo", "agent"];

pub(super) fn config(plan: &Plan) -> Config {
    let alerting = &plan.settings.alerting;
    let hours = alerting.business_hours.as_ref();
    let smtp = alerting.smtp.as_ref();
    Config {
        global: smtp.map(|smtp| Global {
            smtp_smarthost: smtp.smarthost.clone(),
            smtp_from: smtp.from.clone(),
            smtp_auth_username: smtp.username.clone(),
            smtp_auth_password_file: smtp.password_file.clone(),
        }),
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

/// A partner's own receiver of that urgency.
fn name_of(partner: &Partner, urgency: Urgency) -> String {
    format!("{}-{}", partner.id, urgency.name())
}

/// Who hears of a partner's alerts of that urgency besides `[alerting]`.
fn also(partner: &Partner, urgency: Urgency) -> &[Channel] {
    match urgency {
        Urgency::Page => &partner.escalation.page,
        Urgency::Ticket => &partner.escalation.ticket,
    }
}

fn webhook(name: &str, url: Option<&WebhookUrl>, send_resolved: bool) -> Receiver {
    let mut receiver = Receiver::named(name.to_owned());
    receiver.webhook_configs = url
        .map(|url| Webhook::new(url, send_resolved))
        .into_iter()
        .collect();
    receiver
}

fn receivers(plan: &Plan) -> Vec<Receiver> {
    let alerting = &plan.settings.alerting;
    let mut all = Vec::new();
    for urgency in [Urgency::Page, Urgency::Ticket] {
        let ours = match urgency {
            Urgency::Page => &alerting.page,
            Urgency::Ticket => &alerting.ticket,
        };
        all.push(webhook(urgency.name(), ours.as_ref(), true));
        let own = plan.partners.values();
        let own = own.filter(|partner| !also(partner, urgency).is_empty());
        all.extend(own.map(|partner| {
            let name = name_of(partner, urgency);
            receiver(name, also(partner, urgency))
        }));
    }
    all.push(webhook(
        HEARTBEAT_RECEIVER,
        alerting.heartbeat.as_ref(),
        false,
    ));
    // Straight to where the agent listens, as Prometheus goes: a portal's address may ask for a password.
    let (scheme, address) = (plan.settings.scheme(), plan.settings.reached_at());
    let back = WebhookUrl::Address(format!("{scheme}://{address}{WATCHDOG_PATH}"));
    let mut receiver = Receiver::named(LOOP.to_owned());
    receiver
        .webhook_configs
        .push(Webhook::new(&back, false).with(HttpConfig::of(&plan.settings)));
    all.push(receiver);
    all.push(webhook(NOBODY, None, false));
    all
}

fn receiver(name: String, channels: &[Channel]) -> Receiver {
    let mut receiver = Receiver::named(name);
    for channel in channels {
        match channel {
            Channel::Webhook { url } => receiver.webhook_configs.push(Webhook::new(url, true)),
            Channel::Slack {
                channel,
                api_url_file,
            } => receiver.slack_configs.push(Slack {
                channel: channel.clone(),
                api_url_file: api_url_file.clone(),
                send_resolved: true,
            }),
            Channel::PagerDuty { routing_key_file } => receiver.pagerduty_configs.push(PagerDuty {
                routing_key_file: routing_key_file.clone(),
            }),
            Channel::Email { to } => receiver.email_configs.push(Email {
                to: to.clone(),
                send_resolved: true,
            }),
        }
    }
    receiver
}

/// A route that has what its parent has, but for its receiver and what it is for.
fn route(receiver: impl Into<String>, matchers: &[String]) -> Route {
    // One matcher that all of it must meet.
    let matchers = (!matchers.is_empty()).then(|| matchers.join(","));
    Route {
        receiver: receiver.into(),
        matchers: matchers.into_iter().collect(),
        ..Route::default()
    }
}

/// The watchdog and unrouted alerts; then what partners' own receivers get besides the others; then the rest.
fn root(plan: &Plan) -> Route {
    let scaled = |real| Some(format_duration(plan.scale.of(real)));
    let mut root = route(Urgency::Ticket.name(), &[]);
    root.group_by = GROUP_BY.to_vec();
    root.group_wait = scaled(GROUP_WAIT);
    root.group_interval = scaled(GROUP_INTERVAL);
    root.repeat_interval = scaled(REPEAT_TICKET);
    root.routes = watchdog(plan).into();
    let silent = format!("severity=~\"{UNROUTED}|{INFO}\"");
    root.routes.push(route(NOBODY, &[silent]));
    for partner in plan.partners.values() {
        root.routes.extend(own(plan, partner));
    }
    root.routes.extend(by_severity(plan));
    root
}

/// The watchdog goes out at once and often: to the agent, and to the heartbeat that watches from outside.
fn watchdog(plan: &Plan) -> [Route; 2] {
    [(LOOP, true), (HEARTBEAT_RECEIVER, false)].map(|(receiver, goes_on)| {
        let named = is("alertname", AlertKind::Watchdog.name());
        let often = format_duration(plan.scale.of(HEARTBEAT));
        Route {
            group_wait: Some(format_duration(Duration::ZERO)),
            group_interval: Some(often.clone()),
            repeat_interval: Some(often),
            goes_on,
            ..route(receiver, &[named])
        }
    })
}

/// What a partner's own receivers get, besides `[alerting]`. Repeated daily: its desk was told once.
fn own(plan: &Plan, partner: &Partner) -> Vec<Route> {
    let mut routes = Vec::new();
    let ours = is("partner", partner.id.as_str());
    if !also(partner, Urgency::Page).is_empty() {
        let receiver = name_of(partner, Urgency::Page);
        let disclosure = is("alertname", AlertKind::Disclosure.name());
        let page = is("severity", Urgency::Page.name());
        routes.push(Route {
            group_wait: Some(format_duration(Duration::ZERO)),
            goes_on: true,
            ..route(receiver.clone(), &[ours.clone(), disclosure])
        });
        let other = format!("alertname!=\"{}\"", AlertKind::Disclosure.name());
        routes.push(Route {
            goes_on: true,
            ..route(receiver, &[ours.clone(), page, other])
        });
    }
    if !also(partner, Urgency::Ticket).is_empty() {
        let ticket = is("severity", Urgency::Ticket.name());
        routes.push(Route {
            active_time_intervals: working_hours(plan),
            goes_on: true,
            ..route(name_of(partner, Urgency::Ticket), &[ours, ticket])
        });
    }
    routes
}

fn working_hours(plan: &Plan) -> Vec<&'static str> {
    let hours = plan.settings.alerting.business_hours.as_ref();
    hours.map(|_| BUSINESS_HOURS).into_iter().collect()
}

/// A disclosure at once, pages at any hour, tickets in business hours. While an objective's schedule leaves hours
/// without a run, a page stands without news: it is repeated once a day.
fn by_severity(plan: &Plan) -> [Route; 4] {
    let page = |matchers: &[String], wait: Option<Duration>, repeat| Route {
        group_wait: wait.map(|wait| format_duration(plan.scale.of(wait))),
        repeat_interval: Some(format_duration(plan.scale.of(repeat))),
        ..route(Urgency::Page.name(), matchers)
    };
    let paging = is("severity", Urgency::Page.name());
    [
        page(
            &[is("alertname", AlertKind::Disclosure.name())],
            Some(Duration::ZERO),
            REPEAT_PAGE,
        ),
        page(
            &[paging.clone(), is("repeat", "daily")],
            None,
            REPEAT_TICKET,
        ),
        page(&[paging], None, REPEAT_PAGE),
        Route {
            active_time_intervals: working_hours(plan),
            ..route(
                Urgency::Ticket.name(),
                &[is("severity", Urgency::Ticket.name())],
            )
        },
    ]
}
