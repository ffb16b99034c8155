//! `alertmanager.yml` as Alertmanager 0.25 reads it; a webhook whose address is in a file needs 0.26. What is left out is inherited, or has its default.

use std::collections::BTreeMap;

use outrider_domain::model::WebhookUrl;
use serde::Serialize;

use super::authorization::HttpConfig;
use super::inhibition::Inhibit;

#[derive(Debug, Serialize)]
pub(super) struct Config {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) global: Option<Global>,
    pub(super) route: Route,
    pub(super) inhibit_rules: Vec<Inhibit>,
    pub(super) receivers: Vec<Receiver>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) time_intervals: Vec<TimeInterval>,
}

#[derive(Debug, Serialize)]
pub(super) struct Global {
    pub(super) smtp_smarthost: String,
    pub(super) smtp_from: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) smtp_auth_username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) smtp_auth_password_file: Option<String>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Route {
    pub(super) receiver: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) matchers: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) group_by: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) group_wait: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) group_interval: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) repeat_interval: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) active_time_intervals: Vec<&'static str>,
    #[serde(rename = "continue", skip_serializing_if = "is_false")]
    pub(super) goes_on: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) routes: Vec<Route>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}

#[derive(Debug, Serialize)]
pub(super) struct Receiver {
    name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) webhook_configs: Vec<Webhook>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) slack_configs: Vec<Slack>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) pagerduty_configs: Vec<PagerDuty>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) email_configs: Vec<Email>,
}

impl Receiver {
    /// One that tells nobody yet.
    pub(super) fn named(name: String) -> Self {
        Self {
            name,
            webhook_configs: Vec::new(),
            slack_configs: Vec::new(),
            pagerduty_configs: Vec::new(),
            email_configs: Vec::new(),
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Webhook {
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// Since Alertmanager 0.26.
    #[serde(skip_serializing_if = "Option::is_none")]
    url_file: Option<String>,
    send_resolved: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_config: Option<HttpConfig>,
}

impl Webhook {
    pub(super) fn new(at: &WebhookUrl, send_resolved: bool) -> Self {
        let (url, url_file) = match at {
            WebhookUrl::Address(url) => (Some(url.clone()), None),
            WebhookUrl::File(file) => (None, Some(file.clone())),
        };
        Self {
            url,
            url_file,
            send_resolved,
            http_config: None,
        }
    }

    /// How Alertmanager shows that it may send here.
    pub(super) fn with(self, http_config: HttpConfig) -> Self {
        Self {
            http_config: Some(http_config),
            ..self
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Slack {
    pub(super) channel: String,
    pub(super) api_url_file: String,
    pub(super) send_resolved: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct PagerDuty {
    pub(super) routing_key_file: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Email {
    pub(super) to: String,
    pub(super) send_resolved: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct TimeInterval {
    pub(super) name: &'static str,
    pub(super) time_intervals: Vec<Interval>,
}

#[derive(Debug, Serialize)]
pub(super) struct Interval {
    pub(super) weekdays: Vec<String>,
    pub(super) times: Vec<BTreeMap<&'static str, String>>,
    pub(super) location: &'static str,
}
