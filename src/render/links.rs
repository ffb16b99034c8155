//! Where an alert and a dashboard lead: pages, dashboards and evidence.

use outrider_domain::model::{Layer, Partner, Plan};

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

/// The dashboard of a partner, when it is known where Grafana is.
pub(super) fn dashboard_url(plan: &Plan, partner: &Partner) -> Option<(&'static str, String)> {
    let grafana = plan.settings.alerting.grafana.as_ref()?;
    let url = format!("{grafana}/d/{DASHBOARD_UID}?var-partner={}", partner.id);
    Some(("dashboard_url", url))
}

/// The last run of a partner that broke in a layer.
pub(super) fn evidence_url(
    plan: &Plan,
    partner: &Partner,
    layer: Layer,
) -> [(&'static str, String); 1] {
    let url = format!("{}/evidence/{}/{layer}", portal(plan), partner.id);
    [("evidence_url", url)]
}
