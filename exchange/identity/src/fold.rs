//! Folding: lower case, without what a hand may write otherwise.
//!
//! NFKD without marks, letters that do not decompose spelt out, punctuation to spaces.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::jaro::CHARACTERS_MAX;
use super::marks;

/// Lower case without accents or punctuation, one space between words, at most
/// [`CHARACTERS_MAX`] characters.
pub(crate) fn fold(text: &str) -> String {
    fold_characters(text.nfkd().filter(|c| !is_combining_mark(*c)))
}

/// The same with the marks that are letters of their script.
pub(crate) fn fold_with_marks(text: &str) -> String {
    let mut base = None;
    let kept = text.nfkd().filter(move |c| {
        if is_combining_mark(*c) {
            return marks::is_letter_of_its_script(base, *c);
        }
        base = Some(*c);
        !marks::is_invisible(*c)
    });
    fold_characters(kept)
}

/// The same with every mark, decomposed; empty where there is none that [`fold_with_marks`] leaves out.
pub(crate) fn accents(text: &str) -> Box<str> {
    if text.is_ascii() {
        return Box::default();
    }
    let all = fold_characters(text.nfkd().filter(|c| !marks::is_invisible(*c)));
    if all == fold_with_marks(text) {
        return Box::default();
    }
    all.into()
}

/// A folded given name without its title.
pub(crate) fn without_title(given: &str) -> &str {
    match given.split_once(' ') {
        Some(("mr" | "mrs" | "ms" | "miss" | "dr", rest)) => rest,
        _ => given,
    }
}

fn fold_characters(characters: impl Iterator<Item = char>) -> String {
    let mut folded = String::new();
    let mut gap = false;
    let mut length = 0;
    for c in characters.flat_map(char::to_lowercase) {
        // O'Brien and OBrien, St. and St are the same.
        if matches!(c, '\'' | '\u{2019}' | '\u{2bc}' | '`' | '.') {
            continue;
        }
        if !c.is_alphanumeric() && !is_combining_mark(c) {
            gap = true;
            continue;
        }
        if length >= CHARACTERS_MAX {
            break;
        }
        if gap && !folded.is_empty() {
            folded.push(' ');
            length += 1;
        }
        gap = false;
        length += 1;
        match spelt_out(c) {
            Some(letters) => folded.push_str(letters),
            None => folded.push(c),
        }
    }
    folded
}

/// Letters that NFKD leaves whole.
const fn spelt_out(c: char) -> Option<&'static str> {
    Some(match c {
        'ø' => "o",
        'đ' | 'ð' => "d",
        'ł' => "l",
        'þ' => "th",
        'æ' => "ae",
        'œ' => "oe",
        'ß' => "ss",
        'ı' => "i",
        'ħ' => "h",
        'ŋ' => "n",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fold() {
        for (text, wanted) in [
            ("Núñez-Ōe", "nunez oe"),
            ("O’Brien", "obrien"),
            ("  ST.  JOHN ", "st john"),
            ("Þórvaldsen", "thorvaldsen"),
            ("Đặng-Müller", "dang muller"),
            ("Œuvrard", "oeuvrard"),
            ("ﬁona", "fiona"),
            ("Юрий", "юрии"),
            ("---", ""),
        ] {
            assert_eq!(fold(text), wanted, "{text}");
        }
        assert_eq!(fold(&"ab ".repeat(60)).chars().count(), CHARACTERS_MAX);
    }
}
