//! Why a command failed, and the exit code of that.

use exchange_kit::mistakes::Complaints;

/// Nothing was found.
const NOTHING: u8 = 1;
/// The command line asks for something impossible: a wrong word, a folder that is not writable, a
/// port that is taken. clap uses the same number.
const USAGE: u8 = 2;
/// A file that was given has mistakes: rules, people, decisions.
pub(crate) const WRONG: u8 = 3;
/// Our own fault.
const INTERNAL: u8 = 70;

/// A command that failed: what is wrong, and what would be right.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) code: u8,
    /// What is wrong, and what would be right.
    pub(crate) text: String,
}

impl Failure {
    /// Something the user can put right.
    pub(crate) fn usage(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            code: USAGE,
            text: format!("{}\n  fix: {}", what.into(), help.into()),
        }
    }

    /// A search that found nothing.
    pub(crate) fn nothing(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            code: NOTHING,
            text: format!("{}\n  fix: {}", what.into(), help.into()),
        }
    }

    /// Files with mistakes; each is listed with its place and fix.
    pub(crate) fn wrong(complaints: &Complaints) -> Self {
        Self {
            code: WRONG,
            text: complaints.to_string(),
        }
    }

    /// Something only we can put right.
    pub(crate) fn internal(what: impl std::fmt::Display) -> Self {
        let help = "this is a fault of the exchange's own; please report it";
        Self {
            code: INTERNAL,
            text: format!("{what}\n  fix: {help}"),
        }
    }
}
