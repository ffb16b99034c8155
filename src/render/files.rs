//! Every file that is generated for a plan.

use std::net::SocketAddr;

use outrider_domain::model::{Alerting, Partner, Plan};
use outrider_domain::slo::Objective;

use super::generated::{Generated, RenderError};
use super::{agent_rules, alertmanager, dashboard, fleet_rules, partner_rules, prometheus, yaml};

/// Folders that hold generated files and nothing else.
pub const FOLDERS: &[&str] = &["alerts", "dashboards"];

/// What all rules of a plan say, in 16 hexadecimal digits (of SHA-256). Where pages, dashboards and receivers
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
            text: dashboard::partner(plan),
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
