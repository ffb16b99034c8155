//! Counts of things, in words.

/// `1 entry`, `2 entries`: a count and the word for one.
pub fn counted(count: impl Into<u64>, one: &str) -> String {
    match (count.into(), one.strip_suffix('y')) {
        (1, _) => format!("1 {one}"),
        // `day` and the like have a vowel before it.
        (count, Some(stem)) if !stem.ends_with(['a', 'e', 'o', 'u']) => {
            format!("{count} {stem}ies")
        }
        (count, _) => format!("{count} {one}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many() {
        let words = [0_u32, 1, 2].map(|count| {
            ["entry", "day", "mistake"]
                .map(|word| counted(count, word))
                .join(" ")
        });
        assert_eq!(
            words,
            [
                "0 entries 0 days 0 mistakes",
                "1 entry 1 day 1 mistake",
                "2 entries 2 days 2 mistakes"
            ]
        );
    }
}
