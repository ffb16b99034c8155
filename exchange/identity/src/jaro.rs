//! Jaro-Winkler similarity (Jaro 1989; Winkler 1990): how alike two short strings are, 0 to 1.

/// Longest string that is compared, in characters; [`super::normalise`] cuts names there.
pub const CHARACTERS_MAX: usize = 64;
/// Longest common prefix that Winkler's correction rewards.
const PREFIX_MAX: u32 = 4;
/// What each character of the prefix is worth.
const PREFIX_SCALE: f64 = 0.1;
/// Winkler corrects only pairs that are alike already.
const BOOST_ABOVE: f64 = 0.7;

/// Jaro-Winkler with a prefix scale of 0.1, up to 4 characters of prefix, above a Jaro similarity of 0.7.
///
/// Strings longer than [`CHARACTERS_MAX`] are compared by their beginnings.
pub fn jaro_winkler(left: &str, right: &str) -> f64 {
    if left.is_ascii() && right.is_ascii() {
        return winkler(left.as_bytes(), right.as_bytes());
    }
    let left: Vec<char> = left.chars().take(CHARACTERS_MAX).collect();
    let right: Vec<char> = right.chars().take(CHARACTERS_MAX).collect();
    winkler(&left, &right)
}

/// The similarity in ten-thousandths: what is stored and judged, so that a decision read back from its
/// explanation is the same decision.
pub fn similarity(left: &str, right: &str) -> u16 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a similarity lies between 0 and 1"
    )]
    let parts = (jaro_winkler(left, right) * 10_000.0).round() as u16;
    parts
}

fn winkler<T: Copy + PartialEq>(left: &[T], right: &[T]) -> f64 {
    let left = &left[..left.len().min(CHARACTERS_MAX)];
    let right = &right[..right.len().min(CHARACTERS_MAX)];
    let jaro = jaro(left, right);
    if jaro <= BOOST_ABOVE {
        return jaro;
    }
    let mut prefix = 0;
    for (a, b) in left.iter().zip(right) {
        if a != b || prefix == PREFIX_MAX {
            break;
        }
        prefix += 1;
    }
    jaro + f64::from(prefix) * PREFIX_SCALE * (1.0 - jaro)
}

/// Characters that meet within half the longer length, and how many of them stand in another order.
fn jaro<T: Copy + PartialEq>(left: &[T], right: &[T]) -> f64 {
    if left.is_empty() || right.is_empty() {
        return if left.len() == right.len() { 1.0 } else { 0.0 };
    }
    let window = (left.len().max(right.len()) / 2).saturating_sub(1);
    // One bit per character; CHARACTERS_MAX is the width of the masks.
    let (mut met_left, mut met_right) = (0_u64, 0_u64);
    for (i, a) in left.iter().enumerate() {
        let from = i.saturating_sub(window);
        let to = (i + window + 1).min(right.len());
        for (j, b) in right.iter().enumerate().take(to).skip(from) {
            if a == b && met_right & (1 << j) == 0 {
                met_left |= 1 << i;
                met_right |= 1 << j;
                break;
            }
        }
    }
    let common = met_left.count_ones();
    if common == 0 {
        return 0.0;
    }
    let mut astray = 0_u32;
    let mut rest = met_right;
    for (i, a) in left.iter().enumerate() {
        if met_left & (1 << i) != 0 {
            let j = rest.trailing_zeros();
            rest &= rest.wrapping_sub(1);
            if usize::try_from(j).ok().and_then(|j| right.get(j)) != Some(a) {
                astray += 1;
            }
        }
    }
    let common = f64::from(common);
    let moved = f64::from(astray / 2);
    (common / length(left) + common / length(right) + (common - moved) / common) / 3.0
}

fn length<T>(part: &[T]) -> f64 {
    f64::from(u32::try_from(part.len()).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_examples_hold() {
        // Winkler (1990), table of examples; three digits as printed there.
        for (left, right, wanted) in [
            ("shackleford", "shackelford", 9818),
            ("dunningham", "cunnigham", 8963),
            ("nichleson", "nichulson", 9556),
            ("jones", "johnson", 8324),
            ("massey", "massie", 9333),
            ("abroms", "abrams", 9222),
            ("jeraldine", "geraldine", 9259),
            ("marhta", "martha", 9611),
            ("michelle", "michael", 9214),
            ("dwayne", "duane", 8400),
            ("dixon", "dicksonx", 8133),
            ("jon", "jan", 8000),
        ] {
            assert_eq!(similarity(left, right), wanted, "{left} {right}");
            assert_eq!(similarity(right, left), wanted, "{right} {left}");
        }
    }

    #[test]
    fn the_ends_of_the_scale() {
        assert_eq!(similarity("", ""), 10_000);
        assert_eq!(similarity("a", ""), 0);
        assert_eq!(similarity("abc", "xyz"), 0);
        assert_eq!(similarity("ab", "ab"), 10_000);
        assert_eq!(similarity("юрий", "юрии"), similarity("abcd", "abcc"));
        let long = "x".repeat(500);
        assert_eq!(similarity(&long, &long), 10_000);
    }
}
