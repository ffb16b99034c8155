//! The fault table: which faults there are and what Outrider must say of each.

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::words::{ByLayer, Count, Layer, Owner, Verdict};

/// The table that tests and drills read too.
const TABLE: &str = include_str!("../../tests/cases/faults.toml");

/// Those that are injected with Prometheus and Alertmanager: each layer once, and a disclosure. Pages take
/// minutes to end, so that all of them would take an hour. The transport comes last: its slower page does
/// not end before half of that page's window was watched, and inhibits pages of upper layers.
pub(crate) const PAGING: [&str; 4] = [
    "server-error",
    "foreign-record",
    "records-missing",
    "connection-refused",
];

/// One fault of the sandbox and what it must be judged as.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    /// Its name at the control API.
    pub(crate) name: String,
    /// The layer that must be blamed.
    pub(crate) layer: Layer,
    /// The cause that must be named.
    pub(crate) cause: String,
    /// Who must own it.
    pub(crate) owner: Owner,
    /// What must be said of each layer.
    pub(crate) verdict: ByLayer<Verdict>,
    /// What the SLI must count.
    pub(crate) counts: ByLayer<Count>,
    /// Which runs can show it.
    pub(crate) shows: Shows,
    /// What goes wrong, in words.
    pub(crate) what: String,
}

impl Fault {
    /// Whether Outrider must hold the journey until a person resumes it.
    pub(crate) fn pauses(&self) -> bool {
        self.cause == "disclosure"
    }
}

/// Which runs can show a fault that is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Shows {
    /// Every run.
    Always,
    /// A run that retrieves records of a member.
    Data,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultTable {
    fault: Vec<Fault>,
    /// Faults that the demo does not inject.
    knob: Vec<Knob>,
    /// Outrider's own trouble, which the sandbox cannot cause.
    #[serde(rename = "agent_fault", default)]
    _agent_fault: Vec<IgnoredAny>,
}

#[derive(Deserialize)]
struct Knob {
    name: String,
}

/// The names of the sandbox's faults that the demo does not inject.
///
/// # Errors
/// When the table that was built in cannot be read.
pub(crate) fn not_injected() -> Result<Vec<String>> {
    Ok(fault_table()?
        .knob
        .into_iter()
        .map(|knob| knob.name)
        .collect())
}

fn fault_table() -> Result<FaultTable> {
    toml::from_str(TABLE).context("could not read the built-in tests/cases/faults.toml")
}

/// Every fault, in the order in which they are injected.
///
/// # Errors
/// When the table that was built in cannot be read.
pub(crate) fn table() -> Result<Vec<Fault>> {
    Ok(fault_table()?.fault)
}

/// The faults of those names, in the order in which they were named; all of them without names.
///
/// # Errors
/// A sentence that names what does not exist and what does.
pub(crate) fn chosen(table: Vec<Fault>, names: &[String]) -> Result<Vec<Fault>, String> {
    if names.is_empty() {
        return Ok(table);
    }
    let find = |name: &String| {
        table
            .iter()
            .find(|fault| fault.name == *name)
            .cloned()
            .ok_or_else(|| {
                let known: Vec<_> = table.iter().map(|fault| fault.name.as_str()).collect();
                format!("there is no fault \"{name}\"; faults: {}", known.join(", "))
            })
    };
    names.iter().map(find).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    const CAUSES: [(Layer, &[&str]); 3] = [
        (
            Layer::Transport,
            &["dns", "connect", "tls", "reset", "timeout"],
        ),
        (
            Layer::Application,
            &["auth", "status", "media", "schema", "protocol", "throttled"],
        ),
        (
            Layer::Business,
            &[
                "identity",
                "consent",
                "completeness",
                "integrity",
                "disclosure",
                "duplicate",
                "stale",
                "deadline",
            ],
        ),
    ];

    #[test]
    fn the_table_names_the_ten_faults_once() {
        let table = table().unwrap();
        let names: BTreeSet<_> = table.iter().map(|fault| fault.name.as_str()).collect();
        let ten = [
            "connection-refused",
            "foreign-record",
            "job-never-completes",
            "records-missing",
            "reset-mid-body",
            "server-error",
            "slow-body",
            "slow-headers",
            "throttled",
            "token-refused",
        ];
        assert_eq!(names, BTreeSet::from(ten));
        assert_eq!(table.len(), ten.len());
    }

    #[test]
    fn the_faults_that_page_are_of_every_layer() {
        let names = PAGING.map(str::to_owned);
        let chosen = chosen(table().unwrap(), &names).unwrap();
        let layers: BTreeSet<_> = chosen.iter().map(|fault| fault.layer).collect();
        assert_eq!(layers.len(), 3);
        assert!(chosen.iter().any(Fault::pauses));
    }

    #[test]
    fn every_cause_is_a_word_of_its_layer_and_has_a_page() {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for fault in table().unwrap() {
            let known = CAUSES
                .iter()
                .any(|(layer, causes)| *layer == fault.layer && causes.contains(&&*fault.cause));
            assert!(known, "{}: {}/{}", fault.name, fault.layer, fault.cause);
            let page = format!("runbooks/{}-{}.md", fault.layer, fault.cause);
            assert!(
                repository.join(&page).is_file(),
                "{}: no {page}",
                fault.name
            );
        }
    }

    #[test]
    fn every_layer_has_a_fault_and_every_line_agrees_with_its_layer() {
        let table = table().unwrap();
        let layers: BTreeSet<_> = table.iter().map(|fault| fault.layer).collect();
        assert_eq!(layers.len(), 3);
        for fault in table {
            let (verdict, counts) = match fault.layer {
                Layer::Transport => ("bad not_reached not_reached", "bad out bad"),
                Layer::Application => ("good bad not_reached", "good bad bad"),
                Layer::Business => ("good good bad", "good good bad"),
            };
            assert_eq!(fault.verdict.to_string(), verdict, "{}", fault.name);
            assert_eq!(fault.counts.to_string(), counts, "{}", fault.name);
            assert_eq!(fault.owner, Owner::Partner, "{}", fault.name);
            assert!(
                !fault.what.is_empty() && !fault.what.ends_with('.'),
                "{}",
                fault.name
            );
        }
    }

    #[test]
    fn faults_are_injected_in_the_order_in_which_they_are_named() {
        let named = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            chosen(table().unwrap(), &names).map(|faults| {
                faults
                    .into_iter()
                    .map(|fault| fault.name)
                    .collect::<Vec<_>>()
            })
        };
        assert_eq!(named(&[]).unwrap().len(), 10);
        assert_eq!(
            named(&["throttled", "slow-body"]).unwrap(),
            ["throttled", "slow-body"]
        );
        let complaint = named(&["throttled", "unplugged"]).unwrap_err();
        assert!(complaint.starts_with("there is no fault \"unplugged\"; faults: connection"));
    }
}
