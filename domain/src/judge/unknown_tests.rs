//! Values that the oracle does not know are kept by kind, position, hash and the partner's request id.

use serde_json::{Value, json};

use super::business::{self, CheckInput};
use super::fixtures::{BASE, KEY, cases, expected, member, nothing_of, oracle, set, today};
use super::matches::{MatchResult, SubmittedMember};
use super::records::{Depth, ExpectedMembers, ExportedRecords};
use super::stream::{FileFold, LineSink};
use crate::model::{Bucket, Finding, PartnerRequestId, RecordCheck, StepId, UnknownValue};

fn request_id() -> PartnerRequestId {
    PartnerRequestId::Sent("req-0123456789abcdef".to_owned())
}

/// Each value of the findings that did not hold: check, kind, what is hashed, file and line.
fn shown(findings: &[Finding], values: &[&str]) -> Vec<String> {
    let show = |finding: &Finding, one: &UnknownValue| {
        let value = values.iter().find(|value| KEY.hash(value) == one.hash);
        let file = one
            .at
            .file
            .map_or("answer".to_owned(), |file| file.to_string());
        assert_eq!(one.request_id, Some(request_id()));
        assert_eq!(one.at.step, StepId::new("read"));
        format!(
            "{} {} {} {file}:{}",
            finding.check,
            one.kind,
            value.unwrap_or(&"?"),
            one.at.line
        )
    };
    let all = findings.iter().filter(|one| !one.passed);
    all.flat_map(|finding| finding.unknown.iter().map(move |one| show(finding, one)))
        .collect()
}

#[test]
fn persons_whom_the_oracle_does_not_know_are_kept_by_place_and_hash() {
    let (good, _) = cases(include_str!("../../../tests/cases/checks/records.json"));
    let member = member("m-1", expected(Bucket::Match, oracle(&good)));
    let set = set(&member, "1234567893");
    let one = ExpectedMembers::one(&member);
    let mut seen = ExportedRecords::new(&one, &set, BASE, today(), Depth::Whole);
    let own = good.iter().find(|one| one["resourceType"] == "Patient");
    let mut other = own.unwrap().clone();
    other["id"] = json!("somebody");
    other["birthDate"] = json!("1999-01-01");
    let umb = json!({"type":{"coding":[{"code":"UMB"}]},"value":"U-else"});
    other["identifier"] = json!([umb]);
    let record = |subject: Value| json!({"resourceType":"Condition","subject":subject});
    let files = [
        vec![own.unwrap().clone(), other],
        vec![
            record(json!({"reference":"Patient/third"})),
            record(json!({"reference":"https://else.example/fhir/Patient/fourth"})),
            record(json!({"reference":"Patient/third","display":"OR-CANARY-OTHER-1"})),
        ],
    ];
    for (number, records) in (1..).zip(&files) {
        seen.begin_file(&StepId::new("read"), number);
        let mut fold = FileFold::new("Patient");
        for record in records {
            let line = format!("\n{record}\n");
            assert!(fold.feed(line.as_bytes(), &mut seen).is_continue());
        }
        seen.set_request_id(Some(request_id()));
    }
    let input = CheckInput {
        records: Some(&seen),
        ..nothing_of(&member)
    };
    let checks = [
        RecordCheck::NobodyElse,
        RecordCheck::RightMember,
        RecordCheck::Umb,
    ];
    let found: Vec<_> = checks
        .into_iter()
        .flat_map(|check| business::check(check, &input))
        .collect();
    let values = ["somebody", "third", "fourth", "U-else", "OR-CANARY-OTHER-1"];
    assert_eq!(
        shown(&found, &values),
        [
            "nobody-else patient somebody 1:2",
            "nobody-else reference third 2:1",
            "canaries canary OR-CANARY-OTHER-1 2:3",
            "references reference fourth 2:2",
            "right-member patient somebody 1:2",
            "umb identifier U-else 1:2",
        ]
    );
    let text = format!("{found:?}");
    assert!(values.iter().all(|value| !text.contains(value)), "{text}");
}

#[test]
fn a_person_in_a_match_result_who_was_not_sent_is_kept_likewise() {
    let (good, _) = cases(include_str!("../../../tests/cases/checks/matches.json"));
    let member = member(
        "m-1",
        expected(Bucket::Match, std::collections::BTreeMap::new()),
    );
    let set = set(&member, "1234567893");
    for is_file in [true, false] {
        let mut seen = MatchResult::new(SubmittedMember::new(&member, &set, today()));
        let mut group = good[0].clone();
        let foreign = json!({"entity":{"reference":"Patient/foreigner"}});
        group["member"].as_array_mut().unwrap().push(foreign);
        if is_file {
            seen.begin_file(&StepId::new("read"), 1);
            let mut fold = FileFold::new("Group");
            let line = format!("{group}\n");
            assert!(fold.feed(line.as_bytes(), &mut seen).is_continue());
        } else {
            seen.files.begin(&StepId::new("read"), None);
            seen.document(&group);
        }
        seen.set_request_id(Some(request_id()));
        let input = CheckInput {
            matches: Some(&seen),
            ..nothing_of(&member)
        };
        let checks = [
            RecordCheck::AccountingIdentity,
            RecordCheck::MatchParameters,
        ];
        let found: Vec<_> = checks
            .into_iter()
            .flat_map(|check| business::check(check, &input))
            .collect();
        let place = if is_file { "1:1" } else { "answer:0" };
        let line = |check: &str| format!("{check} matched foreigner {place}");
        assert_eq!(
            shown(&found, &["foreigner"]),
            ["accounting-identity", "match-parameters"].map(line)
        );
    }
}
