//! Where an alert and a dashboard lead: pages and dashboards.

use outrider_domain::model::Plan;

/// The dashboard's address in Grafana: `/d/<uid>`.
pub(super) const DASHBOARD_UID: &str = "outrider-partner";

/// Where people reach the pages.
pub(super) fn portal(plan: &Plan) -> String {
    let settings = &plan.settings;
    settings
        .portal
        .clone()
        .unwrap_or_else(|| format!("http://{}", settings.listen))
}
