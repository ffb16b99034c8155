//! `prometheus.yml`: scrapes `/metrics`, evaluates the rules next to it, notifies Alertmanager.

use outrider_domain::model::{MetricsAccess, Plan, format_duration};
use serde::Serialize;

use super::alerts::{EVALUATION, SCRAPE, SCRAPE_TIMEOUT};
use super::authorization::HttpConfig;
use super::rules;

#[derive(Debug, Serialize)]
pub(super) struct Config {
    global: Global,
    rule_files: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alerting: Option<Alerting>,
    scrape_configs: Vec<Scrape>,
}

#[derive(Debug, Serialize)]
struct Global {
    scrape_interval: String,
    scrape_timeout: String,
    evaluation_interval: String,
}

#[derive(Debug, Serialize)]
struct Alerting {
    alertmanagers: Vec<Targets>,
}

#[derive(Debug, Serialize)]
struct Targets {
    static_configs: Vec<Static>,
}

#[derive(Debug, Serialize)]
struct Static {
    targets: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Scrape {
    job_name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheme: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics_path: Option<String>,
    #[serde(flatten)]
    http: HttpConfig,
    static_configs: Vec<Static>,
}

/// The job of the exchange core, as its rules ask for it.
const EXCHANGE: &str = "exchange";

fn at(target: String) -> Vec<Static> {
    vec![Static {
        targets: vec![target],
    }]
}

pub(super) fn config(plan: &Plan) -> Config {
    let scaled = |real| format_duration(plan.scale.of(real));
    let alertmanager = plan.settings.alerting.alertmanager.clone();
    Config {
        global: Global {
            scrape_interval: scaled(SCRAPE),
            scrape_timeout: scaled(SCRAPE_TIMEOUT),
            evaluation_interval: scaled(EVALUATION),
        },
        rule_files: rules::file_names(),
        alerting: alertmanager.map(|address| Alerting {
            alertmanagers: vec![Targets {
                static_configs: at(address),
            }],
        }),
        scrape_configs: scrapes(plan),
    }
}

/// The agent, and the exchange core where it is known where that is.
fn scrapes(plan: &Plan) -> Vec<Scrape> {
    let settings = &plan.settings;
    let mut http = HttpConfig::of(settings);
    let is_open = settings.access.metrics == MetricsAccess::Open;
    if is_open || settings.is_readable_without_token() {
        http.authorization = None;
    }
    let agent = Scrape {
        job_name: "outrider",
        scheme: settings.access.tls.is_some().then(|| "https".to_owned()),
        metrics_path: None,
        http,
        static_configs: at(settings.reached_at()),
    };
    let core = &plan.settings.exchange;
    let uri: Option<http::Uri> = core.metrics.as_ref().and_then(|url| url.parse().ok());
    let exchange = uri.and_then(|uri| {
        Some(Scrape {
            job_name: EXCHANGE,
            scheme: uri.scheme_str().map(str::to_owned),
            metrics_path: Some(uri.path().to_owned()),
            http: HttpConfig::trusting(core.ca.clone()),
            static_configs: at(uri.authority()?.to_string()),
        })
    });
    [agent].into_iter().chain(exchange).collect()
}
