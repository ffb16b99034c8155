//! Two persons in, facts out. Nothing here weighs or decides, and no fact carries a name, a date or a
//! number of either person: facts can be kept and judged again under other rules.

use super::address::{self, Likeness};
use super::date::one_slip;
use super::fact::Fact;
use super::field::{
    FIELDS, Field, MISSING, NEWER_FORMAT, code, family, gender, given, line, place, suffix,
};
use super::jaro::similarity;
use super::person::{Name, NameKind, Person};
use super::placeholder::is_empty_code;
use super::same_name::{is_initial, stricter};

/// From which similarity on, in ten-thousandths, both names of a pair count as having changed places.
const SWAPPED_FROM: u16 = 8_500;
/// A slip in a given name counts as near where the similarity alone, in ten-thousandths, would say less.
const SLIP_BELOW: u16 = 8_400;
/// Shortest number in which one slip is still the same number.
const CODE_LENGTH_MIN: usize = 6;
/// Shortest mailbox name that says something at another provider.
const MAILBOX_LENGTH_MIN: usize = 6;

/// What is seen of a pair, by [`Field::index`]: as rule sets of format 1 know it, and as those of later formats do.
/// A rule set that was approved must go on deciding as it did, so what it is shown never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    pub(crate) first: [Fact; FIELDS],
    pub(crate) newer: [Fact; FIELDS],
}

impl Evidence {
    /// Nothing is known of either.
    pub(crate) const EMPTY: Self = Self {
        first: [Fact::Level(MISSING); FIELDS],
        newer: [Fact::Level(MISSING); FIELDS],
    };

    /// What a rule set of that format is shown of a field.
    pub fn fact(&self, field: Field, format: u32) -> Fact {
        let facts = if format < NEWER_FORMAT {
            &self.first
        } else {
            &self.newer
        };
        facts[field.index()]
    }
}

/// Compares two persons; the order of the two does not matter.
pub fn compare(left: &Person, right: &Person) -> Evidence {
    let first = facts(left, right);
    Evidence {
        first,
        newer: newer(left, right, first),
    }
}

fn facts(left: &Person, right: &Person) -> [Fact; FIELDS] {
    let [given, family] = names((&left.given, &left.family), (&right.given, &right.family));
    [
        given,
        family,
        Fact::Level(suffixes(left, right)),
        Fact::Level(births(left, right)),
        Fact::Level(genders(left, right)),
        lines(left, right),
        Fact::Level(address::compare_places(&left.place, &right.place)),
        Fact::Level(phones(left.phone, right.phone)),
        emails(&left.email, &right.email),
        Fact::Level(codes(&left.member_id, &right.member_id)),
        Fact::Level(alternates(&left.alternates, &right.alternates)),
    ]
}

/// The facts for later formats. None of them agrees more than its first reading does, so no rule set of a later
/// format finds agreement that one of format 1 did not see.
fn newer(left: &Person, right: &Person, first: [Fact; FIELDS]) -> [Fact; FIELDS] {
    let mut facts = first;
    let mut set = |field: Field, fact: Fact| facts[field.index()] = fact;
    let [mut given, mut family] = marked_names(left, right, first);
    given = stricter(given, left, right);
    let levels = (given::PLACEHOLDER, given::ORDINAL);
    given = unless_placeholder(left.given_kind, right.given_kind, levels).unwrap_or(given);
    let levels = (family::PLACEHOLDER, family::ORDINAL);
    family = unless_placeholder(left.family_kind, right.family_kind, levels).unwrap_or(family);
    if given == Fact::Level(MISSING) && (left.is_infant || right.is_infant) {
        given = Fact::Level(given::UNNAMED);
    }
    set(Field::Given, given);
    set(Field::Family, family);
    if let (Some(a), Some(b)) = (left.birth, right.birth) {
        set(Field::BirthDate, Fact::Level(a.against_newer(b)));
    }
    let (a, b) = (left.empty_codes, right.empty_codes);
    for (field, is_empty) in [
        (Field::Phone, a.phone || b.phone),
        (Field::Email, a.email || b.email),
        (Field::MemberId, a.member_id || b.member_id),
        (Field::Line, a.line || b.line),
        (
            Field::Place,
            (a.city || b.city) && first[6] == Fact::Level(place::CITY),
        ),
        (Field::Alternate, !share_an_identifier(left, right)),
    ] {
        // Two numbers that differ stay different: nothing may agree more than before.
        if is_empty && first[field.index()] != Fact::Level(field.different()) {
            set(field, Fact::Level(MISSING));
        }
    }
    facts
}

/// Whether an identifier that both have is one, and not a word for "there is none".
fn share_an_identifier(left: &Person, right: &Person) -> bool {
    let value = |one: &str| one.rsplit('|').next().unwrap_or_default().to_owned();
    left.alternates
        .iter()
        .any(|one| right.alternates.contains(one) && !is_empty_code(&value(one)))
}

/// The level of two names of which one says nothing.
fn unless_placeholder(a: NameKind, b: NameKind, (placeholder, ordinal): (u8, u8)) -> Option<Fact> {
    match (a, b) {
        (NameKind::Name, NameKind::Name) => None,
        (NameKind::Counted(a), NameKind::Counted(b)) if a != b => Some(Fact::Level(ordinal)),
        _ => Some(Fact::Level(placeholder)),
    }
}

/// Given and family name with marks that are letters. Where the marks make a difference, the names are two names
/// that are alike.
fn marked_names(left: &Person, right: &Person, first: [Fact; FIELDS]) -> [Fact; 2] {
    let (given, family) = (first[Field::Given.index()], first[Field::Family.index()]);
    if left.marked.is_none() && right.marked.is_none() {
        return [given, family];
    }
    let marked = |person: &Person| match &person.marked {
        Some(marked) => (marked.given.clone(), marked.family.clone()),
        None => (person.given.clone(), person.family.clone()),
    };
    let ((a_given, a_family), (b_given, b_family)) = (marked(left), marked(right));
    let [with_given, with_family] = names((&a_given, &a_family), (&b_given, &b_family));
    let alike = similarity(&a_given.solid, &b_given.solid);
    [
        if with_given == given {
            given
        } else {
            Fact::Rival(alike)
        },
        if with_family == family {
            family
        } else {
            Fact::Level(family::DIFFERENT)
        },
    ]
}

/// Given and family names of two persons, which may have changed places.
fn names(left: (&Name, &Name), right: (&Name, &Name)) -> [Fact; 2] {
    let given = given_names(left.0, right.0);
    let family = family_names(left.1, right.1);
    if names_swapped(left, right, given, family) {
        return [Fact::Level(given::SWAPPED), Fact::Level(family::SWAPPED)];
    }
    [given, family]
}

fn given_names(left: &Name, right: &Name) -> Fact {
    if left.is_missing() || right.is_missing() {
        return Fact::Level(MISSING);
    }
    if left.solid == right.solid {
        return Fact::Level(given::EXACT);
    }
    let (a, b) = (left.first(), right.first());
    if a == b {
        // Mary Ann and Mary Beth: two people until something says otherwise.
        return match (left.words().nth(1), right.words().nth(1)) {
            (Some(a), Some(b)) if !is_initial(a, b) => Fact::Level(given::RIVAL),
            _ => Fact::Level(given::PART),
        };
    }
    if is_initial(a, b) {
        return Fact::Level(given::INITIAL);
    }
    if shares_a_word(left, right) {
        return Fact::Level(given::PART);
    }
    if left.groups.iter().any(|group| right.groups.contains(group)) {
        return Fact::Level(given::VARIANT);
    }
    let alike = similarity(&left.solid, &right.solid).max(similarity(a, b));
    if left.in_use && right.in_use {
        return Fact::Rival(alike);
    }
    // One letter off says more than a similarity does in a short name, and all the more where one of the two
    // is a name in use and the other is not.
    let slip = a.len() > 1 && b.len() > 1 && strsim::osa_distance(a, b) == 1;
    let same_start = a.chars().next() == b.chars().next();
    let one_in_use = left.in_use != right.in_use;
    match (slip, same_start && one_in_use && a.len().min(b.len()) > 2) {
        (true, true) => Fact::Level(given::CLOSE),
        (true, false) if alike < SLIP_BELOW => Fact::Level(given::NEAR),
        _ => Fact::Similar(alike),
    }
}

fn shares_a_word(left: &Name, right: &Name) -> bool {
    left.words()
        .filter(|word| word.len() > 1)
        .any(|word| right.words().any(|other| other == word))
}

fn family_names(left: &Name, right: &Name) -> Fact {
    if left.is_missing() || right.is_missing() {
        return Fact::Level(MISSING);
    }
    if left.solid == right.solid {
        return Fact::Level(family::EXACT);
    }
    let double = left.whole.contains(' ') || right.whole.contains(' ');
    let shares_a_part = |word: &str| word.len() > 2 && right.words().any(|other| other == word);
    if double && left.words().any(shares_a_part) {
        return Fact::Level(family::PART);
    }
    Fact::Similar(similarity(&left.solid, &right.solid))
}

fn names_swapped(left: (&Name, &Name), right: (&Name, &Name), given: Fact, family: Fact) -> bool {
    let apart = |fact: Fact| matches!(fact, Fact::Similar(_) | Fact::Rival(_));
    apart(given)
        && apart(family)
        && similarity(&left.0.solid, &right.1.solid) >= SWAPPED_FROM
        && similarity(&left.1.solid, &right.0.solid) >= SWAPPED_FROM
}

fn suffixes(left: &Person, right: &Person) -> u8 {
    match (left.suffix, right.suffix) {
        (None, None) => MISSING,
        (Some(a), Some(b)) if a == b => suffix::SAME,
        (Some(_), Some(_)) => suffix::DIFFERENT,
        (Some(_), None) | (None, Some(_)) => suffix::ONE_SIDED,
    }
}

fn births(left: &Person, right: &Person) -> u8 {
    match (left.birth, right.birth) {
        (Some(a), Some(b)) => a.against(b),
        (None, _) | (_, None) => MISSING,
    }
}

fn genders(left: &Person, right: &Person) -> u8 {
    match (left.gender, right.gender) {
        (Some(a), Some(b)) if a == b => gender::SAME,
        (Some(_), Some(_)) => gender::DIFFERENT,
        (None, _) | (_, None) => MISSING,
    }
}

fn lines(left: &Person, right: &Person) -> Fact {
    // The same number and street in another town is another house; the street alone says nothing even in
    // another place of the same state.
    let place = address::compare_places(&left.place, &right.place);
    let elsewhere = place == place::DIFFERENT;
    let elsewhere_for_street = elsewhere || place == place::REGION;
    match address::compare_lines(&left.line, &right.line) {
        Likeness::Level(MISSING) => Fact::Level(MISSING),
        Likeness::Level(line::STREET) if elsewhere_for_street => Fact::Level(line::DIFFERENT),
        Likeness::Level(_) | Likeness::Street(_) if elsewhere => Fact::Level(line::DIFFERENT),
        Likeness::Level(level) => Fact::Level(level),
        Likeness::Street(parts) => Fact::Similar(parts),
    }
}

fn phones(left: u64, right: u64) -> u8 {
    if left == 0 || right == 0 {
        return MISSING;
    }
    if left == right {
        return code::EXACT;
    }
    let (a, b) = (left.to_string(), right.to_string());
    let without_area = left % 10_000_000 == right % 10_000_000;
    if without_area || one_slip(a.as_bytes(), b.as_bytes()) {
        return code::CLOSE;
    }
    code::DIFFERENT
}

fn emails(left: &str, right: &str) -> Fact {
    let (Some((a, at_a)), Some((b, at_b))) = (left.split_once('@'), right.split_once('@')) else {
        return Fact::Level(MISSING);
    };
    match (a == b, at_a == at_b) {
        (true, true) => Fact::Level(code::EXACT),
        (true, false) if a.len() >= MAILBOX_LENGTH_MIN => Fact::Level(code::CLOSE),
        (false, true) => Fact::Similar(similarity(a, b)),
        (_, false) => Fact::Level(code::DIFFERENT),
    }
}

fn codes(left: &str, right: &str) -> u8 {
    if left.is_empty() || right.is_empty() {
        return MISSING;
    }
    if left == right {
        return code::EXACT;
    }
    if left.len() >= CODE_LENGTH_MIN && one_slip(left.as_bytes(), right.as_bytes()) {
        return code::CLOSE;
    }
    code::DIFFERENT
}

fn alternates(left: &[Box<str>], right: &[Box<str>]) -> u8 {
    if left.is_empty() || right.is_empty() {
        return MISSING;
    }
    if left.iter().any(|one| right.contains(one)) {
        return 0;
    }
    let system = |one: &str| one.split('|').next().unwrap_or_default().to_owned();
    let comparable = left
        .iter()
        .any(|a| right.iter().any(|b| system(a) == system(b)));
    if comparable { 1 } else { MISSING }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;
    use crate::field::birth;
    use crate::normalise;
    use crate::record::{Alternate, Written};

    fn person(given: &str, family: &str) -> Person {
        let written = Written {
            given: given.into(),
            family: family.into(),
            ..Written::default()
        };
        normalise::person(&written, NaiveDate::MAX).unwrap()
    }

    /// Left, right and the facts about given and family name; `given/family` in each.
    fn both_ways(cases: &[(&str, &str, &str)]) {
        let read = |text: &str| {
            let (given, family) = text.split_once('/').unwrap();
            person(given, family)
        };
        for (left, right, wanted) in cases {
            for (a, b) in [(left, right), (right, left)] {
                let facts = compare(&read(a), &read(b)).first;
                let seen = [facts[0].text(Field::Given), facts[1].text(Field::Family)].join("/");
                assert_eq!(seen, *wanted, "{a} {b}");
            }
        }
    }

    #[test]
    fn names() {
        both_ways(&[
            ("Mary Ann/Coldwater", "MaryAnn/Coldwater", "exact/exact"),
            ("Mary/Coldwater", "Mary Ann/Cold-Water", "part/exact"),
            ("J/Garcia", "James/Garcia-Lopez", "initial/part"),
            ("Mary Ann/Garcia", "Mary Beth/Garcia", "rival/exact"),
            ("Mary Ann/Garcia", "Mary A/Garcia", "part/exact"),
            ("Bob/Northcutt", "Robert/Northcut", "variant/similar 0.9778"),
            ("Underhay/Jayden", "Jayden/Underhay", "swapped/swapped"),
            ("/Underhay", "Jayden/", "missing/missing"),
        ]);
    }

    #[test]
    fn slips_and_rivals() {
        both_ways(&[
            ("Jayden/Underhay", "Hayden/Underhay", "rival 0.8889/exact"),
            ("Jaydne/Underhay", "Jayden/Underhay", "close/exact"),
            (
                "Jaydnne/Underhay",
                "Jayden/Underhay",
                "similar 0.9381/exact",
            ),
            ("Amy/Underhay", "Aym/Underhay", "close/exact"),
            ("Amy/Underhay", "Ay/Underhay", "near/exact"),
            ("Amy/Underhay", "Qmy/Underhay", "near/exact"),
        ]);
    }

    #[test]
    fn numbers_and_addresses() {
        assert_eq!(phones(6_145_550_100, 6_145_550_010), code::CLOSE);
        assert_eq!(phones(6_145_550_100, 3_305_550_100), code::CLOSE);
        assert_eq!(phones(6_145_550_100, 6_145_559_876), code::DIFFERENT);
        assert_eq!(phones(6_145_550_100, 0), MISSING);
        assert_eq!(codes("M1234567", "M1234576"), code::CLOSE);
        assert_eq!(codes("M1", "M2"), code::DIFFERENT);
        assert_eq!(emails("a@b.example", ""), Fact::Level(MISSING));
        assert_eq!(
            emails("jdoe77@a.example", "jdoe77@b.example"),
            Fact::Level(code::CLOSE)
        );
        assert_eq!(
            emails("jd@a.example", "jd@b.example"),
            Fact::Level(code::DIFFERENT)
        );
        let similar = emails("jdoe77@a.example", "jdoe78@a.example");
        assert_eq!(similar.text(Field::Email), "similar 0.9333");
    }

    #[test]
    fn alternates_are_compared_within_their_system() {
        let person = |system: &str, value: &str| {
            let alternates = vec![Alternate {
                system: system.into(),
                value: value.into(),
            }];
            let written = Written {
                alternates,
                ..Written::default()
            };
            normalise::person(&written, NaiveDate::MAX).unwrap()
        };
        let fact = |a: &Person, b: &Person| compare(a, b).first[10].text(Field::Alternate);
        let one = person("umb", "U-1001");
        assert_eq!(fact(&one, &person("umb", "u 1001")), "exact");
        assert_eq!(fact(&one, &person("umb", "U-1002")), "different");
        assert_eq!(fact(&one, &person("subscriber", "U-1001")), "missing");
        assert_eq!(fact(&one, &Person::default()), "missing");
    }

    #[test]
    fn a_fact_reads_back() {
        for (field, fact) in [
            (Field::Given, Fact::Rival(8_889)),
            (Field::Given, Fact::Similar(10_000)),
            (Field::Line, Fact::Similar(7)),
            (Field::BirthDate, Fact::Level(birth::GENERATION)),
            (Field::Phone, Fact::Level(MISSING)),
        ] {
            assert_eq!(Fact::read(field, &fact.text(field)), Some(fact));
        }
        for (field, text) in [
            (Field::Phone, "similar 0.9000"),
            (Field::Family, "rival 0.9000"),
            (Field::Given, "similar 9"),
            (Field::Given, "bob"),
        ] {
            assert_eq!(Fact::read(field, text), None, "{text}");
        }
    }
}
