//! A plain request's answer against what the journey expects.

use serde_json::Value;

use super::error_answer::{operation_outcome, status_cause};
use super::json_place::written;
use crate::model::{
    Answer, AnswerCheck, Check, Expect, Finding, Is, JsonKind, JsonRule, Member, Schema, catalogue,
};

/// Places of a schema that one finding names.
const BROKEN_SHOWN: usize = 3;

/// Status, content type and values of an answer.
pub fn expected(expect: &Expect, answer: &Answer) -> Vec<Finding> {
    // A named check that knows which refusals are right leaves the list of statuses empty.
    let mut findings = Vec::new();
    if !expect.status.is_empty() {
        findings.push(status(&expect.status, answer));
    }
    if findings.iter().any(Finding::breaks) {
        findings.extend(operation_outcome(answer));
        return findings;
    }
    if !expect.media.is_empty() {
        let media = answer.media.as_deref().unwrap_or("none");
        let passed = expect.media.iter().any(|wanted| wanted == media);
        findings.push(catalogue::MEDIA.finding(
            passed,
            expect.media.join(" or "),
            known_media(media),
        ));
    }
    for rule in &expect.json {
        let (passed, seen) = compared(rule, answer);
        // A value that an answer or a member gave is not shown.
        let expected = match rule.template {
            Some(_) => format!("what earlier steps gave at {}", rule.path),
            None => format!("{} at {}", rule.equals, rule.path),
        };
        findings.push(catalogue::JSON.finding(passed, expected, seen));
    }
    findings.extend(expect.schema.as_ref().map(|wanted| schema(wanted, answer)));
    findings
}

/// Whether the one value at a rule's path is the wanted one, and what is there: its kind, since the value itself is the
/// partner's text.
fn compared(rule: &JsonRule, answer: &Answer) -> (bool, String) {
    let Some(json) = &answer.json else {
        return (false, answer.body_kind());
    };
    match rule.path.query_located(json).iter().collect::<Vec<_>>()[..] {
        [] => (false, "no value there".to_owned()),
        [one] => match (written(one, answer), JsonKind::of(one.node())) {
            (value, _) if value.is_same(&rule.equals) => (true, "as expected".to_owned()),
            (_, kind) if kind == rule.equals.kind() => (false, format!("another {kind}")),
            (_, kind) => (false, format!("a value of kind {kind}")),
        },
        ref several => (false, format!("{} values", several.len())),
    }
}

fn schema(wanted: &Schema, answer: &Answer) -> Finding {
    let rule = &catalogue::SCHEMA;
    let expected = "the document that the schema describes";
    let Some(json) = &answer.json else {
        return rule.finding(false, expected, answer.body_kind());
    };
    let broken = wanted.broken_by(json, BROKEN_SHOWN);
    let seen = if broken.is_empty() {
        "as expected".to_owned()
    } else {
        format!("a document that breaks {}", broken.join(", "))
    };
    rule.finding(broken.is_empty(), expected, seen)
}

fn status(wanted: &[u16], answer: &Answer) -> Finding {
    let list: Vec<_> = wanted.iter().map(u16::to_string).collect();
    catalogue::STATUS.finding_as(
        status_cause(answer.status),
        wanted.contains(&answer.status),
        format!("status {}", list.join(" or ")),
        format!("status {}", answer.status),
    )
}

/// Whether a document holds one of the values at a place, of the same kind; numbers by value.
pub fn is_met(is: &Is, answer: &Answer) -> bool {
    answer.json.as_ref().is_some_and(|json| {
        let found = is.path.query_located(json);
        let mut found = found.iter();
        let (Some(one), None) = (found.next(), found.next()) else {
            return false;
        };
        let value = written(one, answer);
        is.one_of.iter().any(|wanted| value.is_same(wanted))
    })
}

/// a byte order mark is ignored, and told. None without one.
pub fn byte_order_mark(answer: &Answer) -> Option<Finding> {
    answer.has_bom.then(|| {
        let seen = "a byte order mark before it";
        catalogue::PLAIN_TEXT.finding(false, "UTF-8 alone", seen)
    })
}

/// A content type is the partner's text: only well-known ones are repeated.
pub fn known_media(media: &str) -> &'static str {
    const KNOWN: &[&str] = &[
        "none",
        "text/html",
        "text/plain",
        "application/json",
        "application/fhir+json",
        "application/ndjson",
        "application/fhir+ndjson",
        "application/xml",
        "application/octet-stream",
    ];
    KNOWN
        .iter()
        .find(|known| **known == media)
        .copied()
        .unwrap_or("another type")
}

/// The named checks that look at one answer; `asked` are the members that the journey requests from an exchange core.
pub fn named(check: AnswerCheck, answer: &Answer, asked: &[&Member]) -> Vec<Finding> {
    let json = answer.json.as_ref().unwrap_or(&Value::Null);
    let refused = |rule: &Check, status: &[u16]| super::refusal::refused(rule, status, answer);
    match check {
        AnswerCheck::SmartConfiguration => vec![of_document(answer, smart_configuration(json))],
        AnswerCheck::CapabilityStatement => {
            vec![of_document(answer, capability_statement(json))]
        }
        AnswerCheck::TokenNeeded => refused(&catalogue::TOKEN_NEEDED, &[400, 401]),
        AnswerCheck::ScopeNeeded => refused(&catalogue::SCOPE_NEEDED, &[403]),
        AnswerCheck::PreferNeeded => refused(&catalogue::PREFER_NEEDED, &[400]),
        AnswerCheck::FileTokenNeeded => refused(&catalogue::FILE_TOKEN_NEEDED, &[400, 401]),
        AnswerCheck::Gone => refused(&catalogue::GONE, &[404, 410]),
        AnswerCheck::CrossClientDenied => refused(&catalogue::CROSS_CLIENT_DENIED, &[403, 404]),
        AnswerCheck::ReplayRefused => refused(&catalogue::REPLAY_REFUSED, &[400, 401]),
        AnswerCheck::ExchangeResult => super::exchange::result(json, asked),
        AnswerCheck::OneExchange => vec![super::exchange::one_exchange(json)],
    }
}

/// What is missing in a body that is no document is all of it: the finding says what the body is instead.
fn of_document(answer: &Answer, mut finding: Finding) -> Finding {
    if answer.not_json.is_some() {
        finding.seen = answer.body_kind();
    }
    finding
}

/// A-01 (SMART App Launch 2.0, conformance): enough to sign in with.
fn smart_configuration(json: &Value) -> Finding {
    let lists = |key: &str, wanted: &str| {
        json[key]
            .as_array()
            .is_some_and(|list| list.iter().any(|item| item == wanted))
    };
    let mut missing = Vec::new();
    if !json["token_endpoint"].is_string() {
        missing.push("token_endpoint");
    }
    if !lists("token_endpoint_auth_methods_supported", "private_key_jwt") {
        missing.push("private_key_jwt");
    }
    if !lists("token_endpoint_auth_signing_alg_values_supported", "ES384") {
        missing.push("ES384");
    }
    let seen = if missing.is_empty() {
        "all".to_owned()
    } else {
        format!("no {}", missing.join(", no "))
    };
    catalogue::SMART_CONFIGURATION.finding(
        missing.is_empty(),
        "token_endpoint, private_key_jwt, ES384",
        seen,
    )
}

/// A-02 (PDex 2.2 payer access server): the two Group operations are listed.
fn capability_statement(json: &Value) -> Finding {
    let resources = json["rest"].as_array().into_iter().flatten();
    let operations: Vec<&str> = resources
        .flat_map(|rest| rest["resource"].as_array().into_iter().flatten())
        .filter(|resource| resource["type"] == "Group")
        .flat_map(|group| group["operation"].as_array().into_iter().flatten())
        .filter_map(|operation| operation["name"].as_str())
        .collect();
    let missing: Vec<&str> = ["bulk-member-match", "davinci-data-export"]
        .into_iter()
        .filter(|name| !operations.contains(name))
        .collect();
    let seen = if missing.is_empty() {
        "both".to_owned()
    } else {
        format!("no {}", missing.join(", no "))
    };
    catalogue::CAPABILITY_STATEMENT.finding(
        missing.is_empty(),
        "bulk-member-match and davinci-data-export on Group",
        seen,
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::judge::fixtures::{answer_with, broken};

    fn shaped(body: Value) -> Vec<Finding> {
        let schema = json!({"type":"object","required":["rest"],"properties":{"rest":{"type":"array",
            "items":{"properties":{"mode":{"const":"server"},"at":{"format":"date-time"}}}}}});
        let expect = Expect {
            status: vec![200],
            schema: Some(Schema::new(schema).unwrap()),
            ..Expect::default()
        };
        expected(&expect, &answer_with(200, &[], body))
    }

    #[test]
    fn a_schema_names_its_own_places_and_nothing_of_the_document() {
        assert!(broken(&shaped(json!({"rest":[]}))).is_empty());
        assert!(broken(&shaped(json!({"rest":[{"mode":"server"}]}))).is_empty());
        for (body, place) in [
            (
                json!({"rest":[{"mode":"Osei"}]}),
                "/properties/rest/items/properties/mode/const",
            ),
            (
                json!({"rest":[{"at":"Osei"}]}),
                "/properties/rest/items/properties/at/format",
            ),
            (json!({"Osei":1}), "/required"),
            (json!(["Osei"]), "/type"),
        ] {
            let found = shaped(body);
            assert_eq!(broken(&found), ["schema"]);
            let told = found
                .iter()
                .find(|one| !one.passed)
                .unwrap()
                .seen
                .to_string();
            assert!(told.contains(place) && !told.contains("Osei"), "{told}");
        }
        assert_eq!(broken(&shaped(Value::Null)), ["schema"]);
    }
}
