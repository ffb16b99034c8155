//! A person as meant: what of a record can be compared.

use super::date::Birth;

/// A given or family name in folded form.
#[derive(Clone, Default, PartialEq)]
pub struct Name {
    /// Words, one space between them.
    pub(crate) whole: Box<str>,
    /// The same without spaces.
    pub(crate) solid: Box<str>,
    /// Groups of variants of the first word; given names only.
    pub(crate) groups: &'static [u16],
    /// Whether the first word is a name that people have; given names only.
    pub(crate) in_use: bool,
}

impl Name {
    pub(crate) fn is_missing(&self) -> bool {
        self.whole.is_empty()
    }

    /// The first word.
    pub(crate) fn first(&self) -> &str {
        self.whole.split(' ').next().unwrap_or_default()
    }

    pub(crate) fn words(&self) -> impl Iterator<Item = &str> {
        self.whole.split(' ').filter(|word| !word.is_empty())
    }
}

/// Given and family name with the marks of scripts in which a mark is a letter: Devanagari, Thai, kana.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct MarkedNames {
    pub(crate) given: Name,
    pub(crate) family: Name,
}

/// What follows a name. II and Jr both say "the second", and do not contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suffix {
    /// Sr, I.
    Senior,
    /// Jr, II.
    Second,
    /// III.
    Third,
    /// IV.
    Fourth,
}

/// What can contradict: anything but these two is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gender {
    /// Female.
    Female,
    /// Male.
    Male,
}

/// House number, street and unit in folded form.
#[derive(Clone, Default, PartialEq)]
pub struct Line {
    /// Digits with their letter: 12, 12b.
    pub(crate) house: Box<str>,
    /// Street with standard abbreviations.
    pub(crate) street: Box<str>,
    /// Apartment, suite.
    pub(crate) unit: Box<str>,
}

/// City, state and postal code in folded form.
#[derive(Clone, Default, PartialEq)]
pub struct Place {
    pub(crate) city: Box<str>,
    /// Two letters where the state is known.
    pub(crate) state: Box<str>,
    /// Five digits.
    pub(crate) zip: Box<str>,
}

/// Whether a name says who somebody is. Rule sets of format 1 do not look at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum NameKind {
    /// A name, or nothing.
    #[default]
    Name,
    /// Stands where a name was not known: `FNU`, `Unknown`, `Baby Girl`.
    Placeholder,
    /// One of several children who have no name yet, with the count: `Baby Boy A` is 1.
    Counted(u32),
}

/// Codes that stand where a number or an address was not known. Rule sets of format 1 take them at their word.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact about a field of its own"
)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct EmptyCodes {
    pub(crate) phone: bool,
    pub(crate) email: bool,
    pub(crate) member_id: bool,
    pub(crate) line: bool,
    pub(crate) city: bool,
}

/// A normalised person. Has no `Debug`, so that it reaches no log.
#[derive(Clone, Default, PartialEq)]
pub struct Person {
    pub(crate) given: Name,
    pub(crate) family: Name,
    /// The names again where marks make them others; none for Latin letters.
    pub(crate) marked: Option<Box<MarkedNames>>,
    /// The given name with accents and points, which a hand may leave out; empty where it has none.
    pub(crate) accents: Box<str>,
    pub(crate) given_kind: NameKind,
    pub(crate) family_kind: NameKind,
    /// Born less than a year before the day on which the record was read.
    pub(crate) is_infant: bool,
    pub(crate) empty_codes: EmptyCodes,
    pub(crate) suffix: Option<Suffix>,
    pub(crate) birth: Option<Birth>,
    pub(crate) gender: Option<Gender>,
    pub(crate) line: Line,
    pub(crate) place: Place,
    /// The last ten digits; 0 when there is none.
    pub(crate) phone: u64,
    pub(crate) email: Box<str>,
    pub(crate) member_id: Box<str>,
    /// `system|value`, sorted.
    pub(crate) alternates: Box<[Box<str>]>,
}
