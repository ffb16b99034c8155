//! Each rule of the catalogue has a case where it alone fails, and one where it holds. Records and match
//! results are data (`tests/cases/checks/`): a good one, and what makes it bad; answers stand here.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::business::{self, CheckInput, ExportTimes};
use super::fixtures::{
    BASE, answer_with, at, broken, cases, expected, member, nothing_of, oracle, outcome, set,
    today, with_edits,
};
use super::matches::{MatchResult, SubmittedMember};
use super::records::{Depth, ExpectedMembers, ExportedRecords};
use super::stream::FileFold;
use super::{answer, job, manifest, quirks, retry_after, token, wire};
use crate::model::{
    Answer, AnswerCheck, Bucket, ContentCoding, Expect, Failure, Finding, Link, Member, MemberSet,
    Method, Phase, Phases, ProxyFailure, Quirk, RecordCheck, RedirectFault, RequestEvidence,
    RequestKind, catalogue,
};

fn matched(member: &Member, set: &MemberSet, groups: &[Value]) -> MatchResult {
    let mut seen = MatchResult::new(SubmittedMember::new(member, set, today()));
    groups.iter().for_each(|group| seen.document(group));
    seen
}

/// What every check of what was gathered says of one set of records that breaks.
fn judge_records(good: &[Value], case: &Value) -> Vec<String> {
    let all = record_findings(good, case);
    broken(all.iter().flat_map(|(_, findings)| findings))
}

/// The findings of every check of what was gathered, over one set of records. Whether two kick-offs are one job does not
/// show in records.
fn record_findings(good: &[Value], case: &Value) -> Vec<(RecordCheck, Vec<Finding>)> {
    let records = with_edits(good, case);
    let due = match case["oracle"].as_str() {
        Some("bent") => oracle(&records),
        Some(_) => BTreeMap::new(),
        None => oracle(good),
    };
    let mut member = member("m-1", expected(Bucket::Match, due));
    if case["identity"] == false {
        member.expected.identity = None;
    }
    let set = set(&member, case["npi"].as_str().unwrap_or("1234567893"));
    let (goodm, _) = cases(include_str!("../../../tests/cases/checks/matches.json"));
    let matches = matched(&member, &set, &goodm);
    let mut seen = ExportedRecords::new(
        &ExpectedMembers::one(&member),
        &set,
        BASE,
        today(),
        Depth::Whole,
    );
    seen.set_since(case["since"].as_str().map(at));
    for record in &records {
        let mut fold = FileFold::new(record["resourceType"].as_str().unwrap());
        let line = format!("{record}\n");
        assert!(fold.feed(line.as_bytes(), &mut seen).is_continue());
        assert!(fold.finish(Some(1), &mut seen).iter().all(|one| one.passed));
    }
    let asked = at("2026-11-21T20:00:00Z");
    let export = ExportTimes {
        kicked_off: asked,
        read: asked + TimeDelta::minutes(1),
        transaction_time: Some(case["told"].as_str().map_or(asked, at)),
    };
    let seen = CheckInput {
        matches: Some(&matches),
        records: Some(&seen),
        exports: &[export, export],
        ..nothing_of(&member)
    };
    let all = RecordCheck::ALL.iter().copied();
    all.filter(|check| *check != RecordCheck::OneJob)
        .map(|check| (check, business::check(check, &seen)))
        .collect()
}

/// Each file's good documents break nothing; each case breaks its own rule, and besides it only what it says.
fn each_breaks_only_its_own(
    name: &str,
    text: &str,
    judge: fn(&[Value], &Value) -> Vec<String>,
) -> BTreeSet<String> {
    let (good, cases) = cases(text);
    assert_eq!(
        judge(&good, &json!({})),
        Vec::<String>::new(),
        "the good {name}"
    );
    let mut shown = BTreeSet::new();
    for case in cases {
        let own = case["breaks"].as_str().unwrap().to_owned();
        let mut expected = vec![own.clone()];
        let also = case["also"].as_array().cloned().unwrap_or_default();
        expected.extend(also.iter().map(|one| one.as_str().unwrap().to_owned()));
        let mut seen = judge(&good, &case);
        // What is missing is missing from both exports.
        seen.retain(|one| own != "completeness" || one != "nothing-lost");
        seen.sort();
        expected.sort();
        assert_eq!(seen, expected, "{}", case["why"]);
        shown.insert(own);
    }
    shown
}

fn judge_matches(good: &[Value], case: &Value) -> Vec<String> {
    let bucket = case["expect"]
        .as_str()
        .map_or(Bucket::Match, |name| Bucket::named(name).unwrap());
    let member = member("m-1", expected(bucket, BTreeMap::new()));
    let set = set(&member, "1234567893");
    let matches = matched(&member, &set, &with_edits(good, case));
    let seen = CheckInput {
        matches: Some(&matches),
        ..nothing_of(&member)
    };
    let checks = [
        RecordCheck::MatchGroups,
        RecordCheck::AccountingIdentity,
        RecordCheck::PatientUnchanged,
        RecordCheck::MatchParameters,
        RecordCheck::MatchCoverage,
        RecordCheck::ExpectedBucket,
        RecordCheck::NoReason,
        RecordCheck::Characteristic,
    ];
    let findings: Vec<_> = checks
        .iter()
        .flat_map(|check| business::check(*check, &seen))
        .collect();
    broken(&findings)
}

fn expect(answer: &Answer) -> Vec<Finding> {
    let expect = Expect {
        status: vec![200],
        media: vec!["application/fhir+json".to_owned()],
        json: vec![crate::model::JsonRule {
            path: serde_json_path::JsonPath::parse("$.fhirVersion").unwrap(),
            equals: json!("4.0.1").into(),
            template: None,
        }],
        schema: None,
    };
    answer::expected(&expect, answer)
}

fn request(failure: Option<Failure>) -> RequestEvidence {
    RequestEvidence {
        kind: RequestKind::Request,
        method: Method::Get,
        path: "/x".to_owned(),
        offset: Duration::ZERO,
        total: Duration::ZERO,
        phases: Phases::default(),
        status: Some(200),
        media: None,
        bytes: 1,
        failure,
        attempt: 1,
        link: Link::New,
        addresses: Vec::new(),
        family: None,
        http: None,
        own_delay: Duration::ZERO,
        time_limit: None,
        agent_delayed: false,
        request_id: None,
    }
}

fn manifest_of(json: Value) -> Vec<Finding> {
    manifest::read(&answer_with(200, &[], json), &BTreeSet::new()).1
}

fn a_manifest(edit: impl FnOnce(&mut Value)) -> Vec<Finding> {
    let mut json = json!({"transactionTime":"2026-11-21T20:30:06Z","request":"https://p.example/x",
        "requiresAccessToken":true,"error":[],"output":[{"type":"Group","url":"https://p.example/f"}]});
    edit(&mut json);
    manifest_of(json)
}

fn file(lines: &str, count: u64) -> Vec<Finding> {
    let member = member("m-1", expected(Bucket::Match, BTreeMap::new()));
    let set = set(&member, "1234567893");
    let mut seen = ExportedRecords::new(
        &ExpectedMembers::one(&member),
        &set,
        BASE,
        today(),
        Depth::Summaries,
    );
    let mut fold = FileFold::new("Patient");
    let _flow = fold.feed(lines.as_bytes(), &mut seen);
    fold.finish(Some(count), &mut seen)
}

fn one_job(same_key: &[&str]) -> Vec<Finding> {
    let member = member("m-1", expected(Bucket::Match, BTreeMap::new()));
    let same_key: Vec<String> = same_key.iter().map(|one| (*one).to_owned()).collect();
    let seen = CheckInput {
        same_key: &same_key,
        ..nothing_of(&member)
    };
    business::check(RecordCheck::OneJob, &seen)
}

/// A rule by name, what breaks it, what keeps it.
type Pair = (&'static str, Vec<Finding>, Vec<Finding>);

/// Rules of the wire and of single answers.
#[expect(clippy::too_many_lines, reason = "one table of cases")]
fn answer_rules() -> Vec<Pair> {
    let now = at("2026-11-21T20:00:00Z");
    let whole = |failure| {
        wire::whole_answer(&request(failure))
            .into_iter()
            .collect::<Vec<_>>()
    };
    let life = |days| vec![wire::certificate_life(now + TimeDelta::days(days), now)];
    let capability = |name: &str| {
        let json = json!({"rest":[{"resource":[{"type":"Group","operation":[{"name":"bulk-member-match"},{"name":name}]}]}]});
        answer::named(
            AnswerCheck::CapabilityStatement,
            &answer_with(200, &[], json),
            &[],
        )
    };
    let smart = |method: &str| {
        let json = json!({"token_endpoint":"https://p.example/t","token_endpoint_auth_methods_supported":[method],
            "token_endpoint_auth_signing_alg_values_supported":["ES384"]});
        answer::named(
            AnswerCheck::SmartConfiguration,
            &answer_with(200, &[], json),
            &[],
        )
    };
    let good = || answer_with(200, &[], json!({"fhirVersion":"4.0.1"}));
    let html = Answer {
        media: Some("text/html".to_owned()),
        ..good()
    };
    let lines = Answer {
        media: Some("application/fhir+ndjson".to_owned()),
        ..good()
    };
    let a_file = manifest::ManifestFile {
        kind: "Group".to_owned(),
        url: String::new(),
        count: None,
    };
    let expires = |text: &str| {
        vec![job::expires(&answer_with(200, &[("expires", text)], Value::Null), now).1]
    };
    let retry = |text| {
        retry_after::retry_after_sane(retry_after::retry_after(Some(text), now))
            .into_iter()
            .collect()
    };
    vec![
        (
            "whole-answer",
            whole(Some(Failure::Reset(Phase::Transfer))),
            whole(None),
        ),
        (
            "redirect",
            whole(Some(Failure::Redirect(RedirectFault::AwayFromTls))),
            vec![catalogue::REDIRECT.finding(true, "", "")],
        ),
        (
            "egress",
            whole(Some(Failure::Egress(crate::model::AddressRange::Private))),
            vec![catalogue::EGRESS.finding(true, "", "")],
        ),
        (
            "limit",
            whole(Some(Failure::Malformed)),
            vec![catalogue::LIMIT.finding(true, "", "")],
        ),
        (
            "content-coding",
            whole(Some(Failure::Coding(ContentCoding::Brotli))),
            vec![catalogue::CONTENT_CODING.finding(true, "", "")],
        ),
        (
            "proxy",
            whole(Some(Failure::Proxy(ProxyFailure::SignIn))),
            vec![catalogue::PROXY.finding(true, "", "")],
        ),
        (
            "plain-text",
            answer::byte_order_mark(&Answer {
                has_bom: true,
                ..good()
            })
            .into_iter()
            .collect(),
            vec![catalogue::PLAIN_TEXT.finding(true, "", "")],
        ),
        (
            "retry-after-kept",
            retry_after::retry_after_kept(
                retry_after::RetryAfter::Wait(Duration::from_secs(90)),
                retry_after::poll_wait(
                    retry_after::RetryAfter::Wait(Duration::from_secs(90)),
                    0,
                    Duration::MAX,
                    Duration::from_secs(60),
                ),
            )
            .into_iter()
            .collect(),
            vec![catalogue::RETRY_AFTER_KEPT.finding(true, "", "")],
        ),
        ("certificate-life", life(3), life(60)),
        (
            "status",
            expect(&answer_with(500, &[], Value::Null)),
            expect(&good()),
        ),
        ("media", expect(&html), expect(&good())),
        (
            "json",
            expect(&answer_with(200, &[], json!({"fhirVersion":"5.0.0"}))),
            expect(&good()),
        ),
        (
            "smart-configuration",
            smart("client_secret_post"),
            smart("private_key_jwt"),
        ),
        (
            "capability-statement",
            capability("export"),
            capability("davinci-data-export"),
        ),
        ("retry-after", retry("1795293717133"), retry("30")),
        (
            "expires",
            expires("2026-11-21 21:00:00 +0000 UTC"),
            expires("Sat, 21 Nov 2026 21:00:00 GMT"),
        ),
        (
            "manifest",
            a_manifest(|json| json["error"] = Value::Null),
            a_manifest(|_| {}),
        ),
        (
            "partial-errors",
            a_manifest(|json| {
                json["error"] = json!([{"type":"OperationOutcome","url":"https://p.example/e"}])
            }),
            a_manifest(|_| {}),
        ),
        (
            "ndjson-lines",
            file("{\"resourceType\":\"Basic\"}\n", 1),
            file("{\"resourceType\":\"Patient\"}\n", 1),
        ),
        (
            "line-count",
            file("{\"resourceType\":\"Patient\"}\n", 2),
            file("{\"resourceType\":\"Patient\"}\n", 1),
        ),
        (
            "ndjson-media",
            vec![manifest::media(&a_file, &good())],
            vec![manifest::media(&a_file, &lines)],
        ),
        (
            "error-outcomes",
            vec![manifest::error_outcomes(&file("{}\n", 1))],
            vec![manifest::error_outcomes(&file(
                "{\"resourceType\":\"Patient\"}\n",
                1,
            ))],
        ),
        (
            "one-job",
            one_job(&["https://p.example/1", "https://p.example/2"]),
            one_job(&["https://p.example/1"; 2]),
        ),
    ]
}

/// Rules of tokens, kick-offs, jobs and refusals.
fn job_rules() -> Vec<Pair> {
    let now = at("2026-11-21T20:00:00Z");
    let granted = |json: Value| token::granted(&answer_with(200, &[], json)).1;
    let token = |kind: &str, life: u64| {
        granted(json!({"access_token":"t","token_type":kind,"expires_in":life}))
    };
    let refused = |status, json| token::granted(&answer_with(status, &[], json)).1;
    let place = [("content-location", "https://p.example/jobs/1")];
    let accepted = |status, headers: &[(&str, &str)]| {
        job::accepted(&answer_with(status, headers, Value::Null)).1
    };
    let released = |status| vec![job::released(&answer_with(status, &[], Value::Null))];
    let named = |check, status, body| answer::named(check, &answer_with(status, &[], body), &[]);
    let poll = |status, body| job::poll(&answer_with(status, &[], body), now).1;
    let mut pairs: Vec<Pair> = vec![
        (
            "token-granted",
            refused(400, json!({"error":"invalid_client"})),
            token("bearer", 300),
        ),
        ("token-shape", token("mac", 300), token("bearer", 300)),
        (
            "token-lifetime-short",
            token("bearer", 3600),
            token("bearer", 300),
        ),
        ("accepted", accepted(500, &place), accepted(202, &place)),
        (
            "content-location",
            accepted(202, &[("content-location", "/jobs/1")]),
            accepted(202, &place),
        ),
        ("job-status", poll(500, outcome()), poll(200, Value::Null)),
        ("released", released(404), released(202)),
        (
            "operation-outcome",
            named(AnswerCheck::Gone, 404, json!({"message":"x"})),
            named(AnswerCheck::Gone, 404, outcome()),
        ),
    ];
    for (name, check, right) in [
        ("replay-refused", AnswerCheck::ReplayRefused, 400),
        ("token-needed", AnswerCheck::TokenNeeded, 401),
        ("scope-needed", AnswerCheck::ScopeNeeded, 403),
        ("prefer-needed", AnswerCheck::PreferNeeded, 400),
        ("file-token-needed", AnswerCheck::FileTokenNeeded, 401),
        ("gone", AnswerCheck::Gone, 404),
        ("cross-client-denied", AnswerCheck::CrossClientDenied, 403),
    ] {
        pairs.push((
            name,
            named(check, 200, Value::Null),
            named(check, right, outcome()),
        ));
    }
    pairs
}

#[test]
fn every_rule_has_a_case_where_it_alone_fails_and_one_where_it_holds() {
    let mut shown = BTreeSet::new();
    for (name, bad, good) in answer_rules().into_iter().chain(job_rules()) {
        assert_eq!(broken(&bad), [name]);
        let passed: Vec<_> = good.iter().filter(|one| one.check == name).collect();
        assert!(
            !passed.is_empty() && broken(&good).is_empty(),
            "{name}: {good:?}"
        );
        shown.insert(name.to_owned());
    }
    let records = include_str!("../../../tests/cases/checks/records.json");
    shown.extend(each_breaks_only_its_own("records", records, judge_records));
    let matches = include_str!("../../../tests/cases/checks/matches.json");
    shown.extend(each_breaks_only_its_own(
        "match result",
        matches,
        judge_matches,
    ));
    // Shown by tests next to the code that judges them.
    let elsewhere = "capture schema exchange-accounting exchange-verdicts exchange-completeness one-exchange kept-token \
                     token-lifetime result-shape nothing-lost drift quirk deadline";
    shown.extend(elsewhere.split_whitespace().map(str::to_owned));
    let all: BTreeSet<String> = catalogue::ALL
        .iter()
        .map(|rule| rule.name().to_owned())
        .collect();
    assert_eq!(shown, all);
}

#[test]
fn a_named_check_gives_the_findings_of_the_checks_that_it_stands_for() {
    let names = |findings: &[Finding]| -> BTreeSet<String> {
        let names = findings.iter().map(|one| one.check.to_string());
        // Any refusal with a body is judged by this as well.
        names.filter(|name| name != "operation-outcome").collect()
    };
    let (good, _) = cases(include_str!("../../../tests/cases/checks/records.json"));
    let mut given: Vec<_> = record_findings(&good, &json!({}))
        .into_iter()
        .map(|(check, findings)| (check.name(), names(&findings), check.checks()))
        .collect();
    let one_job = names(&one_job(&["https://p.example/1"; 2]));
    given.push(("one-job", one_job, RecordCheck::OneJob.checks()));
    for check in AnswerCheck::ALL {
        let findings = answer::named(*check, &answer_with(404, &[], outcome()), &[]);
        given.push((check.name(), names(&findings), check.checks()));
    }
    assert_eq!(given.len(), RecordCheck::ALL.len() + AnswerCheck::ALL.len());
    for (name, given, wanted) in given {
        let wanted: BTreeSet<_> = wanted.iter().map(|one| one.name().to_owned()).collect();
        assert_eq!(given, wanted, "{name}");
    }
}

#[test]
fn the_catalogue_is_whole_and_each_id_has_its_layer() {
    let ids: BTreeSet<&str> = catalogue::ALL.iter().map(|rule| rule.id()).collect();
    let named = |letter: &str, last: u32| {
        (1..=last)
            .map(move |n| format!("{letter}-{n:02}"))
            .collect::<Vec<_>>()
    };
    let all = [named("T", 3), named("A", 19), named("B", 31)].concat();
    let missing: Vec<_> = all.iter().filter(|id| !ids.contains(id.as_str())).collect();
    // are records and refusals; none is left out.
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn what_is_missing_from_two_exports_was_lost_between_them() {
    let (good, _) = cases(include_str!("../../../tests/cases/checks/records.json"));
    let broken = judge_records(&good, &json!({"drop":[6]}));
    assert_eq!(broken, ["completeness", "nothing-lost"]);
}

#[test]
fn a_declared_quirk_is_what_is_expected_and_nothing_more() {
    let declared: BTreeSet<Quirk> = [Quirk::Delete404, Quirk::RetryAfterEpoch].into();
    let gone = answer_with(404, &[], outcome());
    let released = job::released(&gone);
    assert!(quirks::excuses(&declared, &released, &gone));
    let broken = answer_with(500, &[], outcome());
    assert!(!quirks::excuses(
        &declared,
        &job::released(&broken),
        &broken
    ));
    let bad = answer_with(202, &[("retry-after", "soon")], Value::Null);
    let now = at("2026-11-21T20:00:00Z");
    let finding =
        retry_after::retry_after_sane(retry_after::retry_after(Some("soon"), now)).unwrap();
    assert!(!quirks::excuses(&declared, &finding, &bad));
}
