//! From judged pairs to decisions: candidates that yield to a nearer member of their household, records with more than
//! one candidate, and the one-to-one assignment. A record with more than one candidate above the lower threshold, on
//! either side, is never matched automatically.

use std::collections::BTreeSet;

use super::decide::{Judged, Reason, Standing};
use super::guard::yields_to;
use super::record::as_index;
use super::rules::Rules;

/// Most candidates of one record among which household members are distinguished; with more, all of them stay.
pub const HOUSEHOLD_MAX: usize = 24;

/// A judged pair of records, by place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Record of the left file.
    pub left: u32,
    /// Record of the right file.
    pub right: u32,
    /// How they stand.
    pub judged: Judged,
}

/// The result for all candidates.
#[derive(Clone, Debug, Default)]
pub struct Assignment {
    /// One to one, in the order of the left file.
    pub pairs: Vec<Candidate>,
    /// Candidates that yielded to a nearer member of their household.
    pub yielded: Vec<Candidate>,
}

/// Assigns the candidates of two files; `two_at_left` and `two_at_right` say whether two records of one file are
/// two people.
pub fn assign(
    rules: &Rules,
    mut candidates: Vec<Candidate>,
    two_at_left: impl Fn(u32, u32) -> bool,
    two_at_right: impl Fn(u32, u32) -> bool,
) -> Assignment {
    candidates.sort_unstable_by_key(|one| (one.left, one.right));
    let mut yielded = without_doubtful(rules, &mut candidates);
    let mut yields = vec![false; candidates.len()];
    let mut order: Vec<u32> = (0..).take(candidates.len()).collect();
    mark(
        rules,
        &candidates,
        &order,
        &mut yields,
        |one| one.left,
        |a, b| two_at_right(a.right, b.right),
    );
    order.sort_unstable_by_key(|place| {
        let one = &candidates[as_index(*place)];
        (one.right, one.left)
    });
    mark(
        rules,
        &candidates,
        &order,
        &mut yields,
        |one| one.right,
        |a, b| two_at_left(a.left, b.left),
    );

    let mut standing = Vec::with_capacity(candidates.len());
    for (one, yields) in candidates.into_iter().zip(yields) {
        if yields {
            let judged = one.judged.but(Standing::Not, Reason::HouseholdMember);
            yielded.push(Candidate { judged, ..one });
        } else {
            standing.push(one);
        }
    }
    demote_ambiguous(&mut standing);
    Assignment {
        pairs: one_to_one(standing),
        yielded,
    }
}

/// Takes out the doubtful candidates of records that have a better one, on either side, and returns them as ones
/// that yielded. A pair in doubt never changes what becomes of others.
fn without_doubtful(rules: &Rules, candidates: &mut Vec<Candidate>) -> Vec<Candidate> {
    let sure = |whose: fn(&Candidate) -> u32| -> BTreeSet<u32> {
        let sure = candidates
            .iter()
            .filter(|one| !one.judged.is_doubtful(rules));
        sure.map(whose).collect()
    };
    let (left, right) = (sure(|one| one.left), sure(|one| one.right));
    let mut yielded = Vec::new();
    candidates.retain(|one| {
        let has_better = left.contains(&one.left) || right.contains(&one.right);
        let yields = has_better && one.judged.is_doubtful(rules);
        if yields {
            let judged = one.judged.but(Standing::Not, Reason::HouseholdMember);
            yielded.push(Candidate { judged, ..*one });
        }
        !yields
    });
    yielded
}

/// Marks the candidates that yield; candidates of one record are adjacent in `order`.
fn mark(
    rules: &Rules,
    candidates: &[Candidate],
    order: &[u32],
    yields: &mut [bool],
    whose: impl Fn(&Candidate) -> u32,
    are_two: impl Fn(&Candidate, &Candidate) -> bool,
) {
    let of = |place: &u32| &candidates[as_index(*place)];
    for group in order.chunk_by(|a, b| whose(of(a)) == whose(of(b))) {
        if !(2..=HOUSEHOLD_MAX).contains(&group.len()) {
            continue;
        }
        for this in group {
            let has_nearer = group.iter().any(|nearer| {
                yields_to(rules, &of(this).judged, &of(nearer).judged)
                    && are_two(of(this), of(nearer))
            });
            yields[as_index(*this)] |= has_nearer;
        }
    }
}

/// Turns matches of records with more than one candidate into reviews.
fn demote_ambiguous(standing: &mut [Candidate]) {
    let most = |whose: fn(&Candidate) -> u32| {
        let mut counts = vec![
            0_u32;
            standing
                .iter()
                .map(|one| as_index(whose(one)) + 1)
                .max()
                .unwrap_or(0)
        ];
        for one in standing.iter() {
            counts[as_index(whose(one))] += 1;
        }
        counts
    };
    let (of_left, of_right) = (most(|one| one.left), most(|one| one.right));
    for one in standing {
        let alone = of_left[as_index(one.left)] == 1 && of_right[as_index(one.right)] == 1;
        if !alone && one.judged.standing == Standing::Match {
            one.judged = one.judged.but(Standing::Review, Reason::Ambiguous);
        }
    }
}

/// Each record once, the highest totals first.
fn one_to_one(mut standing: Vec<Candidate>) -> Vec<Candidate> {
    standing.sort_by(|a, b| {
        let by_total = b.judged.total.total_cmp(&a.judged.total);
        by_total.then((a.left, a.right).cmp(&(b.left, b.right)))
    });
    let most = |whose: fn(&Candidate) -> u32| standing.iter().map(whose).max();
    let flags = |most: Option<u32>| vec![false; most.map_or(0, |most| as_index(most) + 1)];
    let mut taken_left = flags(most(|one| one.left));
    let mut taken_right = flags(most(|one| one.right));
    standing.retain(|one| {
        let (left, right) = (as_index(one.left), as_index(one.right));
        let free = !taken_left[left] && !taken_right[right];
        if free {
            taken_left[left] = true;
            taken_right[right] = true;
        }
        free
    });
    standing.sort_unstable_by_key(|one| one.left);
    standing
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;
    use crate::compare::compare;
    use crate::decide::judge;
    use crate::guard::are_two_people;
    use crate::normalise;
    use crate::person::Person;
    use crate::record::Written;
    use crate::rules::{Sensitivity, shipped};

    fn people(rows: &[(&str, &str, &str)]) -> Vec<Person> {
        rows.iter()
            .map(|(given, birth, phone)| {
                let written = Written {
                    given: (*given).into(),
                    family: "Underhay".into(),
                    birth_date: (*birth).into(),
                    phone: (*phone).into(),
                    line: "12 Elm St".into(),
                    postal_code: "44301".into(),
                    ..Written::default()
                };
                normalise::person(&written, NaiveDate::MAX).unwrap()
            })
            .collect()
    }

    fn assign_people(left: &[Person], right: &[Person]) -> Vec<String> {
        let rules = shipped().unwrap();
        let thresholds = rules.thresholds(Sensitivity::Regular);
        let mut candidates = Vec::new();
        for (l, a) in (0_u32..).zip(left) {
            for (r, b) in (0_u32..).zip(right) {
                let judged = judge(&rules, thresholds, rules.vector(&compare(a, b)));
                if judged.is_candidate() {
                    candidates.push(Candidate {
                        left: l,
                        right: r,
                        judged,
                    });
                }
            }
        }
        let two = |people: &[Person], a: u32, b: u32| {
            let at = |place: u32| &people[as_index(place)];
            are_two_people(&rules, at(a), at(b))
        };
        let assignment = assign(
            &rules,
            candidates,
            |a, b| two(left, a, b),
            |a, b| two(right, a, b),
        );
        assignment
            .pairs
            .iter()
            .map(|one| {
                format!(
                    "{}-{} {} {}",
                    one.left,
                    one.right,
                    one.judged.standing.name(),
                    one.judged.reason.id(&rules)
                )
            })
            .collect()
    }

    #[test]
    fn twins_who_are_both_there_are_distinguished() {
        let left = people(&[("Jayden", "2015-04-02", ""), ("Hayden", "2015-04-02", "")]);
        let right = people(&[("Hayden", "2015-04-02", ""), ("Jayden", "2015-04-02", "")]);
        assert_eq!(
            assign_people(&left, &right),
            ["0-1 match D3", "1-0 match D3"]
        );
    }

    #[test]
    fn a_twin_alone_is_for_a_person() {
        let left = people(&[("Jayden", "2015-04-02", "")]);
        let right = people(&[("Hayden", "2015-04-02", "")]);
        assert_eq!(assign_people(&left, &right), ["0-0 review G10"]);
    }

    #[test]
    fn two_records_of_one_person_are_never_picked_from() {
        let one = people(&[("Thomas", "1980-03-12", "")]);
        let two = people(&[
            ("Thomas", "1980-03-12", ""),
            ("Thomas", "1980-03-12", "6145550100"),
        ]);
        assert_eq!(assign_people(&one, &two), ["0-0 review A1"]);
        assert_eq!(assign_people(&two, &one), ["0-0 review A1"]);
    }

    #[test]
    fn each_record_stands_in_one_pair() {
        let left = people(&[("Thomas", "1980-03-12", ""), ("Thmoas", "1980-03-12", "")]);
        let right = people(&[
            ("Thomas", "1980-03-12", "6145550100"),
            ("Thomas", "1980-03-12", ""),
        ]);
        let pairs = assign_people(&left, &right);
        assert_eq!(pairs.len(), 2, "{pairs:?}");
        assert!(
            pairs.iter().all(|pair| pair.contains("review")),
            "{pairs:?}"
        );
    }
}
