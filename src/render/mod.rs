//! Plan and objectives → rules, Alertmanager's and Prometheus's configuration, boards, as text. The
//! same input gives the same bytes.

mod agenda;
mod agent_rules;
mod alertmanager;
mod alerts;
mod annotations;
mod board;
mod explain;
mod fleet_rules;
mod inhibition;
mod openslo;
mod partner_rules;
mod prometheus;
mod promql;
mod questions;
mod status;
mod warnings;
mod words;
mod yaml;

use std::net::SocketAddr;

use outrider_domain::model::{Alerting, Partner, Plan};
use outrider_domain::slo::Objective;

pub use agenda::{agenda_json, agenda_text};
pub use alerts::{AlertKind, EVALUATION, LATENCY_PAGE, SCRAPE};
pub use explain::{explain_json, explain_text};
pub use openslo::openslo;
pub use status::{FlightLine, Status, status_json, status_text};
pub use yaml::HEADER;

/// One generated file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generated {
    /// Its path below the folder that everything is written to.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// Folders that hold generated files and nothing else.
pub const FOLDERS: &[&str] = &["alerts", "dashboards"];

/// A generated text that could not be written down.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be generated: {why}")]
pub struct RenderError {
    /// The file.
    pub path: String,
    /// Why.
    pub why: String,
}

/// What all rules of a plan say, in 16 hexadecimal digits (of SHA-256). Where pages, boards and receivers
/// are reached does not enter: an overlay may move them.
///
/// # Errors
/// A text that YAML cannot hold.
pub fn digest(plan: &Plan, objectives: &[Objective<'_>]) -> Result<String, RenderError> {
    let mut anywhere = plan.clone();
    anywhere.settings.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    anywhere.settings.portal = None;
    anywhere.settings.alerting = Alerting::default();
    let mut text = yaml::file("agent", &agent_rules::rules(&anywhere, None))?.text;
    let fleet = fleet_rules::rules(&anywhere, objectives);
    text.push_str(&yaml::file("fleet", &fleet)?.text);
    for partner in plan.partners.values() {
        let rules = partner_rules::rules(&anywhere, partner, &of_partner(objectives, partner));
        text.push_str(&yaml::file("partner", &rules)?.text);
    }
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    let bytes = digest.as_ref().iter().take(8);
    Ok(bytes.map(|byte| format!("{byte:02x}")).collect())
}

fn of_partner<'o, 'p>(
    objectives: &'o [Objective<'p>],
    partner: &Partner,
) -> Vec<&'o Objective<'p>> {
    let own = objectives.iter();
    own.filter(|objective| objective.partner.id == partner.id)
        .collect()
}

/// Every generated file, in order of path.
///
/// # Errors
/// A text that YAML cannot hold.
pub fn all(plan: &Plan, objectives: &[Objective<'_>]) -> Result<Vec<Generated>, RenderError> {
    let digest = digest(plan, objectives)?;
    let mut files = vec![
        yaml::file("alerts/agent.yml", &agent_rules::rules(plan, Some(&digest)))?,
        yaml::file("alerts/fleet.yml", &fleet_rules::rules(plan, objectives))?,
        yaml::file("alerts/alertmanager.yml", &alertmanager::config(plan))?,
        yaml::file("alerts/prometheus.yml", &prometheus::config(plan))?,
        Generated {
            path: "dashboards/partner.json".to_owned(),
            text: board::partner(plan),
        },
    ];
    for partner in plan.partners.values() {
        let rules = partner_rules::rules(plan, partner, &of_partner(objectives, partner));
        if !rules.groups.is_empty() {
            files.push(yaml::file(
                &format!("alerts/partner-{}.yml", partner.id),
                &rules,
            )?);
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}
