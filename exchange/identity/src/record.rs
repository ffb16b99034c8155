//! A person as a file or a request writes them.

use serde::Deserialize;

/// The columns of a file, in the order in which we write them.
pub const COLUMNS: [&str; 13] = [
    "id",
    "member_id",
    "given",
    "family",
    "suffix",
    "birth_date",
    "gender",
    "line",
    "city",
    "state",
    "postal_code",
    "phone",
    "email",
];
/// A column that a file may have besides: what to count the record under.
pub const COHORT: &str = "cohort";
/// Longest cell or JSON text of a person, in bytes; a longer one is refused.
pub const CELL_BYTES_MAX: usize = 1_024;
/// Most alternate identifiers of one person; more are refused.
pub const ALTERNATES_MAX: usize = 20;

/// A person as written: any text, empty where nothing is known. Has no `Debug`, so that it reaches no log.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Written {
    /// How the caller calls the record.
    pub id: String,
    /// Number on the card.
    pub member_id: String,
    /// Given names.
    pub given: String,
    /// Family name.
    pub family: String,
    /// Jr, Sr, II.
    pub suffix: String,
    /// Day of birth.
    pub birth_date: String,
    /// Administrative gender.
    pub gender: String,
    /// House number, street, unit.
    pub line: String,
    /// City.
    pub city: String,
    /// State.
    pub state: String,
    /// ZIP code.
    pub postal_code: String,
    /// Telephone number.
    pub phone: String,
    /// Mail address.
    pub email: String,
    /// What to count the record under.
    pub cohort: String,
    /// Further identifiers, asked only in the gray zone.
    pub alternates: Vec<Alternate>,
}

/// A further identifier: an older card, a subscriber's number, a digital identity.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alternate {
    /// Whose numbers they are; only the same system's are compared.
    pub system: String,
    /// The number.
    pub value: String,
}

impl Written {
    /// The cells, in the order of [`COLUMNS`].
    pub fn cells(&self) -> [&str; 13] {
        [
            &self.id,
            &self.member_id,
            &self.given,
            &self.family,
            &self.suffix,
            &self.birth_date,
            &self.gender,
            &self.line,
            &self.city,
            &self.state,
            &self.postal_code,
            &self.phone,
            &self.email,
        ]
    }

    /// The cell of one of [`COLUMNS`], to be written.
    pub fn cell_mut(&mut self, column: usize) -> Option<&mut String> {
        let cells: [&mut String; 13] = [
            &mut self.id,
            &mut self.member_id,
            &mut self.given,
            &mut self.family,
            &mut self.suffix,
            &mut self.birth_date,
            &mut self.gender,
            &mut self.line,
            &mut self.city,
            &mut self.state,
            &mut self.postal_code,
            &mut self.phone,
            &mut self.email,
        ];
        cells.into_iter().nth(column)
    }
}

/// An index into a list, from the four bytes in which it is kept.
pub fn as_index(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}
