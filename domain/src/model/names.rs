//! The one list of metric names (docs/metrics.md): what is exported and what rules and dashboards ask for.

/// The alert that always fires; the agent hears of it again at [`WATCHDOG_PATH`].
pub const WATCHDOG: &str = "OutriderWatchdog";
/// Where the agent hears of the watchdog.
pub const WATCHDOG_PATH: &str = "/v1/alerting/watchdog";

/// Prometheus metric type of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only goes up.
    Counter,
    /// Goes both ways.
    Gauge,
    /// Sum, count and buckets: classic ones at the thresholds of objectives, native ones where a reader takes them.
    Histogram,
    /// Native buckets alone; where a reader takes none, sum and count, if the settings ask for them.
    NativeHistogram,
}

/// Which labels each series of a family has before its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// `agent` and `location`: what one agent sees of itself.
    Agent,
    /// Those and `fleet`, the ledger's id: agents that share a ledger export the same value, so rules take
    /// `max by (fleet, …)`.
    Fleet,
}

/// One metric family.
#[derive(Debug)]
pub struct Metric {
    /// Its name, unit and `_total` included.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// One line of help.
    pub help: &'static str,
    /// Which labels come before its own.
    pub scope: Scope,
    /// Its label names beyond those of its scope.
    pub labels: &'static [&'static str],
}

macro_rules! metrics {
    ($($ident:ident = $scope:ident $kind:ident $name:literal [$($label:literal),*] $help:literal;)+) => {
        $(#[doc = $help] pub const $ident: Metric = Metric {
            name: $name, kind: Kind::$kind, help: $help, scope: Scope::$scope, labels: &[$($label),*],
        };)+
        /// Every family that the agent exports.
        pub const ALL: &[&Metric] = &[$(&$ident),+];
    };
}

metrics! {
    SLO_EVENTS = Fleet Counter "outrider_slo_events_total" ["partner", "slo"]
        "Judged runs that count for an objective.";
    SLO_BAD = Fleet Counter "outrider_slo_bad_total" ["partner", "slo"]
        "Judged runs that were bad for an objective: the only input of its budget.";
    SLO_DUE = Fleet Counter "outrider_slo_due_total" ["partner", "slo"]
        "Runs that were due for an objective by the plan of their time, without those that declared windows held back.";
    SLO_START = Fleet Gauge "outrider_slo_start_timestamp_seconds" ["partner", "slo"]
        "When the counters of an objective were 0. No epoch, reload or restart moves it.";
    SLO_WINDOW = Fleet Gauge "outrider_slo_window_runs" ["partner", "slo", "tier", "span", "count"]
        "Runs of an alert's window, counted in due runs, excused ones left out; absent until the ledger was read.";
    SLO_UNSEEN = Fleet Gauge "outrider_slo_unseen_runs" ["partner", "slo"]
        "Inconclusive runs and agent faults among the due runs of the long window of the first tier that pages.";
    SLO_THRESHOLD = Fleet Gauge "outrider_slo_threshold_runs" ["partner", "slo", "tier", "severity", "repeat"]
        "Bad runs within the long window from which on a tier fires, and how often its alert is repeated; for the \
         tier `blind` runs that say nothing.";
    SLO_INFO = Fleet Gauge "outrider_slo_info"
        ["partner", "slo", "objective", "window", "runbook", "evenness", "journeys"]
        "1, with the promise in words, its journeys, and whether its runs are due at even intervals.";
    SLO_NEXT_DUE = Fleet Gauge "outrider_slo_next_due_timestamp_seconds" ["partner", "slo"]
        "When the next run of an objective is due.";
    SLO_RECOVERED = Fleet Gauge "outrider_slo_recovered" ["partner", "slo"]
        "1 from a passed follow-up run of each failing journey, while nothing is due, until the next bad run; else absent.";
    BUDGET_LEFT = Fleet Gauge "outrider_slo_budget_remaining_ratio" ["partner", "slo"]
        "What is left of an objective's budget in its window: 1 is untouched, below 0 the promise is broken.";
    COVERAGE = Fleet Gauge "outrider_coverage_ratio" ["partner", "slo"]
        "Judged runs divided by runs due by now in an objective's window. Unmeasured time is not uptime.";
    BREACH = Fleet Gauge "outrider_sla_breach_probability" ["partner", "slo"]
        "That the promise is broken at the end of a calendar window, or three days ahead of a rolling one.";
    SLI_EVENTS = Agent Counter "outrider_sli_events_total" ["partner", "journey", "layer"]
        "Judged runs that count for a layer.";
    SLI_BAD = Agent Counter "outrider_sli_bad_total" ["partner", "journey", "layer"]
        "Judged runs that were bad in a layer.";
    REQUESTS = Agent Counter "outrider_requests_total" ["partner", "journey", "result"]
        "Requests sent, by result. Diagnostic: no budget uses it.";
    FAILURES = Agent Counter "outrider_failures_total" ["partner", "journey", "layer", "cause", "owner"]
        "Failed runs by the layer, cause and owner that took the blame; a series appears with its first failure.";
    RUNS = Agent Counter "outrider_runs_total" ["partner", "journey", "outcome"] "Runs by outcome.";
    TICKS = Agent Counter "outrider_ticks_total" ["partner", "journey", "disposition"]
        "Intended starts by disposition.";
    DISCLOSURES = Agent Counter "outrider_disclosures_total" ["partner", "journey"]
        "Runs in which another member's data were seen.";
    DISCLOSURE_OPEN = Fleet Gauge "outrider_disclosure_open" ["partner", "journey"]
        "1 from a run that saw another member's data until a person resumes the journey.";
    PAUSED = Fleet Gauge "outrider_journey_paused" ["partner", "journey"]
        "1 while a journey is paused until a person resumes it.";
    DRIFTS = Agent Counter "outrider_drifts_total" ["partner", "journey"]
        "Runs that saw records of another shape than the recorded one.";
    AGENT_DELAYED = Agent Counter "outrider_agent_delayed_runs_total" ["partner", "journey"]
        "Runs that began late or had a request with much own delay. A mark; it decides nothing.";
    JOURNEY_DURATION = Agent Histogram "outrider_journey_duration_seconds" ["partner", "journey"]
        "From a run's begin to its end, failures included.";
    JOURNEY_QUANTILE = Agent Gauge "outrider_journey_duration_quantile_seconds" ["partner", "journey", "quantile"]
        "From a run's begin to its end, failures included: quantiles of this hour and the one before, from the sketches.";
    STEP_DURATION = Agent NativeHistogram "outrider_step_duration_seconds" ["partner", "journey", "step"]
        "From a step's begin to its end, failures included.";
    PHASE_DURATION = Agent NativeHistogram "outrider_request_phase_seconds" ["partner", "phase"]
        "Phases of requests, failures included.";
    CLOCK = Agent Histogram "outrider_clock_seconds" ["partner", "journey", "clock"]
        "Business clocks of runs: acceptance, identity, retrieval, settlement; those that never ended included.";
    COMPLETENESS = Agent Gauge "outrider_completeness_ratio" ["partner", "journey"]
        "Records found divided by records due, in the last run that looked.";
    CERTIFICATE_EXPIRY = Fleet Gauge "outrider_certificate_expiry_timestamp_seconds"
        ["partner", "host", "role", "subject_kind"]
        "When the first certificate of a chain ends: of the chain that a host showed last, and of our own.";
    ORPHAN_JOBS = Fleet Gauge "outrider_orphan_jobs" ["partner"]
        "Jobs that are open at the partner though their runs ended.";
    ORPHAN_RELEASES = Agent Counter "outrider_orphan_releases_total" ["partner", "result"]
        "Jobs that their runs left open, by what came of releasing them; each failed attempt counts.";
    CONSECUTIVE_FAILURES = Fleet Gauge "outrider_journey_consecutive_failures" ["partner", "journey"]
        "Failed runs in a row, by the partner's fault; a declared window begins the count again.";
    IN_FLIGHT_AGE = Agent Gauge "outrider_run_in_flight_age_seconds" ["partner", "journey"]
        "Age of the oldest run that is still going; 0 when none is.";
    LIMIT = Fleet Gauge "outrider_limit" ["partner", "journey", "kind"]
        "A limit that an alert compares with; absent where that alert does not apply.";
    PARTNER_INFO = Fleet Gauge "outrider_partner_info"
        ["partner", "name", "environment", "contact", "escalation"]
        "1 for each partner that is watched, with what a page says about it.";
    MAINTENANCE = Fleet Gauge "outrider_maintenance" ["partner", "effect"]
        "1 while declared maintenance has this effect, else 0.";
    AGENT_START = Fleet Gauge "outrider_agent_start_timestamp_seconds" []
        "When this process began.";
    AGENT_THRESHOLD = Agent Gauge "outrider_agent_threshold_runs" ["tier"]
        "Runs within the long window that failed by Outrider's own fault, from which on a tier fires.";
    START_DELAY = Agent Histogram "outrider_start_delay_seconds" []
        "From the intended start to the begin of a run.";
    AGENT_FAULTS = Agent Counter "outrider_agent_faults_total" ["fault"]
        "Runs and events that failed by Outrider's own fault.";
    REQUESTS_LIMITED = Agent Counter "outrider_requests_limited_total" ["limit"]
        "Requests to the agent's listener that were refused because their token sent too many, since the start.";
    LEDGER_BYTES = Agent Gauge "outrider_ledger_bytes" []
        "Bytes of the ledger's files: the file itself and its log.";
    LEDGER_MAX_BYTES = Agent Gauge "outrider_ledger_max_bytes" []
        "Bytes that the ledger may take; absent without a bound.";
    LEDGER_STAGE = Agent Gauge "outrider_ledger_stage" ["stage"]
        "1 for what the ledger gives up so as to stay within its bound; absent without a bound.";
    REPORT_PUBLISHED = Agent Gauge "outrider_report_published_timestamp_seconds" ["partner", "window"]
        "The end of the last period whose SLA report was published; absent before the first and without `[report]`.";
    REPORT_LATE = Agent Gauge "outrider_report_late" ["partner", "window"]
        "1 while an SLA report is not published though its agreed day is over, else 0; absent without `[report]`.";
    CONFIG_RELOAD = Agent Gauge "outrider_config_last_reload_successful" []
        "1 when the files as they were read last hold; 0 while those of before do.";
    ALERTING_LOOP_AGE = Agent Gauge "outrider_alerting_loop_age_seconds" []
        "Since the watchdog last came back from Alertmanager; since the start when it never did.";
    RULES_DIGEST = Agent Gauge "outrider_rules_digest_info" ["digest"]
        "1, with the digest of the rules that this configuration generates.";
    RETIRED_AGENT = Agent Gauge "outrider_agent_retired_info" ["retired_agent", "retired_location"]
        "1 for each agent that this one's file says is retired: its absence is no alert.";
    BUILD_INFO = Agent Gauge "outrider_build_info" ["version"] "1, with the version as a label.";
}

/// Names that families had in earlier versions, as older ledgers have them, with the present ones.
const FORMER: &[(&str, &str)] = &[("outrider_contaminated_runs_total", AGENT_DELAYED.name)];

/// Label names that families had in earlier versions, as older ledgers have their values, where they differ.
const FORMER_LABELS: &[(&str, &[&str])] = &[
    (SLI_EVENTS.name, SLICES),
    (SLI_BAD.name, SLICES),
    (REQUESTS.name, &["partner", "journey", "step", "result"]),
];
const SLICES: &[&str] = &[
    "partner",
    "journey",
    "layer",
    "api_version",
    "region",
    "transaction_type",
    "cohort",
];

/// The family with this name, or that had it in an earlier version, and the values of its present labels. Series that
/// differed only by a label that is gone come out alike, and their values are to be added.
pub fn stored(name: &str, labels: Vec<String>) -> Option<(&'static Metric, Vec<String>)> {
    let former = FORMER.iter().find(|(former, _)| *former == name);
    let name = former.map_or(name, |(_, present)| present);
    let metric = ALL.iter().copied().find(|metric| metric.name == name)?;
    let of_metric = FORMER_LABELS.iter().find(|(former, _)| *former == name);
    let Some((_, former)) = of_metric.filter(|(_, former)| former.len() == labels.len()) else {
        return Some((metric, labels));
    };
    let named = former.iter().zip(labels);
    let kept = named.filter(|(name, _)| metric.labels.contains(name));
    Some((metric, kept.map(|(_, value)| value).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_conventions() {
        for metric in ALL {
            assert!(metric.name.starts_with("outrider_"), "{}", metric.name);
            assert_eq!(
                metric.name.ends_with("_total"),
                metric.kind == Kind::Counter,
                "{}",
                metric.name
            );
            assert!(metric.help.ends_with('.'), "{}", metric.name);
        }
        let names: std::collections::BTreeSet<_> = ALL.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), ALL.len());
    }

    #[test]
    fn what_an_older_ledger_counted_by_more_labels_is_counted_by_those_of_now() {
        let labels = |all: &[&str]| all.iter().map(|&one| one.to_owned()).collect::<Vec<_>>();
        let cases = [
            (
                "outrider_requests_total",
                labels(&["p", "j", "token", "2xx"]),
                labels(&["p", "j", "2xx"]),
            ),
            (
                "outrider_sli_events_total",
                labels(&["p", "j", "business", "v1", "eu", "export", "adults"]),
                labels(&["p", "j", "business"]),
            ),
            (
                "outrider_requests_total",
                labels(&["p", "j", "2xx"]),
                labels(&["p", "j", "2xx"]),
            ),
            (
                "outrider_contaminated_runs_total",
                labels(&["p", "j"]),
                labels(&["p", "j"]),
            ),
        ];
        for (name, former, present) in cases {
            let (metric, kept) = stored(name, former).unwrap();
            assert_eq!(kept, present, "{name}");
            assert_eq!(kept.len(), metric.labels.len(), "{name}");
        }
        assert!(stored("outrider_unknown_total", Vec::new()).is_none());
    }
}
