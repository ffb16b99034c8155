//! The decisions of matching two files, a JSON line each.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::assign::{Candidate, HOUSEHOLD_MAX};
use super::compare::compare;
use super::csv::Table;
use super::explain::{Between, Decision, FORMAT, Kept, Key, Named, Outcome, Seen, both};
use super::link::Linked;
use super::person::Person;
use super::record::as_index;
use super::rules::Sensitivity;

/// Writes one line for each record of the left file.
pub fn write(
    out: &mut impl Write,
    linked: &Linked,
    sensitivity: Sensitivity,
    (left, right): (&Table, &Table),
    key: &Key,
) -> io::Result<()> {
    let final_word = final_words(linked);
    let rivals = rivals(&linked.looked_at);
    let mut looked_at = linked.looked_at.as_slice();
    for (place, record) in (0_u32..).zip(&left.records) {
        let mine = looked_at.iter().take_while(|one| one.left == place).count();
        let (mine, rest) = looked_at.split_at(mine);
        looked_at = rest;
        let picked = linked
            .assignment
            .pairs
            .binary_search_by_key(&place, |pair| pair.left);
        let picked = picked.ok().map(|at| &linked.assignment.pairs[at]);
        let id = |place: u32| right.records[as_index(place)].id.to_string();
        let candidates = mine.iter().map(|one| {
            let judged = final_word
                .get(&(one.left, one.right))
                .map_or(&one.judged, |judged| *judged);
            let other = &right.records[as_index(one.right)].person;
            Kept {
                place: one.right,
                right: id(one.right),
                outcome: Outcome::of(&linked.rules, judged),
                evidence: Seen::of(&compare(&record.person, other)),
            }
        });
        let at_right: Vec<u32> = mine.iter().map(|one| one.right).collect();
        let decision = Decision {
            format: FORMAT,
            rules: Named::of(&linked.rules),
            sensitivity: sensitivity.name().to_owned(),
            cohort: left.cohorts[usize::from(record.cohort)].clone(),
            input: key.input(&record.person),
            left: record.id.to_string(),
            thresholds: both(linked.rules.thresholds(sensitivity)),
            outcome: picked.map_or_else(Outcome::no_candidate, |pair| {
                Outcome::of(&linked.rules, &pair.judged)
            }),
            right: picked.map(|pair| id(pair.right)),
            candidates: candidates.collect(),
            between: between(right, &at_right, None),
            between_left: between(
                left,
                rivals.get(&place).map_or(&[], Vec::as_slice),
                Some(place),
            ),
            other: None,
        };
        serde_json::to_writer(&mut *out, &decision)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

type Words<'a> = BTreeMap<(u32, u32), &'a super::decide::Judged>;

/// How candidates stand after others were looked at.
fn final_words(linked: &Linked) -> Words<'_> {
    let judged = linked
        .assignment
        .pairs
        .iter()
        .chain(&linked.assignment.yielded);
    judged
        .map(|one| ((one.left, one.right), &one.judged))
        .collect()
}

/// For each record of the left file, those after it who look for one of the same candidates.
fn rivals(looked_at: &[Candidate]) -> BTreeMap<u32, Vec<u32>> {
    let mut by_right: Vec<(u32, u32)> = looked_at.iter().map(|one| (one.right, one.left)).collect();
    by_right.sort_unstable();
    let mut rivals: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for group in by_right.chunk_by(|a, b| a.0 == b.0) {
        if group.len() > HOUSEHOLD_MAX {
            continue;
        }
        for (place, (_, first)) in group.iter().enumerate() {
            for (_, later) in &group[place + 1..] {
                rivals.entry(*first).or_default().push(*later);
            }
        }
    }
    for list in rivals.values_mut() {
        list.sort_unstable();
        list.dedup();
    }
    rivals
}

/// What is seen between records of one file: all pairs, or those of one with the others.
fn between(table: &Table, places: &[u32], of: Option<u32>) -> Vec<Between> {
    if places.len() > HOUSEHOLD_MAX {
        return Vec::new();
    }
    let record = |place: u32| &table.records[as_index(place)];
    let seen = |a: u32, b: u32| Between {
        a: record(a).id.to_string(),
        b: record(b).id.to_string(),
        evidence: Seen::of(&compare(&record(a).person, &record(b).person)),
    };
    match of {
        Some(one) => places.iter().map(|other| seen(one, *other)).collect(),
        None => (0..places.len())
            .flat_map(|a| (a + 1..places.len()).map(move |b| (a, b)))
            .map(|(a, b)| seen(places[a], places[b]))
            .collect(),
    }
}

/// What is seen between people who are given, all pairs, by their place.
pub fn among(people: &[Person], names: &[String]) -> Vec<Between> {
    if people.len() > HOUSEHOLD_MAX {
        return Vec::new();
    }
    (0..people.len())
        .flat_map(|a| (a + 1..people.len()).map(move |b| (a, b)))
        .map(|(a, b)| Between {
            a: names[a].clone(),
            b: names[b].clone(),
            evidence: Seen::of(&compare(&people[a], &people[b])),
        })
        .collect()
}
