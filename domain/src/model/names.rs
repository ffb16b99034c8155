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
    /// Cumulative buckets, sum and count.
    Histogram,
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
    /// Its label names beyond `agent` and `location`.
    pub labels: &'static [&'static str],
}

macro_rules! metrics {
    ($($ident:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal;)+) => {
        $(#[doc = $help] pub const $ident: Metric = Metric {
            name: $name, kind: Kind::$kind, help: $help, labels: &[$($label),*],
        };)+
        /// Every family that the agent exports.
        pub const ALL: &[&Metric] = &[$(&$ident),+];
    };
}

metrics! {
    SLO_EVENTS = Counter "outrider_slo_events_total" ["partner", "slo"]
        "Judged runs that count for an objective.";
    SLO_BAD = Counter "outrider_slo_bad_total" ["partner", "slo"]
        "Judged runs that were bad for an objective: the only input of its budget.";
    SLI_EVENTS = Counter "outrider_sli_events_total"
        ["partner", "journey", "layer", "api_version", "region", "transaction_type", "cohort"]
        "Judged runs that count for a layer.";
    SLI_BAD = Counter "outrider_sli_bad_total"
        ["partner", "journey", "layer", "api_version", "region", "transaction_type", "cohort"]
        "Judged runs that were bad in a layer.";
    REQUESTS = Counter "outrider_requests_total" ["partner", "journey", "step", "result"]
        "Requests sent, by result. Diagnostic: no budget uses it.";
    FAILURES = Counter "outrider_failures_total" ["partner", "journey", "layer", "cause", "owner"]
        "Failed runs by the layer, cause and owner that took the blame.";
    RUNS = Counter "outrider_runs_total" ["partner", "journey", "outcome"] "Runs by outcome.";
    TICKS = Counter "outrider_ticks_total" ["partner", "journey", "disposition"]
        "Intended starts by disposition.";
    DISCLOSURES = Counter "outrider_disclosures_total" ["partner", "journey"]
        "Runs in which another member's data were seen.";
    DRIFTS = Counter "outrider_drifts_total" ["partner", "journey"]
        "Runs that saw records of another shape than the recorded one.";
    CONTAMINATED = Counter "outrider_contaminated_runs_total" ["partner", "journey"]
        "Runs that we held up ourselves: they enter no latency objective.";
    JOURNEY_DURATION = Histogram "outrider_journey_duration_seconds" ["partner", "journey"]
        "From a run's begin to its end, failures included.";
    STEP_DURATION = Histogram "outrider_step_duration_seconds" ["partner", "journey", "step"]
        "From a step's begin to its end, failures included.";
    PHASE_DURATION = Histogram "outrider_request_phase_seconds" ["partner", "phase"]
        "Phases of requests, failures included.";
    CLOCK = Histogram "outrider_clock_seconds" ["partner", "journey", "clock"]
        "Business clocks of runs: acceptance, identity, retrieval, settlement; those that never ended included.";
    COMPLETENESS = Gauge "outrider_completeness_ratio" ["partner", "journey"]
        "Records found divided by records due, in the last run that looked.";
    CERTIFICATE_EXPIRY = Gauge "outrider_certificate_expiry_timestamp_seconds" ["partner"]
        "When the certificate that the partner served last expires.";
    CONSECUTIVE_FAILURES = Gauge "outrider_journey_consecutive_failures" ["partner", "journey"]
        "Failed runs in a row, by the partner's fault.";
    IN_FLIGHT_AGE = Gauge "outrider_run_in_flight_age_seconds" ["partner", "journey"]
        "Age of the oldest run that is still going; 0 when none is.";
    BUDGET_LEFT = Gauge "outrider_slo_budget_remaining_ratio" ["partner", "slo"]
        "What is left of an objective's budget in its window: 1 is untouched, below 0 the promise is broken.";
    COVERAGE = Gauge "outrider_coverage_ratio" ["partner", "slo"]
        "Judged runs divided by runs due by now in an objective's window. Unmeasured time is not uptime.";
    BREACH = Gauge "outrider_sla_breach_probability" ["partner", "slo"]
        "That the promise is broken at the end of a calendar window, or three days ahead of a rolling one.";
    MAINTENANCE = Gauge "outrider_maintenance" ["partner", "effect"]
        "1 while declared maintenance has this effect.";
    START_DELAY = Histogram "outrider_start_delay_seconds" []
        "From the intended start to the begin of a run.";
    AGENT_FAULTS = Counter "outrider_agent_faults_total" ["fault"]
        "Runs and events that failed by Outrider's own fault.";
    CONFIG_RELOAD = Gauge "outrider_config_last_reload_successful" []
        "1 when the files as they were read last hold; 0 while those of before do.";
    ALERTING_LOOP_AGE = Gauge "outrider_alerting_loop_age_seconds" []
        "Since the watchdog last came back from Alertmanager; since the start when it never did.";
    RULES_DIGEST = Gauge "outrider_rules_digest_info" ["digest"]
        "1, with the digest of the rules that this configuration generates.";
    BUILD_INFO = Gauge "outrider_build_info" ["version"] "1, with the version as a label.";
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
}
