//! A person as the responder holds them.

use chrono::{Days, NaiveDate};
use exchange_kit::random::Stream;

use super::case::EdgeCase;
use super::names;
use super::number::Numbers;

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

/// One card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// The number on the card, unique per person and card.
    pub member_number: String,
    /// The number of the card's subscriber, shared in a household.
    pub subscriber_id: String,
    /// How the person stands to the subscriber.
    pub relationship: Relationship,
    /// First and last day.
    pub period: (&'static str, &'static str),
}

/// Whether a person has opted out of any disclosure by the responder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OptOut {
    /// No.
    #[default]
    Never,
    /// Yes, and it is known at the match.
    BeforeMatch,
    /// Yes, after every match and before every export.
    AfterMatch,
}

impl OptOut {
    /// Whether it must be obeyed at a match.
    pub fn at_match(self) -> bool {
        self == Self::BeforeMatch
    }

    /// Whether it must be obeyed at an export.
    pub fn at_export(self) -> bool {
        self != Self::Never
    }
}

/// One address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) line: String,
    pub(crate) place: names::Locality,
}

/// A person as the responder holds them.
#[derive(Clone, Debug)]
pub struct Person {
    /// The responder's Patient id.
    pub patient_id: String,
    /// One identifier for the person across products, which survives a new card.
    pub umb: String,
    /// Today's card first.
    pub cards: Vec<Card>,
    /// Names, the current one first.
    pub names: Vec<HeldName>,
    /// `Jr` or `Sr`.
    pub suffix: Option<&'static str>,
    /// FHIR administrative gender.
    pub gender: &'static str,
    /// Day of birth.
    pub birth_date: NaiveDate,
    /// Day of death.
    pub died: Option<NaiveDate>,
    /// The string planted in this person's records and in nobody else's.
    pub canary: String,
    /// What is unusual; decides how much is held.
    pub case: EdgeCase,
    /// Whether the person has opted out of any disclosure by this responder.
    pub opt_out: OptOut,
    /// The UMB of the entry that this one has replaced.
    pub replaces: Option<String>,
    /// Whether another entry has replaced this one: it is no candidate any more.
    pub replaced: bool,
    /// How many times the usual amount of a long record is held.
    pub(crate) scale: u64,
    pub(crate) address: Address,
}

/// When a card is good that nothing is unusual about.
pub(crate) const CARD_PERIOD: (&str, &str) = ("2023-01-01", "2026-12-31");

impl Person {
    /// A person drawn from `stream`, with the names that `case` asks for and the household's next number.
    pub(crate) fn draw(stream: &mut Stream, case: EdgeCase, numbers: &mut Numbers) -> Self {
        let number = numbers.next();
        let female = stream.below(2) == 0;
        let (family, given, female) = draw_name(stream, case, female);
        let age_days = match draws_minor(case) {
            true => 365 * 9,
            false => 365 * 31,
        };
        Self {
            patient_id: format!("R-{number}"),
            umb: format!("U-{number}"),
            cards: vec![own_card(number)],
            names: vec![HeldName {
                family: family.into(),
                given: given.into(),
                current: true,
            }],
            suffix: None,
            gender: if female { "female" } else { "male" },
            birth_date: before_anchor(age_days + stream.below(365 * 6)),
            died: None,
            canary: format!("OR-CANARY-{:016x}", stream.next_u64()),
            case,
            opt_out: OptOut::Never,
            replaces: None,
            replaced: false,
            scale: 1,
            address: draw_address(stream),
        }
    }

    /// The official name today.
    pub fn current_name(&self) -> Option<&HeldName> {
        self.names.iter().find(|name| name.current)
    }

    /// Today's card; there always is one.
    pub fn card(&self) -> &Card {
        &self.cards[0]
    }
}

/// A card of the person's own.
pub(crate) fn own_card(number: u64) -> Card {
    Card {
        member_number: format!("M{number}"),
        subscriber_id: format!("S{number}"),
        relationship: Relationship::Myself,
        period: CARD_PERIOD,
    }
}

/// Cases whose person is a child.
fn draws_minor(case: EdgeCase) -> bool {
    matches!(
        case,
        EdgeCase::Dependent | EdgeCase::SameNameParent | EdgeCase::MinorWithRepresentative
    )
}

/// Family name, given name, and whether they are a woman's.
fn draw_name(
    stream: &mut Stream,
    case: EdgeCase,
    female: bool,
) -> (&'static str, &'static str, bool) {
    let family = *stream.pick(&names::FAMILY);
    let pool = if female {
        &names::GIVEN_FEMALE
    } else {
        &names::GIVEN_MALE
    };
    let given = *stream.pick(pool);
    if case == EdgeCase::NonAsciiName {
        let family = *stream.pick(&names::FAMILY_NON_ASCII);
        return (family, *stream.pick(&names::GIVEN_NON_ASCII), female);
    }
    if case == EdgeCase::Nickname {
        let (given, _, female) = *stream.pick(&names::SHORT_FORMS);
        return (family, given, female);
    }
    if case == EdgeCase::SingleName {
        return (family, names::NO_GIVEN_NAME, female);
    }
    (family, given, female)
}

/// An address drawn from `stream`.
pub(crate) fn draw_address(stream: &mut Stream) -> Address {
    let line = format!("{} {}", 1 + stream.below(998), stream.pick(&names::STREETS));
    Address {
        line,
        place: *stream.pick(&names::LOCALITIES),
    }
}
