//! Old forms that are still read, in one table, each with the version that removes it. `docs/releases.md` says how a form
//! comes to be here and how it goes.

use super::closed::closed;

closed!(
    /// What an old form is a form of.
    DeprecatedKind {
        /// The name of a check in a journey.
        CheckName = "check name",
    }
);

/// One old form.
#[derive(Debug)]
pub struct Deprecated {
    /// What it is a form of.
    pub kind: DeprecatedKind,
    /// As it was written.
    pub old: &'static str,
    /// As it is written now.
    pub new: &'static str,
    /// The first version that does not read it any more.
    pub removed_in: &'static str,
}

/// Every old form.
const ALL: &[Deprecated] = &[Deprecated {
    kind: DeprecatedKind::CheckName,
    old: "strangers-refused",
    new: "cross-client-denied",
    removed_in: "0.3.0",
}];

impl Deprecated {
    /// The old form with this spelling.
    pub fn find(kind: DeprecatedKind, old: &str) -> Option<&'static Self> {
        ALL.iter().find(|form| form.kind == kind && form.old == old)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AnswerCheck, RecordCheck};

    /// Major, minor and patch, compared as numbers.
    fn version(text: &str) -> Vec<u64> {
        let numbers: Vec<u64> = text.split('.').map(|part| part.parse().unwrap()).collect();
        assert_eq!(numbers.len(), 3, "{text}");
        numbers
    }

    /// The forms that a version must not read any more.
    fn overdue(current: &str) -> Vec<&'static str> {
        let overdue = ALL
            .iter()
            .filter(|form| version(form.removed_in) <= version(current));
        overdue.map(|form| form.old).collect()
    }

    #[test]
    fn no_form_outlives_the_version_that_removes_it() {
        let overdue = overdue(env!("CARGO_PKG_VERSION"));
        assert!(
            overdue.is_empty(),
            "remove these from the table: {overdue:?}"
        );
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(overdue("0.2.9").is_empty());
        assert_eq!(overdue("0.3.0"), ["strangers-refused"]);
        assert_eq!(overdue("0.10.0"), ["strangers-refused"]);
    }

    #[test]
    fn each_old_form_leads_to_a_form_that_is_read() {
        for form in ALL {
            let is_read = |name: &str| match form.kind {
                DeprecatedKind::CheckName => {
                    AnswerCheck::named(name).is_some() || RecordCheck::named(name).is_some()
                }
            };
            assert!(is_read(form.new) && !is_read(form.old), "{form:?}");
        }
    }
}
