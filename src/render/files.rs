//! Every file that is generated for a plan.

use std::net::SocketAddr;

use outrider_domain::model::{Alerting, Plan};

use super::generated::{Generated, RenderError};
use super::{alertmanager, dashboard, prometheus, rules, yaml};

/// Folders that hold generated files and nothing else.
pub const FOLDERS: &[&str] = &["alerts", "dashboards"];

/// What the rules say, in 16 hexadecimal digits (of SHA-256). They name no partner, so adding one changes nothing.
/// Where pages, dashboards and receivers are reached and what the agent is called do not enter: an overlay may say
/// that otherwise.
///
/// # Errors
/// A template of rules that is wrong.
pub fn digest(plan: &Plan) -> Result<String, RenderError> {
    let mut anywhere = plan.clone();
    anywhere.settings.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    anywhere.settings.portal = None;
    anywhere.settings.alerting = Alerting::default();
    anywhere.settings.agent = String::new();
    anywhere.settings.location = String::new();
    let files = rules::files(&anywhere, None)?;
    let text: String = files.into_iter().map(|file| file.text).collect();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    let bytes = digest.as_ref().iter().take(8);
    Ok(bytes.map(|byte| format!("{byte:02x}")).collect())
}

/// Every generated file, in order of path.
///
/// # Errors
/// A template of rules that is wrong, or a text that YAML cannot hold.
pub fn all(plan: &Plan) -> Result<Vec<Generated>, RenderError> {
    let mut files = rules::files(plan, Some(&digest(plan)?))?;
    files.extend([
        yaml::file("alerts/alertmanager.yml", &alertmanager::config(plan))?,
        yaml::file("alerts/prometheus.yml", &prometheus::config(plan))?,
        Generated {
            path: "dashboards/partner.json".to_owned(),
            text: dashboard::partner(plan),
        },
    ]);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}
