//! `prometheus.yml`: scrapes `/metrics`, evaluates the rules next to it, notifies Alertmanager.

use outrider_domain::model::{Plan, format_duration};
use serde::Serialize;

use super::alerts::{EVALUATION, SCRAPE, SCRAPE_TIMEOUT};

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
    static_configs: Vec<Static>,
}

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
        rule_files: vec!["agent.yml", "fleet.yml", "partner-*.yml"],
        alerting: alertmanager.map(|address| Alerting {
            alertmanagers: vec![Targets {
                static_configs: at(address),
            }],
        }),
        scrape_configs: vec![Scrape {
            job_name: "outrider",
            static_configs: at(plan.settings.listen.to_string()),
        }],
    }
}
