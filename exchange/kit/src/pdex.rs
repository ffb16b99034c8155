//! Words of the PDex guide.

use serde::{Deserialize, Serialize};

/// Where a responder must put a submitted member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bucket {
    /// Exactly one person, and the consent allows the disclosure.
    Match,
    /// No person, or more than one.
    NoMatch,
    /// Exactly one person, but the consent does not allow the disclosure.
    ConsentConstraint,
}

impl Bucket {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Match, Self::NoMatch, Self::ConsentConstraint];

    /// The code in `Group.code` (PDex 2.2 `PdexMultiMemberMatchResultCS`).
    pub const fn code(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::NoMatch => "nomatch",
            Self::ConsentConstraint => "consentconstraint",
        }
    }

    /// The name of the part of a Parameters result (PDex 2.1).
    pub const fn part(self) -> &'static str {
        match self {
            Self::Match => "MatchedMembers",
            Self::NoMatch => "NonMatchedMembers",
            Self::ConsentConstraint => "ConsentConstrainedMembers",
        }
    }
}
