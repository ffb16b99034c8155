//! What people would have heard: pages that go on, pages of this incident, heartbeats.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use crate::clock::Mark;
use crate::faults::Fault;
use crate::http::{HttpClient, encoded};
use crate::notice::{Alert, Notice, Receiver, Status};
use crate::webhook::Webhook;

/// The tier whose count is shown while people wait for its page.
const TIER: &str = "page-fast";

/// A page that was heard.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    /// It.
    pub(crate) alert: Alert,
    /// When, from the beginning of the incident.
    pub(crate) after: Duration,
}

/// Listens for people.
#[derive(Debug)]
pub(crate) struct Pager {
    webhook: Webhook,
    prometheus: HttpClient,
    begun: Mark,
    heartbeats: u64,
    /// Pages that go on, by fingerprint.
    open: BTreeMap<String, Alert>,
    heard: Vec<Heard>,
    other_pages: Vec<String>,
}

impl Pager {
    /// Listens to notifications, and counts bad runs at a Prometheus.
    pub(crate) fn new(webhook: Webhook, prometheus: HttpClient) -> Self {
        Self {
            webhook,
            prometheus,
            begun: Mark::now(),
            heartbeats: 0,
            open: BTreeMap::new(),
            heard: Vec::new(),
            other_pages: Vec::new(),
        }
    }

    /// An incident begins: what was heard before belongs to another one.
    pub(crate) fn begin(&mut self) {
        self.begun = Mark::now();
        self.heard.clear();
    }

    /// What came since the last question, without the heartbeats, which are counted. A page about
    /// anything but `victim` is another partner's.
    pub(crate) fn hear(&mut self, victim: &str) -> Vec<Notice> {
        let mut notices = Vec::new();
        while let Some(notice) = self.webhook.next() {
            self.note(&notice, victim);
            if notice.receiver != Receiver::Heartbeat {
                notices.push(notice);
            }
        }
        notices
    }

    fn note(&mut self, notice: &Notice, victim: &str) {
        match notice.receiver {
            Receiver::Heartbeat => self.heartbeats += 1,
            Receiver::Ticket => {}
            Receiver::Page => {
                for alert in &notice.alerts {
                    self.note_page(alert, victim);
                }
            }
        }
    }

    fn note_page(&mut self, alert: &Alert, victim: &str) {
        if alert.status == Status::Resolved {
            self.open.remove(&alert.fingerprint);
            return;
        }
        let known = self.open.insert(alert.fingerprint.clone(), alert.clone());
        if known.is_none() && alert.label("partner") != victim {
            self.other_pages.push(alert.about());
        }
        self.heard.push(Heard {
            alert: alert.clone(),
            after: self.begun.elapsed(),
        });
    }

    /// The page of this incident that a fault must raise.
    pub(crate) fn page(&self, fault: &Fault, partner: &str) -> Option<&Heard> {
        self.heard
            .iter()
            .find(|heard| heard.alert.tells(fault, partner))
    }

    /// Pages that go on, in words.
    pub(crate) fn open(&self) -> Vec<String> {
        self.open.values().map(Alert::about).collect()
    }

    /// Pages about other partners than the victim, each once.
    pub(crate) fn take_other_pages(&mut self) -> Vec<String> {
        std::mem::take(&mut self.other_pages)
    }

    /// How often the watchdog was heard.
    pub(crate) fn heartbeats(&self) -> u64 {
        self.heartbeats
    }

    /// Bad runs so far, and how many a page takes. None while Prometheus knows no answer.
    pub(crate) fn bad_runs(&self, partner: &str, slo: &str) -> Option<String> {
        let path = format!("/api/v1/query?query={}", encoded(&counts(partner)));
        counted(&self.prometheus.get(&path).ok()?, slo)
    }
}

/// The records of the rules: runs of a window, and how many bad ones page.
const WINDOW: &str = "partner_slo_tier:outrider_slo_window_runs:max";
const THRESHOLD: &str = "partner_slo_tier:outrider_slo_threshold_runs:max";

/// Selects the bad runs of each layer in the long window, and how many of them page. A threshold is of no window.
pub(crate) fn counts(partner: &str) -> String {
    format!(
        "{{__name__=~\"{WINDOW}|{THRESHOLD}\",partner=\"{partner}\",tier=\"{TIER}\",span=~\"long|\",count=~\"bad|\"}}"
    )
}

/// What Prometheus answers to an instant query.
#[derive(Debug, Deserialize)]
struct QueryResult {
    data: Data,
}

#[derive(Debug, Deserialize)]
struct Data {
    result: Vec<Series>,
}

#[derive(Debug, Deserialize)]
struct Series {
    metric: BTreeMap<String, String>,
    value: (f64, String),
}

fn counted(answer: &QueryResult, slo: &str) -> Option<String> {
    let value = |name: &str| {
        let has_name = |series: &&Series| {
            let label = |label| series.metric.get(label).map(String::as_str);
            label("__name__") == Some(name) && label("slo") == Some(slo)
        };
        let series = answer.data.result.iter().find(has_name)?;
        series.value.1.parse::<f64>().ok()
    };
    let (bad, needed) = (value(WINDOW)?, value(THRESHOLD)?);
    Some(format!("{bad:.0} bad runs of {needed:.0} that page"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::tests::{notice, posted};
    use serde_json::json;

    fn pager() -> Pager {
        let nowhere = HttpClient::at("http://127.0.0.1:1").unwrap();
        Pager::new(Webhook::listen().unwrap(), nowhere)
    }

    #[test]
    fn a_page_is_open_until_it_is_resolved() {
        let table = crate::faults::table().unwrap();
        let refused = &table[0];
        let mut pager = pager();
        let firing = notice(Receiver::Page, &posted("firing", json!({})));
        pager.note(&firing, "keystone");
        assert!(pager.page(refused, "keystone").is_some());
        assert_eq!(
            pager.open(),
            ["OutriderSloBurn keystone transport page-fast"]
        );
        pager.begin();
        assert!(pager.page(refused, "keystone").is_none(), "it is old");
        let over = notice(Receiver::Page, &posted("resolved", json!({})));
        pager.note(&over, "keystone");
        assert!(pager.open().is_empty() && pager.take_other_pages().is_empty());
    }

    #[test]
    fn a_page_about_another_is_reported_once() {
        let mut pager = pager();
        let other = posted("firing", json!({"partner": "lakeside"}));
        for _ in 0..2 {
            pager.note(&notice(Receiver::Page, &other), "keystone");
        }
        pager.note(&notice(Receiver::Ticket, &other), "keystone");
        let other = ["OutriderSloBurn lakeside transport page-fast"];
        assert_eq!(pager.take_other_pages(), other);
        assert!(pager.take_other_pages().is_empty());
    }

    #[test]
    fn heartbeats_are_counted_and_open_nothing() {
        let mut pager = pager();
        let beat = posted("firing", json!({"alertname": "OutriderWatchdog"}));
        pager.note(&notice(Receiver::Heartbeat, &beat), "keystone");
        assert_eq!((pager.heartbeats(), pager.open().len()), (1, 0));
    }

    #[test]
    fn bad_runs_are_told_with_the_count_that_pages() {
        let series = |name: &str, value: &str| json!({"metric": {"__name__": name, "slo": "business"}, "value": [1.5, value]});
        let told = |result| {
            let answer = json!({"status": "success", "data": {"result": result}});
            counted(&serde_json::from_value(answer).unwrap(), "business")
        };
        let bad = series(WINDOW, "7");
        let threshold = series(THRESHOLD, "26");
        let said = "7 bad runs of 26 that page";
        assert_eq!(told(json!([bad, threshold])), Some(said.to_owned()));
        assert_eq!(told(json!([threshold])), None);
        let mut other = bad.clone();
        other["metric"]["slo"] = json!("transport");
        assert_eq!(told(json!([other, threshold])), None);
    }

    #[test]
    fn the_generated_rules_have_the_records_that_are_asked_for() {
        let rules = include_str!("../../alerts/slo.yml");
        for record in [WINDOW, THRESHOLD] {
            assert!(rules.contains(&format!("record: {record}\n")), "{record}");
        }
    }
}
