//! The alerts by name, and the times that belong to no tier.

use std::time::Duration;

use outrider_domain::model::{Plan, closed};

/// The severity of alerts that are not routed to a receiver: they inhibit others, or are a dead man's switch.
pub(super) const UNROUTED: &str = "none";

closed!(
    /// Every alert we raise.
    AlertKind {
        /// A partner spends its budget too fast.
        SloBurn = "OutriderSloBurn",
        /// Too few runs of a probe were judged: nothing is known about the partner.
        CoverageLow = "OutriderCoverageLow",
        /// Another member's data were seen.
        Disclosure = "OutriderDisclosure",
        /// A promise will be broken, as things go.
        BreachLikely = "OutriderBreachLikely",
        /// A run goes on for most of its deadline.
        DeadlineNear = "OutriderDeadlineNear",
        /// The partner's certificate ends soon.
        CertificateExpiry = "OutriderCertificateExpiry",
        /// Far more requests a run than before.
        RetryStorm = "OutriderRetryStorm",
        /// Far more people in the wrong group than before.
        IdentitySurge = "OutriderIdentitySurge",
        /// Far more of the same twice than before.
        DuplicateSurge = "OutriderDuplicateSurge",
        /// A partner's records have another shape than the recorded one.
        Drift = "OutriderDrift",
        /// A probe too rare for windows keeps failing.
        FailingInARow = "OutriderFailingInARow",
        /// The agent fails too often by its own fault.
        AgentBurn = "OutriderAgentBurn",
        /// Nobody hears of the agent.
        AgentDown = "OutriderAgentDown",
        /// The agent answers, and its schedule stands still.
        AgentStalled = "OutriderAgentStalled",
        /// Counters went back: the ledger was lost or an older one was put in its place.
        CountersReset = "OutriderCountersReset",
        /// The rules that Prometheus evaluates are of another configuration than the agent's.
        RulesStale = "OutriderRulesStale",
        /// No running agent watches this partner. Not routed to a receiver: it inhibits others.
        PartnerUnwatched = "OutriderPartnerUnwatched",
        /// The agent was given files that it could not use, and goes on by those of before.
        ConfigRefused = "OutriderConfigRefused",
        /// Half of all partners cannot be reached at once: look at what lies between.
        PathDown = "OutriderPathDown",
        /// The watchdog no longer comes back from Alertmanager to the agent.
        AlertingLoopBroken = "OutriderAlertingLoopBroken",
        /// Always fires, so that its silence tells.
        Watchdog = "OutriderWatchdog",
    }
);

impl AlertKind {
    /// The page to open, without the causes that burn alerts add by themselves.
    pub fn runbook(self) -> &'static str {
        match self {
            Self::SloBurn | Self::FailingInARow | Self::Watchdog => "README.md",
            Self::CoverageLow => "coverage-low.md",
            Self::Disclosure => "business-disclosure.md",
            Self::BreachLikely => "breach-likely.md",
            Self::DeadlineNear => "business-deadline.md",
            Self::Drift => "payload-drift.md",
            Self::CertificateExpiry => "transport-tls.md",
            Self::RetryStorm => "application-throttled.md",
            Self::IdentitySurge => "business-identity.md",
            Self::DuplicateSurge => "business-duplicate.md",
            Self::AgentBurn => "agent-fault.md",
            Self::AgentDown | Self::AgentStalled | Self::PartnerUnwatched => "agent-down.md",
            Self::PathDown => "path-down.md",
            Self::AlertingLoopBroken => "alerting-loop.md",
            Self::CountersReset => "counters-reset.md",
            Self::RulesStale => "rules-stale.md",
            Self::ConfigRefused => "config-refused.md",
        }
    }
}

/// The page of burn alerts of what is timed, where nothing failed.
pub const LATENCY_PAGE: &str = "latency-high.md";

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// How often Prometheus reads `/metrics`.
pub const SCRAPE: Duration = seconds(15);
/// How often rules are evaluated.
pub const EVALUATION: Duration = seconds(15);
/// How often what looks back over a whole period is evaluated.
pub(super) const PERIOD_EVALUATION: Duration = seconds(300);
/// The longest that one scrape may take.
pub(super) const SCRAPE_TIMEOUT: Duration = seconds(10);
/// How long the agent may be unreachable.
const DOWN_FOR: Duration = seconds(120);
/// The least of it in scaled time: a busy machine keeps a scrape waiting for real seconds.
const DOWN_FOR_MIN: Duration = seconds(15);

/// How long the agent may be unreachable, in the plan's time.
pub(super) fn down_for(plan: &Plan) -> Duration {
    plan.scale.of(DOWN_FOR).max(DOWN_FOR_MIN)
}

/// How long the schedule may stand still, unless its probes are rarer.
pub(super) const STALLED: Duration = seconds(600);
/// The window of coverage, of disclosures and of resets, unless probes are rarer.
pub(super) const LOOK_BACK: Duration = seconds(3_600);
/// What an hour is compared with, before it.
pub(super) const DAY: Duration = seconds(86_400);
/// How long a forecast must stay what it is.
pub(super) const FORECAST_FOR: Duration = seconds(7_200);
/// How long alerts that are no tier's go on after their condition ended.
pub(super) const KEEP: Duration = seconds(300);

/// How often Alertmanager tells the watchdog again.
pub(super) const HEARTBEAT: Duration = seconds(60);
/// How old the last watchdog that came back may be.
pub(super) const LOOP_AGE: Duration = seconds(5 * 60);

/// Maintenance with this effect mutes alerts.
pub(super) const QUIET: &str = "no_alert";
