//! Addresses in the United States: abbreviations, units, states, codes.

use super::date::one_slip;
use super::field::{MISSING, line as level, place as places};
use super::person::{Line, Place};

/// Words of a street and the form to which they are brought.
const WORDS: [(&str, &str); 34] = [
    ("street", "st"),
    ("str", "st"),
    ("avenue", "ave"),
    ("av", "ave"),
    ("road", "rd"),
    ("drive", "dr"),
    ("lane", "ln"),
    ("boulevard", "blvd"),
    ("court", "ct"),
    ("crt", "ct"),
    ("place", "pl"),
    ("circle", "cir"),
    ("crescent", "cres"),
    ("terrace", "ter"),
    ("tce", "ter"),
    ("highway", "hwy"),
    ("parkway", "pkwy"),
    ("pky", "pkwy"),
    ("square", "sq"),
    ("trail", "trl"),
    ("turnpike", "tpke"),
    ("north", "n"),
    ("south", "s"),
    ("east", "e"),
    ("west", "w"),
    ("northeast", "ne"),
    ("northwest", "nw"),
    ("southeast", "se"),
    ("southwest", "sw"),
    ("saint", "st"),
    ("mount", "mt"),
    ("fort", "ft"),
    ("heights", "hts"),
    ("way", "wy"),
];

/// Words behind which a unit stands.
const UNITS: [&str; 9] = [
    "apt",
    "apartment",
    "unit",
    "suite",
    "ste",
    "no",
    "room",
    "rm",
    "flat",
];

/// States, the district and the territories.
const STATES: [(&str, &str); 54] = [
    ("alabama", "al"),
    ("alaska", "ak"),
    ("arizona", "az"),
    ("arkansas", "ar"),
    ("california", "ca"),
    ("colorado", "co"),
    ("connecticut", "ct"),
    ("delaware", "de"),
    ("district of columbia", "dc"),
    ("florida", "fl"),
    ("georgia", "ga"),
    ("guam", "gu"),
    ("hawaii", "hi"),
    ("idaho", "id"),
    ("illinois", "il"),
    ("indiana", "in"),
    ("iowa", "ia"),
    ("kansas", "ks"),
    ("kentucky", "ky"),
    ("louisiana", "la"),
    ("maine", "me"),
    ("maryland", "md"),
    ("massachusetts", "ma"),
    ("michigan", "mi"),
    ("minnesota", "mn"),
    ("mississippi", "ms"),
    ("missouri", "mo"),
    ("montana", "mt"),
    ("nebraska", "ne"),
    ("nevada", "nv"),
    ("new hampshire", "nh"),
    ("new jersey", "nj"),
    ("new mexico", "nm"),
    ("new york", "ny"),
    ("north carolina", "nc"),
    ("north dakota", "nd"),
    ("ohio", "oh"),
    ("oklahoma", "ok"),
    ("oregon", "or"),
    ("pennsylvania", "pa"),
    ("puerto rico", "pr"),
    ("rhode island", "ri"),
    ("south carolina", "sc"),
    ("south dakota", "sd"),
    ("tennessee", "tn"),
    ("texas", "tx"),
    ("utah", "ut"),
    ("vermont", "vt"),
    ("virgin islands", "vi"),
    ("virginia", "va"),
    ("washington", "wa"),
    ("west virginia", "wv"),
    ("wisconsin", "wi"),
    ("wyoming", "wy"),
];

fn short(word: &str) -> &str {
    let found = WORDS.iter().find(|(long, _)| *long == word);
    found.map_or(word, |(_, short)| short)
}

/// House number, street and unit of a folded line.
pub(super) fn line(folded: &str) -> Line {
    let mut words: Vec<&str> = folded.split(' ').filter(|word| !word.is_empty()).collect();
    let mut unit = String::new();
    if let Some(place) = words.iter().rposition(|word| UNITS.contains(word))
        && place > 0
    {
        unit = words.split_off(place)[1..].concat();
    }
    let is_number = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
    // "12 Elm St", "Elm St 12", "PO Box 12": the number may stand at either end, 5th of 5th Ave may not.
    let ordinal = |word: &str| {
        ["st", "nd", "rd", "th"]
            .iter()
            .any(|end| word.ends_with(end))
    };
    // "12 Elm St 4" and "12 Elm St #4": what is left of a unit when its sign has gone.
    let ends_in_number = words.len() > 2 && words.last().is_some_and(is_number);
    if unit.is_empty() && ends_in_number && words.first().is_some_and(is_number) {
        unit = words.pop().unwrap_or_default().to_owned();
    }
    let at = match (words.first(), words.last()) {
        (Some(first), _) if is_number(first) && !ordinal(first) => Some(0),
        (_, Some(last)) if is_number(last) && !ordinal(last) => Some(words.len() - 1),
        _ => None,
    };
    let house = at.map(|at| words.remove(at)).unwrap_or_default();
    let street: Vec<&str> = words.into_iter().map(short).collect();
    Line {
        house: house.into(),
        street: street.join(" ").into(),
        unit: unit.into(),
    }
}

/// City, state and code.
pub(super) fn place(city: &str, state: &str, postal_code: &str) -> Place {
    let city: Vec<&str> = city.split(' ').map(short).collect();
    let state = STATES
        .iter()
        .find(|(long, _)| *long == state)
        .map_or(state, |(_, short)| short);
    let code: String = postal_code
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_uppercase)
        .take(5)
        .collect();
    let digits = code.bytes().all(|b| b.is_ascii_digit());
    // A spreadsheet takes the zero of 02139 away.
    let zip = match code.len() {
        4 if digits => format!("0{code}"),
        5.. if code != "00000" && code != "99999" => code,
        _ => String::new(),
    };
    Place {
        city: city.join(" ").into(),
        state: state.into(),
        zip: zip.into(),
    }
}

/// How two lines agree: a level, or a similarity of streets at the same house number.
pub(super) enum Likeness {
    Level(u8),
    Street(u16),
}

/// Compares two lines.
pub(super) fn compare_lines(left: &Line, right: &Line) -> Likeness {
    if left.street.is_empty() || right.street.is_empty() {
        return Likeness::Level(MISSING);
    }
    let units_differ = !left.unit.is_empty() && !right.unit.is_empty() && left.unit != right.unit;
    let same_house = left.house == right.house;
    if left.street == right.street {
        let slip = one_slip(left.house.as_bytes(), right.house.as_bytes());
        return Likeness::Level(if same_house && !units_differ {
            level::EXACT
        } else if slip && !units_differ && left.house.len() > 2 {
            level::CLOSE
        } else {
            level::STREET
        });
    }
    if same_house && !left.house.is_empty() && !units_differ {
        return Likeness::Street(super::jaro::similarity(&left.street, &right.street));
    }
    Likeness::Level(level::DIFFERENT)
}

/// The level at which two places agree.
pub(super) fn compare_places(left: &Place, right: &Place) -> u8 {
    let known = |a: &str, b: &str| !a.is_empty() && !b.is_empty();
    let zips = known(&left.zip, &right.zip);
    let cities = known(&left.city, &right.city);
    let states = known(&left.state, &right.state);
    if !zips && !cities && !states {
        return MISSING;
    }
    if zips && left.zip == right.zip {
        return places::ZIP;
    }
    let same_state = states && left.state == right.state;
    let states_differ = states && left.state != right.state;
    if cities && left.city == right.city && !states_differ {
        return places::CITY;
    }
    if zips && !states_differ && one_slip(left.zip.as_bytes(), right.zip.as_bytes()) {
        return places::CITY;
    }
    let same_area = zips && left.zip.get(..3) == right.zip.get(..3);
    if same_state || same_area {
        return places::REGION;
    }
    places::DIFFERENT
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::fold;

    fn level_of(left: &str, right: &str) -> String {
        match compare_lines(&line(&fold(left)), &line(&fold(right))) {
            Likeness::Level(MISSING) => "missing".to_owned(),
            Likeness::Level(found) => {
                ["exact", "close", "street", "different"][usize::from(found)].to_owned()
            }
            Likeness::Street(parts) => format!("street {}", parts / 100),
        }
    }

    #[test]
    fn lines() {
        for (left, right, wanted) in [
            ("12 North Elm Street", "12 N. Elm St", "exact"),
            ("12 Elm St Apt 4", "12 Elm St #4", "exact"),
            ("12 Elm St Apt 4", "12 Elm St", "exact"),
            ("12 Elm St Apt 4", "12 Elm St Apt 5", "street"),
            ("112 Elm St", "121 Elm St", "close"),
            ("12 Elm St", "14 Elm St", "street"),
            ("PO Box 12", "P.O. Box 12", "exact"),
            ("450 5th Ave", "450 Fifth Ave", "street 84"),
            ("12 Elm St", "12 Ellm St", "street 96"),
            ("12 Elm St", "97 Oak Rd", "different"),
            ("12 Elm St", "", "missing"),
        ] {
            assert_eq!(level_of(left, right), wanted, "{left} / {right}");
        }
    }

    #[test]
    fn the_places() {
        let level = |a: [&str; 3], b: [&str; 3]| {
            let place = |p: [&str; 3]| place(&fold(p[0]), &fold(p[1]), p[2]);
            compare_places(&place(a), &place(b))
        };
        for (a, b, wanted) in [
            (
                ["Akron", "OH", "44301"],
                ["AKRON", "Ohio", "44301-1234"],
                places::ZIP,
            ),
            (["Boston", "MA", "02139"], ["", "", "2139"], places::ZIP),
            (
                ["Akron", "OH", "44301"],
                ["Akron", "OH", "44310"],
                places::CITY,
            ),
            (["Akron", "OH", "44301"], ["", "", "44311"], places::CITY),
            (
                ["Akron", "OH", "44301"],
                ["Dayton", "OH", "45402"],
                places::REGION,
            ),
            (
                ["Albany", "OR", ""],
                ["Albany", "NY", ""],
                places::DIFFERENT,
            ),
            (["", "", ""], ["Albany", "NY", ""], MISSING),
        ] {
            assert_eq!(level(a, b), wanted, "{a:?} {b:?}");
        }
    }
}
