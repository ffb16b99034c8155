//! From judged pairs to decisions: who steps back behind a housemate, who has more than one candidate, and one
//! to one. More than one candidate above the lower threshold is never picked automatically, on either side.

use super::decide::{Judged, Reason, Standing};
use super::guard::steps_back;
use super::record::as_index;
use super::rules::Rules;

/// Most candidates of one record among whom housemates are told apart; with more, all of them stay.
pub const HOUSEMATES_MAX: usize = 24;

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

/// What became of the candidates.
#[derive(Clone, Debug, Default)]
pub struct Assigned {
    /// One to one, in the order of the left file.
    pub pairs: Vec<Candidate>,
    /// Candidates that stepped back behind a housemate.
    pub stepped_back: Vec<Candidate>,
}

/// Settles all candidates of two files; `two_at_left` and `two_at_right` say whether two records of one file are
/// two people.
pub fn assign(
    rules: &Rules,
    mut candidates: Vec<Candidate>,
    two_at_left: impl Fn(u32, u32) -> bool,
    two_at_right: impl Fn(u32, u32) -> bool,
) -> Assigned {
    candidates.sort_unstable_by_key(|one| (one.left, one.right));
    let mut back = vec![false; candidates.len()];
    let mut order: Vec<u32> = (0..).take(candidates.len()).collect();
    mark(
        rules,
        &candidates,
        &order,
        &mut back,
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
        &mut back,
        |one| one.right,
        |a, b| two_at_left(a.left, b.left),
    );

    let mut standing = Vec::with_capacity(candidates.len());
    let mut stepped_back = Vec::new();
    for (one, back) in candidates.into_iter().zip(back) {
        if back {
            let judged = one.judged.but(Standing::Not, Reason::Housemate);
            stepped_back.push(Candidate { judged, ..one });
        } else {
            standing.push(one);
        }
    }
    never_pick(&mut standing);
    Assigned {
        pairs: one_to_one(standing),
        stepped_back,
    }
}

/// Marks candidates of one record, side by side in `order`, that step back.
fn mark(
    rules: &Rules,
    candidates: &[Candidate],
    order: &[u32],
    back: &mut [bool],
    whose: impl Fn(&Candidate) -> u32,
    are_two: impl Fn(&Candidate, &Candidate) -> bool,
) {
    let of = |place: &u32| &candidates[as_index(*place)];
    for group in order.chunk_by(|a, b| whose(of(a)) == whose(of(b))) {
        if !(2..=HOUSEMATES_MAX).contains(&group.len()) {
            continue;
        }
        for this in group {
            let behind = group.iter().any(|nearer| {
                steps_back(rules, &of(this).judged, &of(nearer).judged)
                    && are_two(of(this), of(nearer))
            });
            back[as_index(*this)] |= behind;
        }
    }
}

/// Turns matches of records with more than one candidate into reviews.
fn never_pick(standing: &mut [Candidate]) {
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
    let room = |most: Option<u32>| vec![false; most.map_or(0, |most| as_index(most) + 1)];
    let mut taken_left = room(most(|one| one.left));
    let mut taken_right = room(most(|one| one.right));
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
                normalise::person(&written).unwrap()
            })
            .collect()
    }

    fn settle(left: &[Person], right: &[Person]) -> Vec<String> {
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
        let assigned = assign(
            &rules,
            candidates,
            |a, b| two(left, a, b),
            |a, b| two(right, a, b),
        );
        assigned
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
    fn twins_who_are_both_there_are_told_apart() {
        let left = people(&[("Jayden", "2015-04-02", ""), ("Hayden", "2015-04-02", "")]);
        let right = people(&[("Hayden", "2015-04-02", ""), ("Jayden", "2015-04-02", "")]);
        assert_eq!(settle(&left, &right), ["0-1 match D3", "1-0 match D3"]);
    }

    #[test]
    fn a_twin_alone_is_for_a_person() {
        let left = people(&[("Jayden", "2015-04-02", "")]);
        let right = people(&[("Hayden", "2015-04-02", "")]);
        assert_eq!(settle(&left, &right), ["0-0 review G10"]);
    }

    #[test]
    fn two_records_of_one_person_are_never_picked_from() {
        let one = people(&[("Thomas", "1980-03-12", "")]);
        let two = people(&[
            ("Thomas", "1980-03-12", ""),
            ("Thomas", "1980-03-12", "6145550100"),
        ]);
        assert_eq!(settle(&one, &two), ["0-0 review A1"]);
        assert_eq!(settle(&two, &one), ["0-0 review A1"]);
    }

    #[test]
    fn each_record_stands_in_one_pair() {
        let left = people(&[("Thomas", "1980-03-12", ""), ("Thmoas", "1980-03-12", "")]);
        let right = people(&[
            ("Thomas", "1980-03-12", "6145550100"),
            ("Thomas", "1980-03-12", ""),
        ]);
        let settled = settle(&left, &right);
        assert_eq!(settled.len(), 2, "{settled:?}");
        assert!(
            settled.iter().all(|pair| pair.contains("review")),
            "{settled:?}"
        );
    }
}
