//! What rule sets of format 2 ask of two given names before they count as one.
//!
//! Names that are alike are two names, as those of twins are (Samuel and Samuela, Marina and Martina, حسن and حسين),
//! unless a list says that they are forms of one name, or one of them is a name that people have and the other is that
//! name with one slip of the keyboard. Every word counts: Maria Elena Rosa and Maria Elena Luisa are two people.

use super::fact::Fact;
use super::field::given;
use super::marks;
use super::names::is_known;
use super::person::{Name, Person};

/// Shortest name in which a slip is told from another name for sure.
const SURE_LENGTH_MIN: usize = 4;

/// What format 1 sees of two given names, or less where it takes two names for one.
pub(super) fn stricter(seen: Fact, left: &Person, right: &Person) -> Fact {
    let (a, b) = (&left.given, &right.given);
    let two_names = Fact::Level(given::RIVAL);
    match seen {
        Fact::Level(given::EXACT) if is_initials(a) => Fact::Level(given::INITIAL),
        Fact::Level(given::EXACT) if marks::contradict(&left.accents, &right.accents) => two_names,
        Fact::Level(given::VARIANT | given::INITIAL) if !rest_agrees(a, b) => two_names,
        Fact::Level(given::PART) => part(a, b),
        Fact::Level(given::SWAPPED) if !is_exchanged(left, right) => two_names,
        Fact::Level(given::CLOSE | given::NEAR) | Fact::Similar(_) => match slip(a, b) {
            Some(Slip::Sure) => seen,
            Some(Slip::Likely) => Fact::Level(given::NEAR),
            None => match seen {
                Fact::Similar(alike) => Fact::Rival(alike),
                Fact::Level(_) | Fact::Rival(_) => two_names,
            },
        },
        Fact::Level(_) | Fact::Rival(_) => seen,
    }
}

/// The same, or one of them is the other's first letter.
pub(super) fn is_initial(a: &str, b: &str) -> bool {
    let (mut left, mut right) = (a.chars(), b.chars());
    let same = left.next() == right.next();
    same && (left.next().is_none() || right.next().is_none() || a == b)
}

/// Two names that share a word.
fn part(left: &Name, right: &Name) -> Fact {
    let (a, b) = (left.first(), right.first());
    let is_variant = left.groups.iter().any(|group| right.groups.contains(group));
    let level = match (rest_agrees(left, right), a == b) {
        (true, true) if is_letter(a) => given::INITIAL,
        (true, true) => given::PART,
        (true, false) if is_variant => given::PART,
        (true, false) if slip_of_first(left, right).is_some() => given::NEAR,
        (true | false, _) if is_within(left, right) || is_within(right, left) => given::NEAR,
        (true | false, _) => given::RIVAL,
    };
    Fact::Level(level)
}

/// Behind the first word each word is the other's or its initial, as far as both go.
fn rest_agrees(left: &Name, right: &Name) -> bool {
    let mut both = left.words().zip(right.words()).skip(1);
    both.all(|(a, b)| is_initial(a, b))
}

/// All words of the one are words of the other: Ann and Mary Ann.
fn is_within(one: &Name, other: &Name) -> bool {
    one.words().all(|word| other.words().any(|its| its == word))
}

/// Nothing but initials, of a script that has them.
fn is_initials(name: &Name) -> bool {
    name.words().all(is_letter)
}

fn is_letter(word: &str) -> bool {
    let mut letters = word.chars();
    letters.next().is_some_and(char::is_lowercase) && letters.next().is_none()
}

/// Given and family name stand in each other's place: each the same or with one slip, or the given name the same next to
/// two family names that are alike.
fn is_exchanged(left: &Person, right: &Person) -> bool {
    let pairs = [(&left.given, &right.family), (&left.family, &right.given)];
    let is_same = |(a, b): (&Name, &Name)| {
        a.solid == b.solid
            || slip_of_word((&a.solid, &b.solid), (is_in_use(a), is_in_use(b))) == Some(Slip::Sure)
    };
    let is_given = |(a, b): (&Name, &Name)| a.solid == b.solid && (is_in_use(a) || is_in_use(b));
    let is_family = |(a, b): (&Name, &Name)| !is_in_use(a) && !is_in_use(b);
    pairs.into_iter().all(is_same)
        || is_given(pairs[0]) && is_family(pairs[1])
        || is_given(pairs[1]) && is_family(pairs[0])
}

/// Whether people have the name: it is in a list, or frequent in the files.
fn is_in_use(name: &Name) -> bool {
    name.in_use || is_known(name.first())
}

/// One wrong key in a name, as it looks from two names of which people have one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Slip {
    /// It makes no name.
    Sure,
    /// It could make a name that no list knows.
    Likely,
}

/// One slip of the keyboard in the first word.
fn slip_of_first(left: &Name, right: &Name) -> Option<Slip> {
    let known = (is_in_use(left), is_in_use(right));
    slip_of_word((left.first(), right.first()), known)
}

/// One slip of the keyboard in the first word, or in names that a space has taken apart.
fn slip(left: &Name, right: &Name) -> Option<Slip> {
    let known = |name: &Name| !name.whole.contains(' ') && is_in_use(name);
    slip_of_first(left, right)
        .filter(|_| rest_agrees(left, right))
        .or_else(|| slip_of_word((&left.solid, &right.solid), (known(left), known(right))))
}

/// One of the two is a name that people have and the other is none, and two letters have changed places or one letter
/// is wrong, missing or too much.
fn slip_of_word((a, b): (&str, &str), (a_known, b_known): (bool, bool)) -> Option<Slip> {
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    let mut bytes = long.bytes().chain(short.bytes());
    let is_one_of_two = a_known != b_known && strsim::osa_distance(a, b) == 1;
    if !is_one_of_two || !bytes.all(|byte| byte.is_ascii_lowercase()) {
        return None;
    }
    let (short, long) = (short.as_bytes(), long.as_bytes());
    let mut apart = (0..long.len()).filter(|at| short.get(*at) != long.get(*at));
    let at = apart.next()?;
    let has_changed_places = short.len() == long.len() && apart.next().is_some();
    let other = (short.len() == long.len()).then(|| short[at]);
    let slip = if has_changed_places {
        Slip::Sure
    } else {
        let is_cut_off = if a.len() > b.len() { a_known } else { b_known };
        slip_at(long, at, other, is_cut_off)?
    };
    if short.len() < SURE_LENGTH_MIN {
        return Some(Slip::Likely);
    }
    Some(slip)
}

/// What another letter, or none, in its place makes of a letter of a name: another name where it is the first (Jayden
/// and Hayden) or one that ends names (Daniel and Daniela, Mario and Maria), perhaps another one where it is a last one
/// of other kinds, a vowel for a vowel (Alina and Alena), or a, e, i next to one (Daniel and Danil). `is_cut_off`: of
/// names of two lengths the longer one is known.
fn slip_at(name: &[u8], at: usize, other: Option<u8>, is_cut_off: bool) -> Option<Slip> {
    let is_vowel = |letter: u8| b"aeiouy".contains(&letter);
    let ends_names = |letter: u8| b"aehilnorsty".contains(&letter);
    let letter = name[at];
    if at == 0 {
        return None;
    }
    if at + 1 == name.len() {
        return match other {
            Some(other) if is_vowel(letter) && is_vowel(other) => None,
            Some(other) if ends_names(letter) && ends_names(other) => Some(Slip::Likely),
            None if is_cut_off => Some(Slip::Likely),
            None if ends_names(letter) => None,
            Some(_) | None => Some(Slip::Sure),
        };
    }
    let is_beside_vowel = is_vowel(name[at - 1]) || is_vowel(name[at + 1]);
    let may_make_a_name = match other {
        None => b"aei".contains(&letter) && is_beside_vowel,
        Some(other) => is_vowel(letter) && is_vowel(other),
    };
    Some(if may_make_a_name {
        Slip::Likely
    } else {
        Slip::Sure
    })
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use crate::compare::compare;
    use crate::field::{Field, NEWER_FORMAT};
    use crate::normalise;
    use crate::record::Written;

    fn seen(left: &str, right: &str) -> String {
        let [left, right] = [left, right].map(|given| {
            let written = Written {
                given: given.into(),
                family: "Underhay".into(),
                ..Written::default()
            };
            normalise::person(&written, NaiveDate::MAX).unwrap()
        });
        let fact = compare(&left, &right).fact(Field::Given, NEWER_FORMAT);
        assert_eq!(
            compare(&right, &left).fact(Field::Given, NEWER_FORMAT),
            fact
        );
        let text = fact.text(Field::Given);
        text.split(' ').next().unwrap_or_default().to_owned()
    }

    #[test]
    fn names_that_are_alike_are_two_names() {
        for (left, right) in [
            ("Samuel", "Samuela"),
            ("Marina", "Martina"),
            ("Alina", "Alena"),
            ("حسن", "حسين"),
            ("Александр", "Александра"),
            ("김민수", "김민주"),
            ("Hùng", "Hưng"),
            ("Maria Elena Rosa", "Maria Elena Luisa"),
            ("Jayden Lee", "Hayden Lee"),
            ("Anne Marie", "Marie Claire"),
            ("Robert Lee", "Bob Scott"),
            ("Blakeston", "Blakeson"),
        ] {
            assert_eq!(seen(left, right), "rival", "{left} {right}");
        }
    }

    #[test]
    fn one_name_is_one_name() {
        for (left, right, level) in [
            ("Thmoas", "Thomas", "close"),
            ("Thomxas", "Thomas", "close"),
            ("Kate Lin", "Katelin", "exact"),
            ("José", "Jose", "exact"),
            ("Maria", "Maria Elena", "part"),
            ("Bob Lee", "Robert Lee", "part"),
            ("Ann", "Mary Ann", "near"),
            ("Daniel", "Danil", "near"),
            ("Hasan", "Hasen", "near"),
            ("Amy", "Aym", "near"),
            ("Robert", "Bob", "variant"),
            ("J", "J", "initial"),
            ("J R", "J Robert", "initial"),
            ("伟", "伟", "exact"),
        ] {
            assert_eq!(seen(left, right), level, "{left} {right}");
        }
    }
}
