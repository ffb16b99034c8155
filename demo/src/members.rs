//! Which members have records to retrieve: only their runs can show a fault in the data.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// What even a member without any history has.
const ALWAYS_HELD: [&str; 4] = ["Patient", "Coverage", "Organization", "Provenance"];

/// The members that have records beyond who they are and how they are covered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members {
    with_data: BTreeSet<(String, String)>,
}

impl Members {
    /// Reads every member set of a folder.
    ///
    /// # Errors
    /// When the folder or a set in it cannot be read.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let mut members = Self::default();
        let entries = fs::read_dir(folder)
            .with_context(|| format!("could not read the member sets in {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                let text = fs::read_to_string(&path)
                    .with_context(|| format!("could not read {}", path.display()))?;
                members
                    .add(&text)
                    .with_context(|| format!("{} is no member set", path.display()))?;
            }
        }
        Ok(members)
    }

    fn add(&mut self, text: &str) -> Result<()> {
        let set: Set = serde_json::from_str(text)?;
        let with_data = set.members.into_iter().filter(|member| {
            member
                .expect
                .resources
                .keys()
                .any(|kind| !ALWAYS_HELD.contains(&kind.as_str()))
        });
        self.with_data
            .extend(with_data.map(|member| (set.partner.clone(), member.id)));
        Ok(())
    }

    /// Whether a run with this member retrieves records.
    pub(crate) fn has_data(&self, partner: &str, member: &str) -> bool {
        self.with_data
            .contains(&(partner.to_owned(), member.to_owned()))
    }
}

#[derive(Deserialize)]
struct Set {
    partner: String,
    members: Vec<Member>,
}

#[derive(Deserialize)]
struct Member {
    id: String,
    expect: Expect,
}

#[derive(Deserialize)]
struct Expect {
    resources: BTreeMap<String, IgnoredAny>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_of_twelve_committed_members_have_records() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../members");
        let members = Members::read(&folder).unwrap();
        for partner in ["keystone", "lakeside"] {
            let with_data: Vec<_> = (1..=12)
                .filter(|n| members.has_data(partner, &format!("or-m{n:04}")))
                .collect();
            assert_eq!(with_data, [1, 2, 3, 4, 5, 7, 8, 9], "{partner}");
        }
        assert!(!members.has_data("elsewhere", "or-m0001"));
    }
}
