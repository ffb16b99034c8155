//! Whether what Outrider says of a run is what the fault table expects.

use crate::agent::{Blame, Run};
use crate::clock::Moment;
use crate::faults::{Fault, Shows};
use crate::members::Members;
use crate::words::Outcome;

/// What one run says about an expectation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// It is as expected.
    Held,
    /// It is not: every difference.
    Contradicted(Vec<String>),
    /// It could not show the fault, or was delayed by Outrider itself.
    NoSay,
}

/// Compares one run that began under a fault with what is expected.
pub(crate) fn compare(fault: &Fault, run: &Run, has_data: bool) -> Comparison {
    if run.outcome == Outcome::Inconclusive {
        return Comparison::NoSay;
    }
    let Some(blame) = &run.blame else {
        let may_pass = run.outcome == Outcome::Passed && fault.shows == Shows::Data && !has_data;
        return if may_pass {
            Comparison::NoSay
        } else {
            Comparison::Contradicted(vec![format!("nothing is blamed: the run {}", run.outcome)])
        };
    };
    let differences = differences(fault, run, blame);
    if differences.is_empty() {
        Comparison::Held
    } else {
        Comparison::Contradicted(differences)
    }
}

fn differences(fault: &Fault, run: &Run, blame: &Blame) -> Vec<String> {
    let layer = blame
        .layer
        .map_or_else(|| "none".to_owned(), |layer| layer.to_string());
    let pairs = [
        ("layer", fault.layer.to_string(), layer),
        ("cause", fault.cause.clone(), blame.cause.clone()),
        ("owner", fault.owner.to_string(), blame.owner.to_string()),
        ("verdict", fault.verdict.to_string(), run.layers.to_string()),
        ("counts", fault.counts.to_string(), run.counts.to_string()),
        (
            "outcome",
            Outcome::Failed.to_string(),
            run.outcome.to_string(),
        ),
    ];
    pairs
        .into_iter()
        .filter(|(_, expected, seen)| expected != seen)
        .map(|(what, expected, seen)| format!("{what}: expected {expected}, saw {seen}"))
        .collect()
}

/// Which runs an expectation is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FaultWindow<'a> {
    /// The partner.
    pub(crate) partner: &'a str,
    /// The journey.
    pub(crate) journey: &'a str,
    /// A run that began before saw another state of the partner.
    pub(crate) since: Moment,
}

impl FaultWindow<'_> {
    /// Whether a run is one of them.
    pub(crate) fn covers(&self, run: &Run) -> bool {
        run.partner == self.partner && run.journey == self.journey && run.started_at >= self.since
    }

    /// The first run that has a say about a fault, and what it says.
    pub(crate) fn first_say<'r>(
        &self,
        fault: &Fault,
        runs: &'r [Run],
        members: &Members,
    ) -> Option<(&'r Run, Comparison)> {
        runs.iter().filter(|run| self.covers(run)).find_map(|run| {
            let has_data = run
                .member
                .as_deref()
                .is_some_and(|member| members.has_data(&run.partner, member));
            let comparison = compare(fault, run, has_data);
            (comparison != Comparison::NoSay).then_some((run, comparison))
        })
    }
}

/// The partners that nothing was done to: their runs must go on and pass.
#[derive(Clone, Debug, Default)]
pub(crate) struct OtherPartners {
    passed: u32,
    failed: Vec<String>,
}

impl OtherPartners {
    /// Looks at the runs of everybody but one partner.
    pub(crate) fn record(&mut self, runs: &[Run], victim: &str) {
        for run in runs.iter().filter(|run| run.partner != victim) {
            match run.outcome {
                Outcome::Passed => self.passed += 1,
                // It says nothing about the partner.
                Outcome::Inconclusive => {}
                Outcome::Failed | Outcome::AgentFault => {
                    self.failed.push(format!("{}: {}", run.partner, seen(run)));
                }
            }
        }
    }

    /// What is wrong with them.
    pub(crate) fn failures(&self) -> Vec<String> {
        match (self.passed, self.failed.len()) {
            (0, 0) => vec!["no other partner had a run meanwhile".to_owned()],
            _ => self
                .failed
                .iter()
                .map(|run| format!("an untouched partner is not well: {run}"))
                .collect(),
        }
    }

    /// Runs that passed.
    pub(crate) fn passed(&self) -> u32 {
        self.passed
    }
}

/// What a table shows of an expectation.
pub(crate) fn expected(fault: &Fault) -> String {
    format!("{}/{} {}", fault.layer, fault.cause, fault.owner)
}

/// What a table shows of a run.
pub(crate) fn seen(run: &Run) -> String {
    match &run.blame {
        None => run.outcome.to_string(),
        Some(blame) => {
            let layer = blame
                .layer
                .map_or_else(|| run.outcome.to_string(), |l| l.to_string());
            format!("{layer}/{} {}", blame.cause, blame.owner)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn fault(name: &str) -> Fault {
        let table = crate::faults::table().unwrap();
        table.into_iter().find(|fault| fault.name == name).unwrap()
    }

    fn members() -> Members {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../members");
        Members::read(&folder).unwrap()
    }

    /// A passed run of keystone at second `second`, with some fields changed.
    fn run(second: u32, changes: Value) -> Run {
        let mut run = json!({
            "seq": second, "run": format!("run-{second}"), "partner": "keystone",
            "journey": "bulk-exchange", "member": "or-m0001", "cohort": "commercial",
            "due_at": "2026-10-01T12:00:00Z", "duration_ms": 2_000.5, "completeness": null,
            "started_at": format!("2026-10-01T12:00:{second:02}.25Z"), "outcome": "passed",
            "layers": {"transport": "good", "application": "good", "business": "good"},
            "counts": {"transport": "good", "application": "good", "business": "good"},
            "blame": null,
        });
        if let (Some(run), Value::Object(changes)) = (run.as_object_mut(), changes) {
            run.extend(changes);
        }
        serde_json::from_value(run).unwrap()
    }

    fn connect(second: u32, changes: Value) -> Run {
        let mut failed = json!({
            "outcome": "failed",
            "layers": {"transport": "bad", "application": "not_reached", "business": "not_reached"},
            "counts": {"transport": "bad", "application": "out", "business": "bad"},
            "blame": {
                "layer": "transport", "cause": "connect", "owner": "partner", "step": "match-token",
                "summary": "no connection", "runbook": "runbooks/transport-connect.md",
            },
        });
        if let (Some(failed), Value::Object(changes)) = (failed.as_object_mut(), changes) {
            failed.extend(changes);
        }
        run(second, failed)
    }

    fn at(second: u32) -> Moment {
        Moment::try_from(format!("2026-10-01T12:00:{second:02}Z")).unwrap()
    }

    fn watched(second: u32) -> FaultWindow<'static> {
        FaultWindow {
            partner: "keystone",
            journey: "bulk-exchange",
            since: at(second),
        }
    }

    #[test]
    fn an_expectation_holds_when_every_word_is_the_same() {
        let refused = fault("connection-refused");
        assert_eq!(
            compare(&refused, &connect(1, json!({})), true),
            Comparison::Held
        );
        assert_eq!(
            compare(&refused, &connect(1, json!({})), false),
            Comparison::Held
        );
    }

    #[test]
    fn each_other_word_is_a_contradiction_of_its_own() {
        let blame = |layer: Value, cause: &str, owner: &str| {
            json!({"blame": {"layer": layer, "cause": cause, "owner": owner, "step": null,
                "summary": "", "runbook": ""}})
        };
        let layers = |transport: &str, application: &str, business: &str| json!({"transport": transport, "application": application, "business": business});
        let cases = [
            (
                blame(json!("business"), "connect", "partner"),
                "layer: expected transport, saw business",
            ),
            (
                blame(json!(null), "connect", "partner"),
                "layer: expected transport, saw none",
            ),
            (
                blame(json!("transport"), "reset", "partner"),
                "cause: expected connect, saw reset",
            ),
            (
                blame(json!("transport"), "connect", "path"),
                "owner: expected partner, saw path",
            ),
            (
                json!({"layers": layers("bad", "bad", "not_reached")}),
                "verdict: expected bad not_reached not_reached, saw bad bad not_reached",
            ),
            (
                json!({"counts": layers("bad", "out", "out")}),
                "counts: expected bad out bad, saw bad out out",
            ),
            (
                json!({"outcome": "agent_fault"}),
                "outcome: expected failed, saw agent_fault",
            ),
        ];
        for (changes, difference) in cases {
            let comparison = compare(&fault("connection-refused"), &connect(1, changes), true);
            assert_eq!(
                comparison,
                Comparison::Contradicted(vec![difference.to_owned()])
            );
        }
    }

    #[test]
    fn a_pass_contradicts_unless_the_fault_is_in_data_that_the_member_lacks() {
        let passed = run(1, json!({}));
        let nothing =
            Comparison::Contradicted(vec!["nothing is blamed: the run passed".to_owned()]);
        for fault in crate::faults::table().unwrap() {
            assert_eq!(compare(&fault, &passed, true), nothing, "{}", fault.name);
            let lacking = if fault.shows == Shows::Data {
                Comparison::NoSay
            } else {
                nothing.clone()
            };
            assert_eq!(compare(&fault, &passed, false), lacking, "{}", fault.name);
        }
        // The data rule excuses a pass, not another verdict and not our own trouble.
        assert_ne!(
            compare(&fault("slow-body"), &connect(1, json!({})), false),
            Comparison::NoSay
        );
        let ours = run(1, json!({"outcome": "agent_fault"}));
        assert_ne!(
            compare(&fault("slow-body"), &ours, false),
            Comparison::NoSay
        );
    }

    #[test]
    fn only_runs_of_the_journey_that_began_under_the_fault_have_a_say() {
        let members = members();
        let refused = fault("connection-refused");
        let deaf = [
            connect(9, json!({})),
            connect(20, json!({"partner": "lakeside"})),
            connect(20, json!({"journey": "liveness", "member": null})),
        ];
        assert!(watched(10).first_say(&refused, &deaf, &members).is_none());
        let runs = [
            run(9, json!({})),
            connect(11, json!({})),
            run(12, json!({})),
        ];
        let (first, comparison) = watched(10).first_say(&refused, &runs, &members).unwrap();
        assert_eq!((first.seq, comparison), (11, Comparison::Held));
        let (first, comparison) = watched(12).first_say(&refused, &runs, &members).unwrap();
        assert_eq!(first.seq, 12);
        assert!(matches!(comparison, Comparison::Contradicted(_)));
    }

    #[test]
    fn members_without_records_are_passed_over_until_one_with_records_comes() {
        let members = members();
        let slow = fault("slow-body");
        let runs = [
            run(1, json!({"member": "or-m0010"})),
            run(2, json!({"member": "or-m0006"})),
            run(3, json!({"member": "or-m0007"})),
        ];
        assert!(watched(0).first_say(&slow, &runs[..2], &members).is_none());
        let (first, comparison) = watched(0).first_say(&slow, &runs, &members).unwrap();
        assert_eq!(first.seq, 3);
        assert!(matches!(comparison, Comparison::Contradicted(_)));
    }

    #[test]
    fn others_must_run_and_pass() {
        let mut others = OtherPartners::default();
        others.record(&[connect(1, json!({}))], "keystone");
        assert_eq!(others.failures(), ["no other partner had a run meanwhile"]);
        others.record(&[run(1, json!({"partner": "lakeside"}))], "keystone");
        assert_eq!((others.passed(), others.failures().len()), (1, 0));
        others.record(&[connect(2, json!({"partner": "lakeside"}))], "keystone");
        let said = "an untouched partner is not well: lakeside: transport/connect partner";
        assert_eq!(others.failures(), [said]);
    }
}
