//! Among the candidates of one record, one that lives in the household of a nearer candidate is no candidate.
//!
//! Twins called Jayden and Hayden are alike enough to be candidates for each other. Where both are there, each
//! has the name of one exactly; the guards themselves say, of the two candidates, that they are two people, and
//! the one that agrees less in the person's own fields yields.

use super::compare::compare;
use super::decide::Judged;
use super::field::{Field, Vector, given};
use super::person::Person;
use super::rules::{Effect, Guard, Rules};

/// By how many bits the nearer one must lead in what is the person's own.
const LEAD_BITS: f64 = 3.0;

/// Whether two candidates of one record, which a file holds side by side, are two people.
pub fn are_two_people(rules: &Rules, a: &Person, b: &Person) -> bool {
    are_two_people_by(rules, &rules.vector(&compare(a, b)))
}

/// The same from what is seen between them: a guard refuses or doubts the pair, or the names are two names.
pub fn are_two_people_by(rules: &Rules, between: &Vector) -> bool {
    let refused = |guard: &Guard| guard.effect != Effect::Review && guard.clause.holds(between);
    rules.guards.iter().any(refused) || names_apart(between)
}

/// Both have a given name, and the names are not forms of each other.
fn names_apart(between: &Vector) -> bool {
    let level = between[Field::Given.index()];
    matches!(
        level,
        given::NEAR | given::RIVAL | given::DIFFERENT | given::ORDINAL
    )
}

/// Whether `this` yields to `nearer`, which is another person.
pub fn yields_to(rules: &Rules, this: &Judged, nearer: &Judged) -> bool {
    let ahead = own_bits(rules, &nearer.vector) - own_bits(rules, &this.vector);
    nearer.total > this.total && ahead >= LEAD_BITS
}

/// The weight of what belongs to a person alone, not to the household.
fn own_bits(rules: &Rules, vector: &Vector) -> f64 {
    [
        Field::Given,
        Field::Suffix,
        Field::BirthDate,
        Field::Gender,
        Field::MemberId,
    ]
    .into_iter()
    .map(|field| rules.weight(field, vector[field.index()]))
    .sum()
}
