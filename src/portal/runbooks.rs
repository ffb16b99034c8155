//! The runbooks, carried in the binary so that the link next to a failure opens at 2 a.m. wherever the
//! agent runs. A test compares the list with the folder.

macro_rules! page {
    ($name:literal) => {
        ($name, include_str!(concat!("../../runbooks/", $name)))
    };
}
/// Every page by name, with its text.
pub const RUNBOOKS: &[(&str, &str)] = &[
    page!("README.md"),
    page!("agent-down.md"),
    page!("agent-fault.md"),
    page!("alerting-loop.md"),
    page!("application-auth.md"),
    page!("application-media.md"),
    page!("application-protocol.md"),
    page!("application-schema.md"),
    page!("application-status.md"),
    page!("application-throttled.md"),
    page!("blind.md"),
    page!("breach-likely.md"),
    page!("business-completeness.md"),
    page!("business-consent.md"),
    page!("business-deadline.md"),
    page!("business-disclosure.md"),
    page!("business-duplicate.md"),
    page!("business-identity.md"),
    page!("business-integrity.md"),
    page!("business-stale.md"),
    page!("config-refused.md"),
    page!("core-down.md"),
    page!("core-kpi.md"),
    page!("core-queues.md"),
    page!("core-sla.md"),
    page!("core-trail.md"),
    page!("counters-reset.md"),
    page!("counts-differ.md"),
    page!("coverage-low.md"),
    page!("latency-high.md"),
    page!("ledger-full.md"),
    page!("path-down.md"),
    page!("payload-drift.md"),
    page!("report-late.md"),
    page!("rules-stale.md"),
    page!("transport-connect.md"),
    page!("transport-dns.md"),
    page!("transport-reset.md"),
    page!("transport-timeout.md"),
    page!("transport-tls.md"),
];

/// The text of a page.
pub(super) fn text(name: &str) -> Option<&'static str> {
    RUNBOOKS
        .iter()
        .find(|(page, _)| *page == name)
        .map(|(_, text)| *text)
}
