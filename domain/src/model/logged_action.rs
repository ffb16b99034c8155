//! What was done to the agent, who did it and why: entries of the action log.

use chrono::{DateTime, Utc};

use super::closed::closed;
use super::{Member, Plan};

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

/// Why a text of a person is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextFault {
    /// There is none.
    #[error("is empty")]
    Empty,
    /// More characters than are kept.
    #[error("is longer than {0} characters")]
    Long(usize),
    /// A line feed or another control character.
    #[error("holds a control character")]
    Control,
    /// The id, a number or the name of a member.
    #[error("names a member")]
    Member,
}

impl Plan {
    /// Who did something, as it is kept: without space around it.
    ///
    /// # Errors
    /// It is not kept.
    pub fn person(&self, text: &str) -> Result<String, TextFault> {
        self.free_text(text, BY_MAX)
    }

    /// Why something was done, as it is kept: without space around it.
    ///
    /// # Errors
    /// It is not kept.
    pub fn note(&self, text: &str) -> Result<String, TextFault> {
        self.free_text(text, NOTE_MAX)
    }

    fn free_text(&self, text: &str, max: usize) -> Result<String, TextFault> {
        let text = text.trim();
        if text.is_empty() {
            return Err(TextFault::Empty);
        }
        if text.chars().count() > max {
            return Err(TextFault::Long(max));
        }
        if text.chars().any(char::is_control) {
            return Err(TextFault::Control);
        }
        let lower = text.to_lowercase();
        let members = self.members.values().flat_map(|set| &set.members);
        let mut words = members.flat_map(telling_words);
        if words.any(|word| has_word(&lower, &word.to_lowercase())) {
            return Err(TextFault::Member);
        }
        Ok(text.to_owned())
    }
}

/// What tells which member somebody means: ids, numbers of a policy, the whole name.
fn telling_words(member: &Member) -> Vec<String> {
    let mut words = vec![member.id.to_string()];
    let identity = member.expected.identity.iter();
    words.extend(identity.map(|identity| identity.umb.clone()));
    let coverages = std::iter::once(&member.coverage).chain(&member.more_coverages);
    for resource in coverages.chain([&member.patient]) {
        let identifiers = resource["identifier"].as_array().into_iter().flatten();
        let values = identifiers.map(|identifier| &identifier["value"]);
        let values = values.chain([&resource["subscriberId"]]);
        words.extend(values.filter_map(|value| value.as_str().map(str::to_owned)));
    }
    let names = member.patient["name"].as_array().into_iter().flatten();
    let whole = names.filter_map(|name| {
        let (given, family) = (name["given"][0].as_str()?, name["family"].as_str()?);
        Some(format!("{given} {family}"))
    });
    words.extend(whole);
    words.retain(|word| !word.is_empty());
    words
}

/// Whether a text has another one in it with no letter or digit next to it.
fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(place, found)| {
        let before = text[..place].chars().next_back();
        let after = text[place + found.len()..].chars().next();
        let is_edge = |next: Option<char>| next.is_none_or(|next| !next.is_alphanumeric());
        is_edge(before) && is_edge(after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_ends_where_no_letter_or_digit_follows() {
        for text in ["m-1", "about m-1.", "m-1's record", "(m-1)", "xm-1, m-1"] {
            assert!(has_word(text, "m-1"), "{text}");
        }
        for text in ["m-12", "am-1", "m1", ""] {
            assert!(!has_word(text, "m-1"), "{text}");
        }
    }
}
