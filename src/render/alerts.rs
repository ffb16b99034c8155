//! The alerts by name, and the times that belong to no tier.

use std::time::Duration;

use outrider_domain::model::{Plan, closed};

/// The severity of alerts that are not routed to a receiver: they inhibit others, or are a dead man's switch.
pub(super) const UNROUTED: &str = "none";
/// The severity of alerts that are shown and not routed to a receiver.
pub(super) const INFO: &str = "info";

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
        /// A certificate ends soon: the partner's, or ours.
        CertificateExpiry = "OutriderCertificateExpiry",
        /// Far more requests a run than before.
        RetryStorm = "OutriderRetryStorm",
        /// Far more people in the wrong group than before.
        IdentitySurge = "OutriderIdentitySurge",
        /// Far more of the same twice than before.
        DuplicateSurge = "OutriderDuplicateSurge",
        /// A partner's records have another shape than the recorded one.
        Drift = "OutriderDrift",
        /// A probe that no window watches keeps failing.
        FailingInARow = "OutriderFailingInARow",
        /// Half of an objective's due runs say nothing about the partner.
        Blind = "OutriderBlind",
        /// Windows of due runs and counters disagree.
        CountsDiffer = "OutriderCountsDiffer",
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
        /// The ledger takes nearly as much space as it may.
        LedgerNearlyFull = "OutriderLedgerNearlyFull",
        /// An SLA report is not published though its agreed day is over.
        ReportLate = "OutriderReportLate",
        /// No running agent watches this partner. Not routed to a receiver: it inhibits others.
        PartnerUnwatched = "OutriderPartnerUnwatched",
        /// The agent was given files that it could not use, and goes on by those of before.
        ConfigRefused = "OutriderConfigRefused",
        /// Half of all partners cannot be reached at once: look at what lies between.
        PathDown = "OutriderPathDown",
        /// The watchdog no longer comes back from Alertmanager to the agent.
        AlertingLoopBroken = "OutriderAlertingLoopBroken",
        /// Nobody hears of the exchange core.
        CoreDown = "OutriderCoreDown",
        /// The exchange core does not continue an audit trail that somebody changed.
        CoreTrailBroken = "OutriderCoreTrailBroken",
        /// Something could not be delivered.
        CoreDeadLetters = "OutriderCoreDeadLetters",
        /// Nobody looks at what could not be delivered.
        CoreExceptionsAgeing = "OutriderCoreExceptionsAgeing",
        /// Nobody decides what a person must decide.
        CoreReviewsAgeing = "OutriderCoreReviewsAgeing",
        /// A real exchange took longer than agreed.
        CoreSlaBreached = "OutriderCoreSlaBreached",
        /// What is due at a partner is not done.
        CoreStuck = "OutriderCoreStuck",
        /// A partner is not what the core's adapter knows it to be.
        CoreDrift = "OutriderCoreDrift",
        /// A partner's files cannot be read, or hold too little.
        CorePayloadFailures = "OutriderCorePayloadFailures",
        /// The core's store is nearly full.
        CoreStoreNearlyFull = "OutriderCoreStoreNearlyFull",
        /// Too few requests are accepted.
        KpiAcceptance = "OutriderKpiAcceptance",
        /// Too few members are found.
        KpiIdentityMatch = "OutriderKpiIdentityMatch",
        /// Too few exchanges complete.
        KpiCompletion = "OutriderKpiCompletion",
        /// Too few exchanges are within the agreed time.
        KpiOnTime = "OutriderKpiOnTime",
        /// Too many requests come twice.
        KpiDuplicates = "OutriderKpiDuplicates",
        /// Too much is put before a person.
        KpiManualReview = "OutriderKpiManualReview",
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
            Self::Drift | Self::CoreDrift | Self::CorePayloadFailures => "payload-drift.md",
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
            Self::LedgerNearlyFull => "ledger-full.md",
            Self::ReportLate => "report-late.md",
            Self::ConfigRefused => "config-refused.md",
            Self::Blind => "blind.md",
            Self::CountsDiffer => "counts-differ.md",
            Self::CoreDown | Self::CoreStoreNearlyFull => "core-down.md",
            Self::CoreTrailBroken => "core-trail.md",
            Self::CoreDeadLetters
            | Self::CoreExceptionsAgeing
            | Self::CoreReviewsAgeing
            | Self::CoreStuck => "core-queues.md",
            Self::CoreSlaBreached => "core-sla.md",
            Self::KpiAcceptance
            | Self::KpiIdentityMatch
            | Self::KpiCompletion
            | Self::KpiOnTime
            | Self::KpiDuplicates
            | Self::KpiManualReview => "core-kpi.md",
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

/// How often Alertmanager tells the watchdog again.
pub(super) const HEARTBEAT: Duration = seconds(60);
