//! Kinds of faults that people reported, as tables in `tests/cases/field/`, each with generated inputs beside them.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::business::{self, CheckInput};
use super::fixtures::{BASE, expected, member, nothing_of, oracle, set, today};
use super::matches::{MatchResult, SubmittedMember};
use super::records::{Depth, ExpectedMembers, ExportedRecords};
use super::stream::FileFold;
use crate::model::{Bucket, Finding, Owner, RecordCheck};

fn table(text: &str) -> Vec<Value> {
    let cases: Vec<Value> = serde_json::from_str(text).unwrap();
    assert!(cases.len() >= 3);
    cases
}

/// The member's own Patient and one Observation, as a case has its subject.
fn records(case: &Value) -> [Value; 2] {
    let mut observation = json!({"resourceType":"Observation","id":"o-1","status":"final",
        "identifier":[{"system":"urn:o","value":"1"}],"code":{"text":"x"},"subject":case["subject"]});
    if case["contained"].is_array() {
        observation["contained"] = case["contained"].clone();
    }
    [patient("p-1", "U-1"), observation]
}

fn patient(id: &str, umb: &str) -> Value {
    json!({"resourceType":"Patient","id":id,"identifier":[{"system":"urn:p","value":umb}],
        "name":[{"family":"Osei","given":["Abena"]}],"birthDate":"1980-02-03"})
}

/// What breaks of an export with these records, where the plain form of them is due; with a match result or without.
fn judged(records: &[Value], has_match: bool) -> Vec<Finding> {
    let due = oracle(&self::records(
        &json!({"subject":{"reference":"Patient/p-1"}}),
    ));
    let member = member("m-1", expected(Bucket::Match, due));
    let mut set = set(&member, "1234567893");
    let mut other = self::member("m-2", expected(Bucket::Match, BTreeMap::new()));
    other.expected.identity.as_mut().unwrap().umb = "U-2".to_owned();
    other.expected.canaries.clear();
    set.members.push(other);
    let mut matches = MatchResult::new(SubmittedMember::new(&member, &set, today()));
    matches.document(&json!({"resourceType":"Group","id":"g",
        "code":{"coding":[{"code":"match"}]},"member":[{"entity":{"reference":"Patient/p-1"}}]}));
    let one = ExpectedMembers::one(&member);
    let mut seen = ExportedRecords::new(&one, &set, BASE, today(), Depth::Whole);
    for record in records {
        let mut fold = FileFold::new(record["resourceType"].as_str().unwrap());
        let line = format!("{record}\n");
        assert!(fold.feed(line.as_bytes(), &mut seen).is_continue());
        assert!(fold.finish(Some(1), &mut seen).iter().all(|one| one.passed));
    }
    let input = CheckInput {
        matches: has_match.then_some(&matches),
        records: Some(&seen),
        ..nothing_of(&member)
    };
    let checks = [
        RecordCheck::RightMember,
        RecordCheck::NobodyElse,
        RecordCheck::References,
        RecordCheck::Completeness,
        RecordCheck::NoDuplicates,
    ];
    let found = checks.iter().flat_map(|one| business::check(*one, &input));
    found.filter(|one| !one.passed).collect()
}

/// Check, cause and owner: a finding about what a partner sent is the partner's.
fn named(findings: &[Finding]) -> Vec<String> {
    let words = |one: &Finding| format!("{} {} {}", one.check, one.cause, Owner::Partner);
    let all: BTreeSet<String> = findings.iter().map(words).collect();
    all.into_iter().collect()
}

#[test]
fn a_reference_is_read_in_every_form_and_what_cannot_be_read_is_no_disclosure() {
    for case in table(include_str!("../../../tests/cases/field/owners.json")) {
        let breaks: Vec<String> = case["breaks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one.as_str().unwrap().to_owned())
            .collect();
        for has_match in [true, false] {
            let found = judged(&records(&case), has_match);
            assert_eq!(named(&found), breaks, "{case}");
            if let Some(words) = case["words"].as_str() {
                assert!(
                    found.iter().any(|one| one.seen.contains(words)),
                    "{found:?}"
                );
            }
        }
    }
}

proptest! {
    #[test]
    fn no_text_of_a_reference_is_a_disclosure_unless_it_names_another_patient(text in "\\PC{0,40}|(urn:|#|Patient/p-1|https://payer.example/fhir/)\\PC{0,12}") {
        let found = judged(&records(&json!({"subject":{"reference":text}})), false);
        let is_disclosed = named(&found).iter().any(|one| one.starts_with("nobody-else disclosure"));
        prop_assert_eq!(is_disclosed, names_another_patient(&text));
    }

    #[test]
    fn ids_are_unique_by_type_and_every_type_has_ids_of_its_own(kinds in proptest::collection::btree_set("[A-Z][a-z]{3,12}", 2..6)) {
        let mut records = records(&json!({"subject":{"reference":"Patient/p-1"}})).to_vec();
        records.extend(kinds.iter().map(|kind| json!({"resourceType":kind,"id":"same"})));
        prop_assert_eq!(named(&judged(&records, true)), Vec::<String>::new());
        records.push(records[2].clone());
        prop_assert_eq!(named(&judged(&records, true)), ["no-duplicates duplicate partner"]);
    }
}

fn names_another_patient(text: &str) -> bool {
    let own = super::references::Reference::of_text(text, BASE).own();
    own.is_some_and(|name| name.is_patient() && name.id != "p-1")
}

#[test]
fn records_of_types_that_few_exchanges_carry_are_found_and_resolved() {
    for kind in ["Appointment", "VisionPrescription", "EpisodeOfCare"] {
        let own =
            json!({"resourceType":kind,"id":"same","identifier":[{"system":"urn:k","value":"1"}]});
        let mut member = member(
            "m-1",
            expected(Bucket::Match, oracle(std::slice::from_ref(&own))),
        );
        member.expected.canaries.clear();
        let set = set(&member, "1234567893");
        let one = ExpectedMembers::one(&member);
        let mut seen = ExportedRecords::new(&one, &set, BASE, today(), Depth::Whole);
        let list = json!({"resourceType":"List","id":"l","entry":[{"item":{"reference":format!("{kind}/same")}}]});
        for record in [&own, &list] {
            let mut fold = FileFold::new(record["resourceType"].as_str().unwrap());
            let _flow = fold.feed(format!("{record}\n").as_bytes(), &mut seen);
        }
        assert_eq!(seen.score().found, 1, "{kind}");
        let whole = seen.whole.unwrap();
        assert!(whole.references.finding().passed, "{kind}");
    }
}

type GroupCase = (
    &'static [usize],
    bool,
    &'static [&'static str],
    &'static [&'static str],
);

#[test]
fn a_group_is_judged_by_its_expected_members_or_by_any_of_the_set() {
    let of = |umb: &str| {
        let due = oracle(&[patient("x", umb)]);
        let mut member = member(umb, expected(Bucket::Match, due));
        member.expected.identity.as_mut().unwrap().umb = umb.to_owned();
        member.expected.canaries = vec![format!("OR-CANARY-{umb}")];
        member
    };
    let members = ["U-1", "U-2", "U-3"].map(of);
    let mut set = set(&members[0], "1234567893");
    set.members = members.to_vec();
    let cases: &[GroupCase] = &[
        // Expected members, whether all are due, who came, which checks break.
        (&[0, 1, 2], true, &["U-1", "U-2", "U-3"], &[]),
        (&[0, 1, 2], true, &["U-1", "U-2"], &["completeness"]),
        (&[0, 1, 2], false, &["U-1", "U-2"], &[]),
        (&[0, 1, 2], false, &["U-2"], &[]),
        (
            &[0, 1],
            true,
            &["U-1", "U-2", "U-3"],
            &["nobody-else", "right-member"],
        ),
        (
            &[0, 1, 2],
            false,
            &["U-1", "U-9"],
            &["nobody-else", "right-member"],
        ),
    ];
    for (expected, all_due, came, breaks) in cases {
        let expected = ExpectedMembers {
            members: expected.iter().map(|place| &members[*place]).collect(),
            all_due: *all_due,
        };
        let mut seen = ExportedRecords::new(&expected, &set, BASE, today(), Depth::Whole);
        let mut fold = FileFold::new("Patient");
        for umb in *came {
            let line = format!("{}\n", patient(&umb.to_lowercase(), umb));
            let _flow = fold.feed(line.as_bytes(), &mut seen);
        }
        let input = CheckInput {
            records: Some(&seen),
            ..nothing_of(&members[0])
        };
        let checks = [
            RecordCheck::Completeness,
            RecordCheck::NobodyElse,
            RecordCheck::RightMember,
        ];
        let found: BTreeMap<String, bool> = checks
            .iter()
            .flat_map(|one| business::check(*one, &input))
            .filter(|one| !one.passed)
            .map(|one| (one.check.to_string(), true))
            .collect();
        assert!(
            found.keys().map(String::as_str).eq(breaks.iter().copied()),
            "{came:?} {found:?}"
        );
    }
}
