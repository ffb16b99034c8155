//! Pools from which people are drawn. The people are invented; the towns exist so that state and ZIP agree.

/// Family names.
pub(crate) const FAMILY: [&str; 32] = [
    "Abernethy",
    "Barrowclough",
    "Castellane",
    "Delacourte",
    "Eastvale",
    "Fennimore",
    "Garrowby",
    "Hollisworth",
    "Ingersett",
    "Jarrowfield",
    "Kestrelman",
    "Lindqvarn",
    "Marchbank",
    "Northcutt",
    "Oakhampton",
    "Pemberlake",
    "Quillfeather",
    "Ravensdale",
    "Stonebrook",
    "Thistlewood",
    "Underhay",
    "Vantongeren",
    "Whitlocke",
    "Yarborne",
    "Zellenbach",
    "Ashgrove",
    "Brindlemere",
    "Coldwater",
    "Dunmorrow",
    "Elderfield",
    "Foxworthy",
    "Greycliffe",
];

/// Family names with letters outside ASCII, and hyphens.
pub(crate) const FAMILY_NON_ASCII: [&str; 6] = [
    "Núñez-Ōe",
    "Žižkovská",
    "Ångström-Lémay",
    "Þórvaldsen",
    "Đặng-Müller",
    "Œuvrard",
];

/// Given names, usually of women.
pub(crate) const GIVEN_FEMALE: [&str; 20] = [
    "Adaline", "Briony", "Coralie", "Delphine", "Elspeth", "Fiorella", "Gwendal", "Harriet",
    "Imogen", "Josefa", "Katriel", "Leontine", "Marisol", "Nerissa", "Ottilie", "Philippa",
    "Rosalind", "Saoirse", "Tamsin", "Winifred",
];

/// Given names, usually of men.
pub(crate) const GIVEN_MALE: [&str; 20] = [
    "Ambrose",
    "Bertrand",
    "Caspian",
    "Desmond",
    "Emeric",
    "Florian",
    "Gideon",
    "Horatio",
    "Ignatius",
    "Jasper",
    "Konrad",
    "Leopold",
    "Magnus",
    "Nathaniel",
    "Osric",
    "Percival",
    "Reginald",
    "Sylvester",
    "Thaddeus",
    "Valentin",
];

/// Given names with letters outside ASCII.
pub(crate) const GIVEN_NON_ASCII: [&str; 4] = ["Zoë", "Renée", "Søren", "João"];

/// Street names.
pub(crate) const STREETS: [&str; 12] = [
    "Alder St",
    "Birch Ave",
    "Cedar Ln",
    "Dogwood Dr",
    "Elm St",
    "Foundry Rd",
    "Granite Way",
    "Harbor St",
    "Juniper Ct",
    "Lantern Ln",
    "Millrace Rd",
    "Orchard Ave",
];

/// A town with its state and a ZIP code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Locality {
    /// The town.
    pub(crate) city: &'static str,
    /// Two letters.
    pub(crate) state: &'static str,
    /// Five digits.
    pub(crate) postal_code: &'static str,
}

const fn place(city: &'static str, state: &'static str, postal_code: &'static str) -> Locality {
    Locality {
        city,
        state,
        postal_code,
    }
}

/// Towns.
pub(crate) const LOCALITIES: [Locality; 12] = [
    place("Akron", "OH", "44301"),
    place("Dayton", "OH", "45402"),
    place("Albany", "NY", "12203"),
    place("Buffalo", "NY", "14201"),
    place("Madison", "WI", "53703"),
    place("Duluth", "MN", "55802"),
    place("Peoria", "IL", "61602"),
    place("Erie", "PA", "16501"),
    place("Lansing", "MI", "48933"),
    place("Topeka", "KS", "66603"),
    place("Omaha", "NE", "68102"),
    place("Dover", "DE", "19901"),
];

/// Lines of business.
pub(crate) const COHORTS: [&str; 4] = ["commercial", "exchange", "medicaid", "medicare-advantage"];

/// Given names with their usual short forms, and whether they are women's.
pub(crate) const SHORT_FORMS: [(&str, &str, bool); 10] = [
    ("Robert", "Bob", false),
    ("William", "Bill", false),
    ("Richard", "Dick", false),
    ("Theodore", "Ted", false),
    ("Edward", "Ned", false),
    ("Margaret", "Peggy", true),
    ("Elizabeth", "Betty", true),
    ("Katherine", "Kitty", true),
    ("Dorothy", "Dot", true),
    ("Mary", "Polly", true),
];

/// Whether two given names are a name and its usual short form, in lower case and either order.
pub(crate) fn is_short_form(one: &str, other: &str) -> bool {
    SHORT_FORMS.iter().any(|(long, short, _)| {
        let (long, short) = (long.to_lowercase(), short.to_lowercase());
        (one == long && other == short) || (one == short && other == long)
    })
}

/// "First name unknown": what records hold of a person with one legal name.
pub(crate) const NO_GIVEN_NAME: &str = "FNU";
