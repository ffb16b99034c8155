//! The edge cases that a set walks through, and the bucket each must land in.

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
    /// The code in `Group.code` (PDex 2.2 `PdexMultiMemberMatchResultCS`).
    pub const fn code(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::NoMatch => "nomatch",
            Self::ConsentConstraint => "consentconstraint",
        }
    }
}

/// What is unusual about a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EdgeCase {
    /// Nothing.
    Plain,
    /// The requester knows the name before the change, the responder both.
    NameChange,
    /// Letters outside ASCII and a hyphen.
    NonAsciiName,
    /// A child on a parent's card, who shares the subscriber's number.
    Dependent,
    /// The requester knows a newer address.
    AddressMismatch,
    /// Nothing is held but Patient, Coverage and Provenance.
    Empty,
    /// About two hundred resources.
    Large,
    /// The consent covers sensitive records, and there is one.
    Sensitive,
    /// The old card's subscriber number only.
    NoMemberNumber,
    /// Nobody the responder knows.
    Unknown,
    /// The responder holds the twin only: same surname, birth date, address and card.
    Twin,
    /// A known person whose consent has run out.
    ExpiredConsent,
}

impl EdgeCase {
    /// One of each, in the order of a set's members; longer sets start again.
    pub const ALL: [Self; 12] = [
        Self::Plain,
        Self::NameChange,
        Self::NonAsciiName,
        Self::Dependent,
        Self::AddressMismatch,
        Self::Empty,
        Self::Large,
        Self::Sensitive,
        Self::NoMemberNumber,
        Self::Unknown,
        Self::Twin,
        Self::ExpiredConsent,
    ];

    /// The case of the member with this number (counted from 0).
    pub fn of(index: usize) -> Self {
        Self::ALL[index % Self::ALL.len()]
    }

    /// The bucket in which the member must land.
    pub const fn bucket(self) -> Bucket {
        match self {
            Self::Plain
            | Self::NameChange
            | Self::NonAsciiName
            | Self::Dependent
            | Self::AddressMismatch
            | Self::Empty
            | Self::Large
            | Self::Sensitive
            | Self::NoMemberNumber => Bucket::Match,
            Self::Unknown | Self::Twin => Bucket::NoMatch,
            Self::ExpiredConsent => Bucket::ConsentConstraint,
        }
    }
}
