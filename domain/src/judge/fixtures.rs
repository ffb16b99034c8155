//! What the tests of judging share: a member with its oracle, answers, and files of cases with the edits that break good
//! documents.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};

use super::business::CheckInput;
use super::normalise::{canonical, key, sha256};
use crate::model::{
    Answer, Bucket, Expected, ExpectedResource, Finding, Identity, Member, MemberId, MemberSet,
    PartnerId, Quirk,
};
use crate::secret::HashKey;

const OURS: &str = "1999999984";
/// The FHIR base of the partner whose records are judged.
pub(super) const BASE: &str = "https://payer.example/fhir";

/// What tests hash by.
pub(super) static KEY: LazyLock<HashKey> = LazyLock::new(|| HashKey::of(b"test"));

static NO_QUIRKS: BTreeSet<Quirk> = BTreeSet::new();

/// What rules look at in a test: this member, and nothing of its exchange.
pub(super) fn nothing_of(member: &Member) -> CheckInput<'_> {
    CheckInput {
        member,
        matches: None,
        named: None,
        records: None,
        exports: &[],
        same_key: &[],
        baseline: None,
        declared: &NO_QUIRKS,
        base: BASE,
        key: &KEY,
    }
}

pub(super) fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

pub(super) fn today() -> NaiveDate {
    at("2026-11-21T20:00:00Z").date_naive()
}

/// A file of cases: the good documents, and the edits that break them.
pub(super) fn cases(text: &str) -> (Vec<Value>, Vec<Value>) {
    let file: Value = serde_json::from_str(text).unwrap();
    let list = |key: &str| file[key].as_array().unwrap().clone();
    (list("good"), list("cases"))
}

/// The good documents as the case would have them.
pub(super) fn with_edits(good: &[Value], case: &Value) -> Vec<Value> {
    let list = |key: &str| case[key].as_array().cloned().unwrap_or_default();
    let mut all = Value::Array(good.to_vec());
    for one in list("set") {
        let (place, name) = one["at"].as_str().unwrap().rsplit_once('/').unwrap();
        let holder = all.pointer_mut(place).unwrap();
        if let Value::Array(items) = holder {
            items[name.parse::<usize>().unwrap()] = one["to"].clone();
        } else if one["to"].is_null() {
            holder.as_object_mut().unwrap().remove(name);
        } else {
            holder[name] = one["to"].clone();
        }
    }
    for one in list("add") {
        let place = one[0].as_str().unwrap();
        all.pointer_mut(place)
            .unwrap()
            .as_array_mut()
            .unwrap()
            .push(one[1].clone());
    }
    let all = all.as_array().unwrap();
    let number = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
    let dropped: Vec<usize> = list("drop").iter().map(number).collect();
    let kept: Option<Vec<usize>> = case["keep"]
        .as_array()
        .map(|keep| keep.iter().map(number).collect());
    let stays = |place: &usize| {
        !dropped.contains(place) && kept.as_ref().is_none_or(|kept| kept.contains(place))
    };
    let mut bent: Vec<Value> = (0..all.len())
        .filter(stays)
        .map(|place| all[place].clone())
        .collect();
    bent.extend(list("again").iter().map(|place| all[number(place)].clone()));
    bent.extend(list("again_as").iter().map(|one| {
        let mut again = all[number(&one[0])].clone();
        again["id"] = one[1].clone();
        again
    }));
    bent.extend(list("more"));
    bent
}

pub(super) fn oracle(records: &[Value]) -> BTreeMap<String, Vec<ExpectedResource>> {
    let mut due: BTreeMap<String, Vec<ExpectedResource>> = BTreeMap::new();
    for record in records {
        let sha256 = sha256(&canonical(record, BASE));
        let kind = record["resourceType"].as_str().unwrap().to_owned();
        due.entry(kind).or_default().push(ExpectedResource {
            key: key(record, &sha256),
            sha256,
        });
    }
    due
}

pub(super) fn member(id: &str, expected: Expected) -> Member {
    Member {
        id: MemberId::new(id),
        cohort: "c".to_owned(),
        region: "OH".to_owned(),
        edge_case: "plain".to_owned(),
        patient: json!({"resourceType":"Patient","id":id,"name":[{"family":"Osei","given":["Abena"]}],"birthDate":"1980-02-03"}),
        coverage: json!({"resourceType":"Coverage","id":"c-1"}),
        more_coverages: vec![json!({"resourceType":"Coverage","id":"c-2"})],
        consent: json!({"policy":[{"uri":"https://g.example/hrex-consent.html#regular"}]}),
        expected,
    }
}

pub(super) fn expected(
    bucket: Bucket,
    resources: BTreeMap<String, Vec<ExpectedResource>>,
) -> Expected {
    Expected {
        bucket,
        identity: Some(Identity {
            family: "Osei".to_owned(),
            given: "Abena".to_owned(),
            birth_date: "1980-02-03".to_owned(),
            umb: "U-1".to_owned(),
        }),
        resources,
        canaries: vec!["OR-CANARY-OWN-1".to_owned()],
        others: Vec::new(),
    }
}

pub(super) fn set(member: &Member, npi: &str) -> MemberSet {
    let mut other = member.clone();
    other.id = MemberId::new("m-2");
    other.expected.canaries = vec!["OR-CANARY-OTHER-1".to_owned()];
    MemberSet {
        set: "s".to_owned(),
        partner: PartnerId::new("p"),
        requester_npi: OURS.to_owned(),
        responder_npi: npi.to_owned(),
        members: vec![member.clone(), other],
    }
}

pub(super) fn broken<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> Vec<String> {
    let bad = findings.into_iter().filter(|one| !one.passed);
    bad.map(|one| one.check.to_string()).collect()
}

pub(super) fn answer_with(status: u16, headers: &[(&str, &str)], body: Value) -> Answer {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), vec![(*value).to_owned()]));
    Answer {
        status,
        media: Some("application/fhir+json".to_owned()),
        headers: headers.collect(),
        has_body: !body.is_null(),
        text: body.to_string(),
        json: Some(body).filter(|body| !body.is_null()),
        ..Answer::default()
    }
}

pub(super) fn outcome() -> Value {
    json!({"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"forbidden"}]})
}
