//! What two records are compared by, and how well a field can agree.

/// One comparison of two records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// Given names.
    Given,
    /// Family name.
    Family,
    /// Jr, Sr, II, III, IV.
    Suffix,
    /// Day of birth.
    BirthDate,
    /// Administrative gender.
    Gender,
    /// House number, street and unit.
    Line,
    /// City, state and postal code together: they are not independent of each other.
    Place,
    /// Telephone number.
    Phone,
    /// Mail address.
    Email,
    /// Number on the card.
    MemberId,
    /// Further identifiers; has no weight, and is looked at in the gray zone only.
    Alternate,
}

/// The first notation of rules that knows the levels which were added later.
pub const NEWER_FORMAT: u32 = 2;
/// How many fields there are.
pub const FIELDS: usize = 11;
/// The level of a field that one of the records does not have.
pub const MISSING: u8 = 15;

/// Levels of [`Field::Given`] by number.
pub mod given {
    /// Letter for letter, after normalisation.
    pub const EXACT: u8 = 0;
    /// Forms of one name: Robert and Bob, Jon and John.
    pub const VARIANT: u8 = 1;
    /// One has a name more.
    pub const PART: u8 = 2;
    /// One has the other's first letter only.
    pub const INITIAL: u8 = 3;
    /// Above the upper Jaro-Winkler band.
    pub const CLOSE: u8 = 4;
    /// Above the lower Jaro-Winkler band.
    pub const NEAR: u8 = 5;
    /// Stands in the other's family name, and the other way round.
    pub const SWAPPED: u8 = 6;
    /// Alike, but both are names in use: more likely two people than one slip of the pen.
    pub const RIVAL: u8 = 7;
    /// Another name.
    pub const DIFFERENT: u8 = 8;
    /// One of the two is no name: `FNU`, `Unknown`, `Baby Boy A`. Format 2.
    pub const PLACEHOLDER: u8 = 9;
    /// Both are counted, and the counts differ: `Baby Boy A` and `Baby Boy B`. Format 2.
    pub const ORDINAL: u8 = 10;
    /// One of the two is empty, and one of the two was born less than a year ago. Format 2.
    pub const UNNAMED: u8 = 11;
}

/// Levels of [`Field::Family`] by number.
pub mod family {
    /// Letter for letter, after normalisation.
    pub const EXACT: u8 = 0;
    /// One part of a double name.
    pub const PART: u8 = 1;
    /// Above the upper Jaro-Winkler band.
    pub const CLOSE: u8 = 2;
    /// Above the lower Jaro-Winkler band.
    pub const NEAR: u8 = 3;
    /// Stands in the other's given name.
    pub const SWAPPED: u8 = 4;
    /// Another name.
    pub const DIFFERENT: u8 = 5;
    /// One of the two is no name: `LNU`, `Unknown`. Format 2.
    pub const PLACEHOLDER: u8 = 6;
    /// Both are counted, and the counts differ. Format 2.
    pub const ORDINAL: u8 = 7;
}

/// Levels of [`Field::Suffix`] by number.
pub mod suffix {
    /// Both have it.
    pub const SAME: u8 = 0;
    /// Only one has any.
    pub const ONE_SIDED: u8 = 1;
    /// Another one.
    pub const DIFFERENT: u8 = 2;
}

/// Levels of [`Field::BirthDate`] by number.
pub mod birth {
    /// The same day.
    pub const EXACT: u8 = 0;
    /// Day and month change places.
    pub const SWAPPED: u8 = 1;
    /// One digit differs or two neighbours change places, and the years are close.
    pub const TYPO: u8 = 2;
    /// What both know agrees, but one knows less than a day.
    pub const PARTIAL: u8 = 3;
    /// Two of year, month and day agree.
    pub const NEAR: u8 = 4;
    /// Two of them agree or one digit differs, and the years are a generation apart.
    pub const GENERATION: u8 = 5;
    /// Another day.
    pub const DIFFERENT: u8 = 6;
    /// Two neighbouring digits have changed places, and the years are close; format 1 calls it a typo.
    pub const TRANSPOSED: u8 = 7;
}

/// Levels of [`Field::Line`] by number.
pub mod line {
    /// Number, street, and unit where both have one.
    pub const EXACT: u8 = 0;
    /// The same number, a street above the band.
    pub const CLOSE: u8 = 1;
    /// The street alone, or another unit in the house.
    pub const STREET: u8 = 2;
    /// Elsewhere.
    pub const DIFFERENT: u8 = 3;
}

/// Levels of [`Field::Place`] by number.
pub mod place {
    /// The same postal code.
    pub const ZIP: u8 = 0;
    /// The same city, or a digit of the code wrong.
    pub const CITY: u8 = 1;
    /// The same state, or the code's first three digits.
    pub const REGION: u8 = 2;
    /// Elsewhere.
    pub const DIFFERENT: u8 = 3;
}

/// Levels of the fields that are a number or an address, by number.
pub mod code {
    /// Character for character.
    pub const EXACT: u8 = 0;
    /// One character differs, or two neighbours change places.
    pub const CLOSE: u8 = 1;
    /// Another one.
    pub const DIFFERENT: u8 = 2;
}

/// Levels of [`Field::Gender`] by number.
pub mod gender {
    /// The same.
    pub const SAME: u8 = 0;
    /// Female here, male there.
    pub const DIFFERENT: u8 = 1;
}

impl Field {
    /// All, in the order of levels in a vector.
    pub const ALL: [Self; FIELDS] = [
        Self::Given,
        Self::Family,
        Self::Suffix,
        Self::BirthDate,
        Self::Gender,
        Self::Line,
        Self::Place,
        Self::Phone,
        Self::Email,
        Self::MemberId,
        Self::Alternate,
    ];

    /// Its word in rules and explanations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Family => "family",
            Self::Suffix => "suffix",
            Self::BirthDate => "birth_date",
            Self::Gender => "gender",
            Self::Line => "line",
            Self::Place => "place",
            Self::Phone => "phone",
            Self::Email => "email",
            Self::MemberId => "member_id",
            Self::Alternate => "alternate",
        }
    }

    /// Its levels in that notation of rules: the best first up to disagreement, then those that were added later.
    pub fn levels(self, format: u32) -> &'static [&'static str] {
        let all = self.all_levels();
        let known = if format < NEWER_FORMAT {
            usize::from(self.different()) + 1
        } else {
            all.len()
        };
        &all[..known]
    }

    const fn all_levels(self) -> &'static [&'static str] {
        match self {
            Self::Given => &[
                "exact",
                "variant",
                "part",
                "initial",
                "close",
                "near",
                "swapped",
                "rival",
                "different",
                "placeholder",
                "ordinal",
                "unnamed",
            ],
            Self::Family => &[
                "exact",
                "part",
                "close",
                "near",
                "swapped",
                "different",
                "placeholder",
                "ordinal",
            ],
            Self::Suffix => &["same", "one_sided", "different"],
            Self::BirthDate => &[
                "exact",
                "swapped",
                "typo",
                "partial",
                "near",
                "generation",
                "different",
                "transposed",
            ],
            Self::Gender => &["same", "different"],
            Self::Alternate => &["exact", "different"],
            Self::Line => &["exact", "close", "street", "different"],
            Self::Place => &["zip", "city", "region", "different"],
            Self::Phone | Self::Email | Self::MemberId => &["exact", "close", "different"],
        }
    }

    /// Levels that a similarity decides, the best first; the rules file says from which one on.
    pub const fn bands(self) -> &'static [(&'static str, u8)] {
        match self {
            Self::Given => &[("close", given::CLOSE), ("near", given::NEAR)],
            Self::Family => &[("close", family::CLOSE), ("near", family::NEAR)],
            Self::Line => &[("close", line::CLOSE)],
            Self::Email => &[("close", code::CLOSE)],
            Self::Suffix
            | Self::BirthDate
            | Self::Gender
            | Self::Place
            | Self::Phone
            | Self::MemberId
            | Self::Alternate => &[],
        }
    }

    /// Whether agreement here adds to the total.
    pub const fn is_weighed(self) -> bool {
        !matches!(self, Self::Alternate)
    }

    /// The level of disagreement.
    pub const fn different(self) -> u8 {
        match self {
            Self::Given => given::DIFFERENT,
            Self::Family => family::DIFFERENT,
            Self::Suffix => suffix::DIFFERENT,
            Self::BirthDate => birth::DIFFERENT,
            Self::Gender => gender::DIFFERENT,
            Self::Line => line::DIFFERENT,
            Self::Place => place::DIFFERENT,
            Self::Phone | Self::Email | Self::MemberId => code::DIFFERENT,
            Self::Alternate => 1,
        }
    }

    /// Its place in a vector.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The word of a level.
    pub fn level_name(self, level: u8) -> &'static str {
        self.all_levels()
            .get(usize::from(level))
            .copied()
            .unwrap_or("missing")
    }

    /// The field with that word.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    /// The number of a level, `missing` included.
    pub fn level_named(self, name: &str) -> Option<u8> {
        if name == "missing" {
            return Some(MISSING);
        }
        let place = self.all_levels().iter().position(|level| *level == name)?;
        u8::try_from(place).ok()
    }
}

/// How each field agrees, by [`Field::index`].
pub type Vector = [u8; FIELDS];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_words_of_levels_agree() {
        for (field, level, word) in [
            (Field::Given, given::SWAPPED, "swapped"),
            (Field::Given, given::DIFFERENT, "different"),
            (Field::Family, family::DIFFERENT, "different"),
            (Field::BirthDate, birth::GENERATION, "generation"),
            (Field::BirthDate, birth::TRANSPOSED, "transposed"),
            (Field::Given, given::UNNAMED, "unnamed"),
            (Field::Family, family::ORDINAL, "ordinal"),
            (Field::Line, line::STREET, "street"),
            (Field::Place, place::REGION, "region"),
            (Field::MemberId, code::DIFFERENT, "different"),
            (Field::Suffix, suffix::ONE_SIDED, "one_sided"),
            (Field::Email, MISSING, "missing"),
        ] {
            assert_eq!(field.level_name(level), word);
            assert_eq!(field.level_named(word), Some(level));
        }
        for field in Field::ALL {
            assert_eq!(Field::named(field.name()), Some(field));
            assert_eq!(field.level_name(field.different()), "different");
            assert_eq!(field.levels(1).last(), Some(&"different"));
            assert!(field.levels(NEWER_FORMAT).starts_with(field.levels(1)));
            for (band, level) in field.bands() {
                assert_eq!(field.level_named(band), Some(*level));
            }
        }
    }
}
