//! Ties the members of an answer to the members that were asked for: by id, or, where a partner has renumbered
//! them, by the identity rules.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use exchange_identity::decide::Standing;
use exchange_identity::normalise;
use exchange_identity::person::Person;
use exchange_identity::record::Written;
use exchange_identity::resolve::resolve;
use exchange_identity::rules::{Rules, Sensitivity};
use serde_json::Value;

use super::result::ResultMember;

/// One member of an answer, tied.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkedMember {
    /// Place among the bundles that were sent.
    pub n: usize,
    /// What was found.
    pub found: ResultMember,
    /// By what: `id`, or `identity` with the rule and the bits.
    pub by: String,
}

/// Links each person of the result to the member that was sent; the second list has the people without one.
pub fn link(
    found: Vec<ResultMember>,
    bundles: &[Value],
    rules: &Rules,
    today: NaiveDate,
) -> (Vec<LinkedMember>, Vec<ResultMember>) {
    let mut is_taken = vec![false; bundles.len()];
    let mut tied = Vec::new();
    let mut loose = Vec::new();
    let mut people = None;
    for one in found {
        let by_id = place(&one, &one.submitted, bundles, &is_taken);
        let by_id = by_id.map(|n| (n, "id".to_owned()));
        let tie = by_id.or_else(|| {
            let people = people.get_or_insert_with(|| people_of(bundles, today));
            let wanted = as_person(one.contained.as_ref()?, today);
            by_identity(&one, &wanted, people, bundles, &is_taken, rules)
        });
        match tie {
            Some((n, by)) => {
                is_taken[n] = true;
                tied.push(LinkedMember { n, found: one, by });
            }
            None => loose.push(one),
        }
    }
    (tied, loose)
}

/// The bundle with that Patient id, and that card where one is named.
fn place(found: &ResultMember, id: &str, bundles: &[Value], is_taken: &[bool]) -> Option<usize> {
    let fits = |n: &usize| {
        let bundle = &bundles[*n];
        let card = found.coverage.as_deref();
        !is_taken[*n]
            && bundle["patient"]["id"] == id
            && card.is_none_or(|card| bundle["coverage"]["id"] == card)
    };
    (0..bundles.len()).find(fits)
}

/// The bundle of the person who is contained in the answer. A person with several cards is one candidate.
fn by_identity(
    found: &ResultMember,
    wanted: &Person,
    people: &BTreeMap<String, Person>,
    bundles: &[Value],
    is_taken: &[bool],
    rules: &Rules,
) -> Option<(usize, String)> {
    let (ids, candidates): (Vec<&String>, Vec<Person>) = people
        .iter()
        .filter(|(id, _)| place(found, id, bundles, is_taken).is_some())
        .map(|(id, person)| (id, person.clone()))
        .unzip();
    let resolved = resolve(rules, Sensitivity::Regular, wanted, &candidates);
    let (at, judged) = resolved.picked?;
    if judged.standing != Standing::Match {
        return None;
    }
    let by = format!(
        "identity {} {:.1} bits",
        judged.reason.id(rules),
        judged.total
    );
    Some((place(found, ids[at], bundles, is_taken)?, by))
}

fn people_of(bundles: &[Value], today: NaiveDate) -> BTreeMap<String, Person> {
    let named = |bundle: &Value| {
        let id = bundle["patient"]["id"].as_str().unwrap_or_default();
        (id.to_owned(), as_person(&bundle["patient"], today))
    };
    bundles.iter().map(named).collect()
}

/// A FHIR Patient as the identity rules see one; what cannot be read is nothing.
fn as_person(patient: &Value, today: NaiveDate) -> Person {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let name = &patient["name"][0];
    let address = &patient["address"][0];
    let written = Written {
        member_id: text(&patient["identifier"][0]["value"]),
        given: text(&name["given"][0]),
        family: text(&name["family"]),
        suffix: text(&name["suffix"][0]),
        birth_date: text(&patient["birthDate"]),
        gender: text(&patient["gender"]),
        line: text(&address["line"][0]),
        city: text(&address["city"]),
        state: text(&address["state"]),
        postal_code: text(&address["postalCode"]),
        ..Written::default()
    };
    normalise::person(&written, today).unwrap_or_default()
}
