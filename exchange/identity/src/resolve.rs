//! One person among candidates: the decision of the service, whole and pure.

use super::assign::{Candidate, assign};
use super::compare::{Evidence, compare};
use super::decide::{Judged, Standing, judge};
use super::guard::are_two_people;
use super::person::Person;
use super::record::as_index;
use super::rules::{Rules, Sensitivity};

/// Most candidates of one request; more are refused.
pub const CANDIDATES_MAX: usize = 100;

/// A decision about one person.
pub struct Resolved {
    /// The candidate who was picked or is for review, by place, with the final word on the pair.
    pub picked: Option<(usize, Judged)>,
    /// How each candidate is seen and stands, others looked at.
    pub candidates: Vec<(Evidence, Judged)>,
}

impl Resolved {
    /// What was decided.
    pub fn standing(&self) -> Standing {
        self.picked
            .map_or(Standing::Not, |(_, judged)| judged.standing)
    }
}

/// Decides who of `candidates` is `person`, if anybody.
pub fn resolve(
    rules: &Rules,
    sensitivity: Sensitivity,
    person: &Person,
    candidates: &[Person],
) -> Resolved {
    let thresholds = rules.thresholds(sensitivity);
    let mut seen: Vec<(Evidence, Judged)> = candidates
        .iter()
        .map(|other| {
            let evidence = compare(person, other);
            (evidence, judge(rules, thresholds, rules.vector(&evidence)))
        })
        .collect();
    let standing = (0_u32..)
        .zip(&seen)
        .filter(|(_, (_, judged))| judged.is_candidate())
        .map(|(right, (_, judged))| Candidate {
            left: 0,
            right,
            judged: *judged,
        })
        .collect();
    let two =
        |a: u32, b: u32| are_two_people(rules, &candidates[as_index(a)], &candidates[as_index(b)]);
    let assignment = assign(rules, standing, |_, _| false, two);
    for one in assignment.pairs.iter().chain(&assignment.yielded) {
        seen[as_index(one.right)].1 = one.judged;
    }
    let picked = assignment.pairs.first();
    Resolved {
        picked: picked.map(|one| (as_index(one.right), one.judged)),
        candidates: seen,
    }
}
