//! Combining marks: which of them are letters of their script, and which a hand may leave out.
//!
//! Accents of Latin and Greek letters are left out often, and so are the vowel points of Arabic and Hebrew. In
//! other scripts a mark is a letter: the vowel signs of Devanagari and Thai, the voicing of kana, the breve of
//! Cyrillic й. Without it two names become one.

use unicode_normalization::char::is_combining_mark;

/// Marks that belong to no script of their own (Unicode block Combining Diacritical Marks).
const COMMON_MARKS: std::ops::RangeInclusive<char> = '\u{300}'..='\u{36f}';
/// The diaeresis of ё, which print leaves out.
const DIAERESIS: char = '\u{308}';
/// Stress, which dictionaries write.
const STRESS: [char; 2] = ['\u{300}', '\u{301}'];

/// Whether `mark` makes another letter of `base`, the last character before it that is no mark.
pub(crate) fn is_letter_of_its_script(base: Option<char>, mark: char) -> bool {
    let is_optional = match mark {
        // Hebrew points and accents.
        '\u{591}'..='\u{5c7}'
        // Arabic vowel signs, hamza above and below, dagger alef, Koranic signs.
        | '\u{610}'..='\u{61a}'
        | '\u{64b}'..='\u{65f}'
        | '\u{670}'
        | '\u{6d6}'..='\u{6ed}'
        // Syriac points.
        | '\u{730}'..='\u{74a}'
        // More marks for Latin letters, and variation selectors.
        | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{fe20}'..='\u{fe2f}' => true,
        mark if COMMON_MARKS.contains(&mark) => !is_cyrillic(base) || is_optional_in_cyrillic(base, mark),
        _ => false,
    };
    !is_optional
}

/// Whether two names that are one without their marks are two with them: Hùng and Hưng, not José and Jose. A hand
/// leaves out all the accents of a Latin or Greek name or none, and any of the points of a Hebrew or Arabic one.
/// Both names are decomposed, and empty where they have no marks.
pub(crate) fn contradict(left: &str, right: &str) -> bool {
    if left.is_empty() || right.is_empty() {
        return false;
    }
    let (left, right) = (letters(left), letters(right));
    let contradicts = |((base, a), (_, b)): (&Letter, &Letter)| {
        let holds_all = |of: &[char], all: &[char]| of.iter().all(|mark| all.contains(mark));
        let is_pointed = ('\u{590}'..='\u{74f}').contains(base);
        !(a == b || is_pointed && (holds_all(a, b) || holds_all(b, a)))
    };
    left.len() == right.len() && left.iter().zip(&right).any(contradicts)
}

/// A letter and its marks.
type Letter = (char, Vec<char>);

/// Each letter of a decomposed name with its marks.
fn letters(name: &str) -> Vec<Letter> {
    let mut letters: Vec<Letter> = Vec::new();
    for c in name.chars().filter(|c| *c != ' ') {
        match letters.last_mut() {
            Some((_, marks)) if is_combining_mark(c) => marks.push(c),
            _ => letters.push((c, Vec::new())),
        }
    }
    letters
}

fn is_cyrillic(base: Option<char>) -> bool {
    base.is_some_and(|base| ('\u{400}'..='\u{52f}').contains(&base))
}

fn is_optional_in_cyrillic(base: Option<char>, mark: char) -> bool {
    let is_yo = matches!(base, Some('е' | 'Е')) && mark == DIAERESIS;
    let is_stress = STRESS.contains(&mark) && !matches!(base, Some('г' | 'к' | 'Г' | 'К'));
    is_yo || is_stress
}

/// Joiners and the like, which shape letters and are none.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::accents;

    #[test]
    fn accents_that_contradict() {
        for (left, right, are_two) in [
            ("Hùng", "Hưng", true),
            ("Tuân", "Tuấn", true),
            ("José", "Jose", false),
            ("José", "JOSÉ", false),
            ("حَسَن", "حُسْن", true),
            ("مُحَمَّد", "محمّد", false),
            ("أحمد", "احمد", false),
        ] {
            assert_eq!(
                contradict(&accents(left), &accents(right)),
                are_two,
                "{left} {right}"
            );
        }
    }

    #[test]
    fn marks_by_script() {
        for (base, mark, is_letter) in [
            ('e', '\u{301}', false),
            ('η', '\u{301}', false),
            ('и', '\u{306}', true),
            ('е', '\u{308}', false),
            ('і', '\u{308}', true),
            ('к', '\u{301}', true),
            ('क', '\u{93f}', true),
            ('क', '\u{94d}', true),
            ('ハ', '\u{3099}', true),
            ('ก', '\u{e35}', true),
            ('م', '\u{64f}', false),
            ('ا', '\u{654}', false),
            ('ד', '\u{5b8}', false),
        ] {
            assert_eq!(
                is_letter_of_its_script(Some(base), mark),
                is_letter,
                "{base} {mark:?}"
            );
        }
        assert!(is_invisible('\u{200d}') && !is_invisible('-'));
    }
}
