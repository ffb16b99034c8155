//! The certification manifest, `certification.json`: which journeys and cases prove which capability.

use serde::{Deserialize, Serialize};

use super::kind::Capability;

const TEXT: &str = include_str!("../../certification.json");

/// One capability with its proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CapabilityProof {
    /// Which capability.
    pub capability: Capability,
    /// How it is proved.
    pub proof: Proof,
}

/// How a capability is proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Proof {
    /// By walking these journeys with a member of each of these cases.
    Journeys {
        /// Files in `probes/`, without `.toml`.
        journeys: Vec<String>,
        /// Cases of members; none where a journey needs no member.
        cases: Vec<String>,
    },
    /// Not yet: no journey asks for it.
    NotYetProvable {
        /// What is missing.
        why: String,
    },
}

/// The manifest, in the order of its file.
///
/// # Errors
/// When the text that was built in cannot be read.
pub fn entries() -> serde_json::Result<Vec<CapabilityProof>> {
    serde_json::from_str(TEXT)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;
    use crate::member::EdgeCase;

    #[test]
    fn every_capability_is_proved_once_or_says_that_it_is_not() {
        let entries = entries().unwrap();
        let named: Vec<Capability> = entries.iter().map(|entry| entry.capability).collect();
        assert_eq!(named, Capability::ALL);
        for entry in &entries {
            match &entry.proof {
                Proof::Journeys { journeys, .. } => assert!(!journeys.is_empty()),
                Proof::NotYetProvable { why } => assert!(!why.is_empty()),
            }
        }
    }

    #[test]
    fn journeys_are_files_and_cases_exist_and_each_case_proves_something() {
        let probes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../probes");
        let mut used = BTreeSet::new();
        for entry in entries().unwrap() {
            if let Proof::Journeys { journeys, cases } = entry.proof {
                for journey in journeys {
                    let file = probes.join(format!("{journey}.toml"));
                    assert!(file.is_file(), "{}: no {journey}", entry.capability.name());
                }
                for case in cases {
                    let name = entry.capability.name();
                    used.insert(
                        EdgeCase::named(&case).unwrap_or_else(|| panic!("{name}: no case {case}")),
                    );
                }
            }
        }
        let idle: Vec<_> = EdgeCase::ALL
            .into_iter()
            .filter(|case| !used.contains(case))
            .collect();
        assert!(idle.is_empty(), "{idle:?} prove nothing");
    }
}
