//! A person as the responder holds them.

use chrono::{Days, NaiveDate};

use super::case::EdgeCase;
use super::names;
use super::seed::Stream;

/// The day on which every set stands still: nothing generated depends on today.
pub(crate) const ANCHOR: NaiveDate = match NaiveDate::from_ymd_opt(2026, 10, 1) {
    Some(day) => day,
    None => NaiveDate::MIN,
};

/// The day that many days before the anchor.
pub(crate) fn before_anchor(days: u64) -> NaiveDate {
    ANCHOR.checked_sub_days(Days::new(days)).unwrap_or(ANCHOR)
}

/// How a person stands to the card's subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relationship {
    /// The subscriber.
    Myself,
    /// A child of the subscriber.
    Child,
}

impl Relationship {
    /// The code of the subscriber-relationship code system.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Myself => "self",
            Self::Child => "child",
        }
    }
}

/// A name that a person has or had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldName {
    /// Family name.
    pub family: String,
    /// First given name.
    pub given: String,
    /// Whether it is the official name today.
    pub current: bool,
}

/// One address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) line: String,
    pub(crate) place: names::Place,
}

/// A person as the responder holds them.
#[derive(Clone, Debug)]
pub struct Person {
    /// The responder's Patient id.
    pub patient_id: String,
    /// One identifier for the person across products, which survives a new card.
    pub umb: String,
    /// The number on the card, unique per person.
    pub member_number: String,
    /// The number of the card's subscriber, shared in a household.
    pub subscriber_id: String,
    /// How the person stands to the subscriber.
    pub relationship: Relationship,
    /// Names, the current one first.
    pub names: Vec<HeldName>,
    /// FHIR administrative gender.
    pub gender: &'static str,
    /// Day of birth.
    pub birth_date: NaiveDate,
    /// The string planted in this person's records and in nobody else's.
    pub canary: String,
    /// What is unusual; decides how much is held.
    pub case: EdgeCase,
    /// Whether the person has told this responder that nothing may be disclosed any more.
    pub opted_out: bool,
    pub(crate) address: Address,
}

impl Person {
    /// A person drawn from `stream`, with the names that `case` asks for.
    pub(crate) fn draw(stream: &mut Stream, case: EdgeCase) -> Self {
        let number = 10_000_000 + stream.below(89_999_999);
        let female = stream.below(2) == 0;
        let pool = if female {
            &names::GIVEN_FEMALE
        } else {
            &names::GIVEN_MALE
        };
        let (family, given) = match case {
            EdgeCase::NonAsciiName => (
                *stream.pick(&names::FAMILY_NON_ASCII),
                *stream.pick(&names::GIVEN_NON_ASCII),
            ),
            EdgeCase::Plain
            | EdgeCase::NameChange
            | EdgeCase::Dependent
            | EdgeCase::AddressMismatch
            | EdgeCase::Empty
            | EdgeCase::Large
            | EdgeCase::Sensitive
            | EdgeCase::NoMemberNumber
            | EdgeCase::Unknown
            | EdgeCase::Twin
            | EdgeCase::ExpiredConsent => (*stream.pick(&names::FAMILY), *stream.pick(pool)),
        };
        let year_days = if case == EdgeCase::Dependent {
            365 * 9
        } else {
            365 * 31
        };
        Self {
            patient_id: format!("R-{number}"),
            umb: format!("U-{}", 100_000 + stream.below(899_999)),
            member_number: format!("M{number}"),
            subscriber_id: format!("S{number}"),
            relationship: Relationship::Myself,
            names: vec![HeldName {
                family: family.into(),
                given: given.into(),
                current: true,
            }],
            gender: if female { "female" } else { "male" },
            birth_date: before_anchor(year_days + stream.below(365 * 6)),
            canary: format!("OR-CANARY-{:016x}", stream.next()),
            case,
            opted_out: false,
            address: draw_address(stream),
        }
    }

    /// The official name today.
    pub fn current_name(&self) -> Option<&HeldName> {
        self.names.iter().find(|name| name.current)
    }
}

/// An address drawn from `stream`.
pub(crate) fn draw_address(stream: &mut Stream) -> Address {
    let line = format!("{} {}", 1 + stream.below(998), stream.pick(&names::STREETS));
    Address {
        line,
        place: *stream.pick(&names::PLACES),
    }
}
