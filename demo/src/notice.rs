//! A notification of Alertmanager, and how people read it.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::faults::Fault;
use crate::grid::Tone;

/// Alerts in one notification.
const ALERTS_MAX: usize = 64;
/// What is shown of one annotation.
const TEXT_CHARACTERS_MAX: usize = 300;
/// What people read of an alert that fires, and how it is called here.
const SHOWN: [(&str, &str); 5] = [
    ("description", "why"),
    ("cause", "cause"),
    ("since", "since"),
    ("runbook_url", "runbook"),
    ("evidence_url", "evidence"),
];
/// The labels that say what an alert is about.
const ABOUT: [&str; 6] = ["partner", "slo", "tier", "journey", "agent", "location"];

/// Who is notified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receiver {
    /// Somebody who is woken up.
    Page,
    /// Somebody who looks in working hours.
    Ticket,
    /// A machine that notices when it hears nothing.
    Heartbeat,
}

impl Receiver {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Page, Self::Ticket, Self::Heartbeat];

    fn shown(self) -> &'static str {
        match self {
            Self::Page => "TO THE PAGER",
            Self::Ticket => "as a ticket",
            Self::Heartbeat => "heartbeat",
        }
    }
}

impl fmt::Display for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Page => "page",
            Self::Ticket => "ticket",
            Self::Heartbeat => "heartbeat",
        })
    }
}

/// Whether an alert goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// It does.
    Firing,
    /// It is over.
    Resolved,
}

/// One alert of a notification.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Alert {
    /// Whether it goes on.
    pub(crate) status: Status,
    /// What it is about.
    pub(crate) labels: BTreeMap<String, String>,
    /// What it tells.
    pub(crate) annotations: BTreeMap<String, String>,
    /// The same for the same labels.
    pub(crate) fingerprint: String,
}

impl Alert {
    /// A label; empty when there is none.
    pub(crate) fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }

    /// What it is and what it is about, in words.
    pub(crate) fn about(&self) -> String {
        let words = std::iter::once("alertname").chain(ABOUT);
        let words = words.map(|name| self.label(name));
        words
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Whether it is the one that a fault at a partner must raise.
    pub(crate) fn tells(&self, fault: &Fault, partner: &str) -> bool {
        let is_it = if fault.pauses() {
            self.label("alertname") == "OutriderDisclosure"
        } else {
            self.label("slo") == fault.layer.to_string()
        };
        is_it && self.label("partner") == partner
    }

    /// The cause that it names, when it is not the fault's.
    pub(crate) fn other_cause(&self, fault: &Fault) -> Option<&str> {
        let cause = self.annotations.get("cause").map_or("", String::as_str);
        let expected = format!("{} {}", fault.layer, fault.cause);
        (!cause.starts_with(&expected)).then_some(cause)
    }

    fn lines(&self, receiver: Receiver) -> Vec<(Tone, String)> {
        let (tone, status) = match self.status {
            Status::Firing => (Tone::Bad, "firing"),
            Status::Resolved => (Tone::Good, "resolved"),
        };
        let text = |name: &str| self.annotations.get(name).map(|text| cut(text));
        let summary = text("summary").unwrap_or_default();
        let mut lines = vec![
            (
                tone,
                format!("  {:<13} {status}: {summary}", receiver.shown()),
            ),
            (Tone::Plain, format!("    alert       {}", self.about())),
        ];
        if self.status == Status::Firing {
            for (name, shown) in SHOWN {
                let line = text(name).map(|text| format!("    {shown:<11} {text}"));
                lines.extend(line.map(|line| (Tone::Plain, line)));
            }
        }
        lines
    }
}

fn cut(text: &str) -> String {
    let mut shown: String = text.chars().take(TEXT_CHARACTERS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// One notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    /// Who is notified.
    pub(crate) receiver: Receiver,
    /// Of what.
    pub(crate) alerts: Vec<Alert>,
}

impl Notice {
    /// Reads what Alertmanager posts to a webhook.
    ///
    /// # Errors
    /// When it is something else, or more than is read.
    pub(crate) fn read(receiver: Receiver, body: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        struct Posted {
            alerts: Vec<Alert>,
        }
        let posted: Posted = serde_json::from_slice(body).context("it is no notification")?;
        let count = posted.alerts.len();
        ensure!(
            count <= ALERTS_MAX,
            "it has {count} alerts, more than {ALERTS_MAX}"
        );
        Ok(Self {
            receiver,
            alerts: posted.alerts,
        })
    }

    /// What people read.
    pub(crate) fn lines(&self) -> Vec<(Tone, String)> {
        self.alerts
            .iter()
            .flat_map(|alert| alert.lines(self.receiver))
            .collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// What Alertmanager 0.25 posts for one burn alert of the transport, with some of it changed.
    pub(crate) fn posted(status: &str, labels: Value) -> Value {
        let mut alert = json!({
            "status": status,
            "labels": {"alertname": "OutriderSloBurn", "partner": "keystone", "severity": "page",
                "slo": "transport", "tier": "page-fast"},
            "annotations": {
                "summary": "Keystone Health Plan: transport runs are bad",
                "description": "3 of 12 runs in the last 4m were bad.",
                "cause": "transport connect, owner partner",
                "since": "2026-11-22 02:31:12 +0000 UTC, 3 failed runs in a row",
                "runbook_url": "http://127.0.0.1:9464/runbooks/transport-connect.md",
                "evidence_url": "http://127.0.0.1:9464/evidence/keystone/transport",
                "dashboard_url": "http://127.0.0.1:3000/d/outrider-partner",
            },
            "startsAt": "2026-11-22T02:31:24Z", "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://host:9090/graph", "fingerprint": "8f1e",
        });
        if let Value::Object(changes) = labels {
            for (name, value) in changes {
                alert["labels"][name] = value;
            }
            let labels = alert["labels"].to_string();
            alert["fingerprint"] = json!(labels);
        }
        json!({"version": "4", "status": status, "receiver": "page", "alerts": [alert]})
    }

    pub(crate) fn notice(receiver: Receiver, posted: &Value) -> Notice {
        Notice::read(receiver, posted.to_string().as_bytes()).unwrap()
    }

    fn told(notice: &Notice) -> Vec<String> {
        notice.lines().into_iter().map(|(_, line)| line).collect()
    }

    #[test]
    fn a_page_says_what_why_since_when_and_where_to_look() {
        let expected = [
            "  TO THE PAGER  firing: Keystone Health Plan: transport runs are bad",
            "    alert       OutriderSloBurn keystone transport page-fast",
            "    why         3 of 12 runs in the last 4m were bad.",
            "    cause       transport connect, owner partner",
            "    since       2026-11-22 02:31:12 +0000 UTC, 3 failed runs in a row",
            "    runbook     http://127.0.0.1:9464/runbooks/transport-connect.md",
            "    evidence    http://127.0.0.1:9464/evidence/keystone/transport",
        ];
        let firing = notice(Receiver::Page, &posted("firing", json!({})));
        assert_eq!(told(&firing), expected);
        let over = notice(Receiver::Ticket, &posted("resolved", json!({})));
        let expected = [
            "  as a ticket   resolved: Keystone Health Plan: transport runs are bad",
            "    alert       OutriderSloBurn keystone transport page-fast",
        ];
        assert_eq!(told(&over), expected);
    }

    #[test]
    fn an_alert_belongs_to_the_fault_of_its_layer_and_names_its_cause() {
        let table = crate::faults::table().unwrap();
        let fault = |name: &str| table.iter().find(|fault| fault.name == name).unwrap();
        let alert = |labels: Value| {
            let notice = notice(Receiver::Page, &posted("firing", labels));
            notice.alerts.into_iter().next().unwrap()
        };
        let burn = alert(json!({}));
        assert!(burn.tells(fault("connection-refused"), "keystone"));
        assert!(!burn.tells(fault("connection-refused"), "lakeside"));
        assert!(!burn.tells(fault("server-error"), "keystone"));
        assert_eq!(burn.other_cause(fault("connection-refused")), None);
        let other = burn.other_cause(fault("reset-mid-body"));
        assert_eq!(other, Some("transport connect, owner partner"));
        let business = alert(json!({"slo": "business"}));
        assert!(business.tells(fault("records-missing"), "keystone"));
        assert!(!business.tells(fault("foreign-record"), "keystone"));
        let seen = alert(json!({"alertname": "OutriderDisclosure", "slo": ""}));
        assert!(seen.tells(fault("foreign-record"), "keystone"));
    }

    #[test]
    fn what_is_no_notification_or_too_much_is_refused() {
        let said = |body: &str| {
            let why = Notice::read(Receiver::Page, body.as_bytes()).unwrap_err();
            why.to_string()
        };
        assert_eq!(said("{}"), "it is no notification");
        let mut many = posted("firing", json!({}));
        many["alerts"] = json!(vec![many["alerts"][0].clone(); ALERTS_MAX + 1]);
        assert_eq!(said(&many.to_string()), "it has 65 alerts, more than 64");
        let long = "é".repeat(TEXT_CHARACTERS_MAX + 1);
        assert_eq!(cut(&long).chars().count(), TEXT_CHARACTERS_MAX + 1);
        assert!(cut(&long).ends_with("é…"));
    }
}
