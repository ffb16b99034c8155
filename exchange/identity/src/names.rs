//! What is known about given names without any data: forms of one name, and names in use.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

const VARIANTS: &str = include_str!("../rules/given-variants.txt");
const IN_USE: &str = include_str!("../rules/given-names.txt");

const ELSEWHERE: &str = include_str!("../rules/given-names-elsewhere.txt");

/// Groups of variants by name; a name in use that has no variants has an empty list.
fn known() -> &'static BTreeMap<&'static str, Vec<u16>> {
    static KNOWN: OnceLock<BTreeMap<&'static str, Vec<u16>>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let mut known: BTreeMap<&'static str, Vec<u16>> = BTreeMap::new();
        for (group, line) in (0_u16..).zip(written(VARIANTS)) {
            for name in line.split_ascii_whitespace() {
                known.entry(name).or_default().push(group);
            }
        }
        for name in written(IN_USE).flat_map(str::split_ascii_whitespace) {
            known.entry(name).or_default();
        }
        known
    })
}

fn known_elsewhere() -> &'static BTreeSet<&'static str> {
    static KNOWN: OnceLock<BTreeSet<&'static str>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        written(ELSEWHERE)
            .flat_map(str::split_ascii_whitespace)
            .collect()
    })
}

fn written(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.starts_with('#'))
}

/// The groups of variants that a folded given name belongs to.
pub(crate) fn groups(name: &str) -> &'static [u16] {
    known().get(name).map_or(&[], Vec::as_slice)
}

/// Whether a folded given name is one that people have.
pub(crate) fn is_in_use(name: &str) -> bool {
    known().contains_key(name)
}

/// Whether a folded given name is one that people have somewhere. Rule sets of format 1 do not ask.
pub(crate) fn is_known(name: &str) -> bool {
    is_in_use(name) || known_elsewhere().contains(name)
}

/// Every listed name, in order.
#[cfg(test)]
pub(crate) fn all_known() -> impl Iterator<Item = &'static str> {
    let all: BTreeSet<&'static str> = known().keys().chain(known_elsewhere()).copied().collect();
    all.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_name_share_a_group() {
        let related = |a: &str, b: &str| groups(a).iter().any(|group| groups(b).contains(group));
        for (a, b) in [("robert", "bob"), ("jon", "john"), ("peggy", "margaret")] {
            assert!(related(a, b), "{a} {b}");
        }
        for (a, b) in [
            ("jayden", "hayden"),
            ("daniel", "danielle"),
            ("robert", "william"),
        ] {
            assert!(!related(a, b), "{a} {b}");
        }
    }

    #[test]
    fn names_in_use_are_known_and_slips_are_not() {
        assert!(is_in_use("jayden") && is_in_use("hayden") && is_in_use("bob"));
        assert!(is_known("marina") && is_known("martina") && is_known("hussein"));
        assert!(!is_known("jadyen"));
        assert!(!is_in_use("jadyen") && !is_in_use("robetr"));
    }

    #[test]
    fn the_lists_are_folded() {
        for name in known().keys().chain(known_elsewhere()) {
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase()), "{name}");
        }
    }
}
