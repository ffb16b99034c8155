//! What an exchange core says of an exchange: every member that was asked for is in its result, where the oracle
//! says, with the records that are due; and one request is one exchange.

use serde_json::Value;

use crate::model::{Bucket, Finding, Member, catalogue};

/// Records of the partner itself and of what its record came from, which several members share.
const SHARED: &[&str] = &[
    "Location",
    "Organization",
    "Practitioner",
    "PractitionerRole",
    "Provenance",
];

/// B-02, B-06 and B-13 of a result for these members.
pub fn result(json: &Value, asked: &[&Member]) -> Vec<Finding> {
    let told = json["members"].as_array().map_or(&[][..], Vec::as_slice);
    let of = |member: &Member| -> Vec<&Value> {
        let own = told.iter().filter(|one| one["id"] == member.id.as_str());
        own.collect()
    };
    let cards = |member: &Member| 1 + member.more_coverages.len();
    let due: usize = asked.iter().map(|member| cards(member)).sum();
    let is_whole = told.len() == due && asked.iter().all(|one| of(one).len() == cards(one));
    let misplaced = asked.iter().filter(|member| {
        let bucket = member.expected.bucket;
        let own = of(member);
        own.is_empty() || !own.iter().all(|one| is_in(one, bucket))
    });
    let short = asked.iter().filter(|member| {
        let is_due = member.expected.bucket == Bucket::Match;
        let mut own = of(member).into_iter();
        is_due && !own.any(|one| one["state"] == "completed" && has_all(one, member))
    });
    let (misplaced, short) = (misplaced.count(), short.count());
    let state = json["state"].as_str();
    vec![
        catalogue::EXCHANGE_ACCOUNTING.finding(
            is_whole,
            format!("{due} members, each of those that were asked for"),
            format!("{} members", told.len()),
        ),
        catalogue::EXCHANGE_VERDICTS.finding(
            misplaced == 0,
            "every member where the oracle says",
            format!("{misplaced} elsewhere"),
        ),
        catalogue::EXCHANGE_COMPLETENESS.finding(
            short == 0 && json["missing_count"] == 0 && state == Some(state_of(asked)),
            format!(
                "{}, with the records due of every matched member",
                state_of(asked)
            ),
            format!("{}, {short} members short", known_state(state)),
        ),
    ]
}

/// A correct "no" is the end of that member; how far a match came is a matter of completeness.
fn is_in(told: &Value, bucket: Bucket) -> bool {
    told["bucket"] == bucket.name() && (bucket == Bucket::Match || told["state"] == "failed")
}

fn has_all(told: &Value, member: &Member) -> bool {
    let mut due = member.expected.resources.iter();
    due.all(|(kind, records)| {
        let came = told["records"][kind.as_str()].as_u64();
        SHARED.contains(&kind.as_str())
            || came.is_some_and(|came| usize::try_from(came) == Ok(records.len()))
    })
}

/// A batch of which some members get their data and some get a correct "no" is partly completed, never complete.
fn state_of(asked: &[&Member]) -> &'static str {
    let is_match = |member: &&&Member| member.expected.bucket == Bucket::Match;
    match asked.iter().filter(is_match).count() {
        0 => "failed",
        some if some == asked.len() => "completed",
        _ => "partially_completed",
    }
}

fn known_state(state: Option<&str>) -> &'static str {
    const KNOWN: &[&str] = &[
        "created",
        "submitted",
        "accepted",
        "in_review",
        "completed",
        "partially_completed",
        "failed",
        "expired",
    ];
    let known = KNOWN.iter().find(|known| Some(**known) == state);
    known.copied().unwrap_or("in another state")
}

/// The ids at the partner, without the type, of the Patients that a result names as matched.
pub fn matched_patients(json: &Value) -> Vec<String> {
    let members = json["members"].as_array().into_iter().flatten();
    let found = members.filter(|one| one["bucket"] == Bucket::Match.name());
    let patients = found.filter_map(|one| one["patient"].as_str());
    patients
        .map(|patient| patient.rsplit('/').next().unwrap_or(patient).to_owned())
        .collect()
}

/// B-29: a search by what all copies of a request have in common finds one exchange.
pub fn one_exchange(json: &Value) -> Finding {
    let found = json["exchanges"].as_array().map(Vec::len);
    let seen = found.map_or("no list".to_owned(), |found| format!("{found} exchanges"));
    catalogue::ONE_EXCHANGE.finding(found == Some(1), "one exchange", seen)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::judge::answer;
    use crate::judge::business::{self, CheckInput};
    use crate::judge::fixtures::{
        BASE, answer_with, broken, cases, expected, member, nothing_of, set, today,
    };
    use crate::judge::records::{Depth, ExpectedMembers, ExportedRecords};
    use crate::judge::stream::FileFold;
    use crate::model::{AnswerCheck, ExpectedResource, RecordCheck};

    #[test]
    fn each_rule_fails_alone_and_holds() {
        for (name, bad, good) in pairs() {
            assert_eq!(broken(&bad), [name]);
            assert!(!good.is_empty() && broken(&good).is_empty(), "{good:?}");
        }
    }

    /// One member matches with two records, the other does not match.
    fn pairs() -> Vec<(&'static str, Vec<Finding>, Vec<Finding>)> {
        let record = |key: &str| ExpectedResource {
            key: key.to_owned(),
            sha256: String::new(),
        };
        let due = BTreeMap::from([("Condition".to_owned(), vec![record("a"), record("b")])]);
        let mut one = member("m-1", expected(Bucket::Match, due));
        one.more_coverages.clear();
        let mut nobody = member("m-2", expected(Bucket::NoMatch, BTreeMap::new()));
        nobody.more_coverages.clear();
        let result = |edit: &dyn Fn(&mut Value)| {
            let mut json = json!({"state":"partially_completed","missing_count":0,"members":[
            {"id":"m-1","state":"completed","bucket":"match","records":{"Condition":2,"Provenance":1}},
            {"id":"m-2","state":"failed","bucket":"nomatch","records":{}}]});
            edit(&mut json);
            answer::named(
                AnswerCheck::ExchangeResult,
                &answer_with(200, &[], json),
                &[&one, &nobody],
            )
        };
        let search = |found: usize| {
            let json = json!({"exchanges": vec![json!({"id":"x"}); found]});
            answer::named(AnswerCheck::OneExchange, &answer_with(200, &[], json), &[])
        };
        let good = || result(&|_| {});
        vec![
            (
                "exchange-accounting",
                result(&|json| {
                    let again = json["members"][1].clone();
                    json["members"].as_array_mut().unwrap().push(again);
                }),
                good(),
            ),
            (
                "exchange-completeness",
                result(&|json| json["state"] = json!("completed")),
                good(),
            ),
            (
                "exchange-verdicts",
                result(&|json| json["members"][1]["bucket"] = json!("consentconstraint")),
                good(),
            ),
            (
                "exchange-completeness",
                result(&|json| json["members"][0]["records"]["Condition"] = json!(1)),
                good(),
            ),
            (
                "exchange-completeness",
                result(&|json| json["missing_count"] = json!(3)),
                good(),
            ),
            (
                "exchange-completeness",
                result(&|json| json["members"][0]["state"] = json!("partially_completed")),
                good(),
            ),
            (
                "exchange-verdicts",
                result(&|json| json["members"][1]["state"] = json!("completed")),
                good(),
            ),
            ("one-exchange", search(2), search(1)),
            ("one-exchange", search(0), search(1)),
        ]
    }

    #[test]
    fn whose_records_may_come_is_what_an_exchange_core_names_as_found() {
        let (good, _) = cases(include_str!("../../../tests/cases/checks/records.json"));
        let member = member("m-1", expected(Bucket::Match, BTreeMap::new()));
        let set = set(&member, "1234567893");
        let mut records = ExportedRecords::new(
            &ExpectedMembers::one(&member),
            &set,
            BASE,
            today(),
            Depth::Summaries,
        );
        for record in &good {
            let mut fold = FileFold::new(record["resourceType"].as_str().unwrap());
            assert!(
                fold.feed(format!("{record}\n").as_bytes(), &mut records)
                    .is_continue()
            );
        }
        let patient = good.iter().find(|one| one["resourceType"] == "Patient");
        let own = patient.unwrap()["id"].as_str().unwrap();
        let result = |patient: &str| {
            matched_patients(&json!({"members":[
            {"bucket":"match","patient":patient},{"bucket":"nomatch","patient":"other"}]}))
        };
        for (named, right) in [(own, true), ("somebody", false), ("other", false)] {
            let seen = CheckInput {
                named: Some(&result(named)),
                records: Some(&records),
                ..nothing_of(&member)
            };
            let found = business::check(RecordCheck::NobodyElse, &seen);
            let expected: &[&str] = if right { &[] } else { &["nobody-else"] };
            assert_eq!(broken(&found), expected, "{named}");
        }
        assert_eq!(result("Patient/x"), ["x"]);
    }
}
