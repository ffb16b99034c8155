//! Plan and objectives → rules, Alertmanager's and Prometheus's configuration, boards, as text. The
//! same input gives the same bytes.

mod agent_rules;
mod alertmanager;
mod alerts;
mod annotations;
mod board;
mod partner_rules;
mod prometheus;
mod promql;
mod yaml;

use crate::model::Plan;
use crate::slo::Objective;

pub use alerts::{AlertKind, EVALUATION, SCRAPE};
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

/// Every generated file, in order of path.
///
/// # Errors
/// A text that YAML cannot hold.
pub fn all(plan: &Plan, objectives: &[Objective<'_>]) -> Result<Vec<Generated>, RenderError> {
    let mut files = vec![
        yaml::file("alerts/agent.yml", &agent_rules::rules(plan))?,
        yaml::file("alerts/alertmanager.yml", &alertmanager::config(plan))?,
        yaml::file("alerts/prometheus.yml", &prometheus::config(plan))?,
        Generated {
            path: "dashboards/partner.json".to_owned(),
            text: board::partner(plan),
        },
    ];
    for partner in plan.partners.values() {
        let own: Vec<_> = objectives
            .iter()
            .filter(|objective| objective.partner.id == partner.id)
            .collect();
        let rules = partner_rules::rules(plan, partner, &own);
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
