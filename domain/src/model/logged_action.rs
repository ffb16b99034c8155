//! What was done to the agent, who did it and why: entries of the action log.

use chrono::{DateTime, Utc};

use super::Plan;
use super::closed::closed;
use super::free_text::{TextFault, free_text};

/// The longest name of a person, in characters.
const BY_MAX: usize = 80;
/// The longest note, in characters.
const NOTE_MAX: usize = 500;

closed!(
    /// What was done.
    ActionKind {
        /// A person resumed a journey.
        Resume = "resume",
        /// The files were read again.
        Reload = "reload",
        /// Declared windows changed.
        Calendar = "calendar",
        /// The ledger keeps its content for other times.
        Retention = "retention",
    }
);

/// One entry of the action log. It names partners and journeys as they were called then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedAction {
    /// When.
    pub at: DateTime<Utc>,
    /// What was done.
    pub kind: ActionKind,
    /// What it was done to: a probe, a partner, the agent.
    pub subject: String,
    /// The person who says they did it; none where the agent only saw that files changed.
    pub by: Option<String>,
    /// Why, in a person's words, or what changed.
    pub note: String,
    /// How it reached the agent.
    pub source: String,
}

/// Which entries of the action log are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ActionFilter {
    /// At this time or later.
    pub from: Option<DateTime<Utc>>,
    /// Before this time.
    pub to: Option<DateTime<Utc>>,
    /// The last ones, at most so many.
    pub limit: u32,
}

impl Plan {
    /// Who did something, as it is kept: without space around it.
    ///
    /// # Errors
    /// It is not kept.
    pub fn person(&self, text: &str) -> Result<String, TextFault> {
        free_text(self, text, BY_MAX)
    }

    /// Why something was done, as it is kept: without space around it.
    ///
    /// # Errors
    /// It is not kept.
    pub fn note(&self, text: &str) -> Result<String, TextFault> {
        free_text(self, text, NOTE_MAX)
    }
}
