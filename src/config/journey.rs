//! `probes/<id>.toml`: the ordered steps of a journey.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use serde_json_path::JsonPath;

use super::complaint::nearest;
use super::partner::is_id;
use super::template::parse_template;
use super::tree::{Placed, Table};
use crate::model::{
    Action, Body, Capture, Check, Expect, Journey, JourneyId, JsonRule, Method, Part, Query, Read,
    Root, Step, StepId, Template, When,
};

/// What every template may name.
const BUILT_IN: [&str; 3] = ["partner.base_url", "member.id", "run.id"];
const VERBS: &[&str] = &["request", "token", "submit", "poll", "download", "check"];
/// The time of one request, unless the file says otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The longest wait that a `Retry-After` may ask for, unless the step says otherwise.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(120);

/// What earlier steps offer to later ones.
#[derive(Default)]
struct Known {
    steps: BTreeSet<String>,
    captures: BTreeSet<String>,
    verbs: BTreeMap<String, &'static str>,
    submit_tokens: BTreeMap<String, StepId>,
    last_token: Option<StepId>,
    /// Steps with a mistake: what refers to them is not judged, since its cure is theirs.
    broken: BTreeSet<String>,
    has_broken_token: bool,
    has_match_result: bool,
}

pub(super) fn read(root: &Table<'_>) -> Option<(Journey, Range<usize>)> {
    let id = root.need_text("id", "\"liveness\"");
    if let Some(id) = id.as_ref().filter(|id| !is_id(id.value)) {
        let what = format!("\"{}\" cannot be an id", id.value);
        root.complain(id.span.clone(), what, "write up to 40 of a-z, 0-9 and -");
    }
    let title = root.text("title").map(|placed| placed.value.to_owned());
    let transaction_type = root
        .text("transaction_type")
        .map(|placed| placed.value.to_owned());
    if !root.has("deadline") {
        root.missing("deadline", "\"10m\"");
    }
    let deadline = root.duration("deadline");
    let timeout = root
        .duration("timeout")
        .map_or(TIMEOUT, |placed| placed.value);
    let negative = root.flag("negative").unwrap_or(false);
    let mut known = Known::default();
    let tables = root.tables("step");
    if !root.has("step") || root.is_empty_list("step") {
        root.missing_table("[[step]]", "id = \"…\" and use = \"request\"");
    }
    let steps = tables
        .iter()
        .filter_map(|table| step(table, &mut known))
        .collect();
    let id = id?;
    let journey = Journey {
        id: JourneyId::new(id.value),
        title: title.unwrap_or_else(|| id.value.to_owned()),
        transaction_type: transaction_type.unwrap_or_else(|| id.value.to_owned()),
        deadline: deadline?.value,
        timeout,
        negative,
        steps,
    };
    Some((journey, id.span))
}

fn step(table: &Table<'_>, known: &mut Known) -> Option<Step> {
    let id = table.need_text("id", "\"match\"");
    let verb = table.need_text("use", "\"request\"");
    let always = table.flag("always").unwrap_or(false);
    let when = word(table, "when", When::ALL, When::name);
    if when == Some(When::Matched) && !known.has_match_result && known.broken.is_empty() {
        let cure = "put a download step with read = \"match-result\" before it";
        table.complain(
            table.place(),
            "this step waits for a match and none is read before it",
            cure,
        );
    }
    let timeout = table.duration("timeout").map(|placed| placed.value);
    let action = verb.as_ref().and_then(|verb| action(table, verb, known));
    if verb
        .as_ref()
        .is_some_and(|verb| VERBS.contains(&verb.value))
    {
        table.close();
    }
    let id = id?;
    if !is_id(id.value) {
        let what = format!("\"{}\" cannot be a step's id", id.value);
        table.complain(id.span.clone(), what, "write up to 40 of a-z, 0-9 and -");
    }
    if !known.steps.insert(id.value.to_owned()) {
        let what = format!("two steps are called \"{}\"", id.value);
        table.complain(id.span.clone(), what, "give each its own id");
    }
    let Some(action) = action else {
        known.broken.insert(id.value.to_owned());
        let may_be_token =
            verb.is_none_or(|verb| verb.value == "token" || !VERBS.contains(&verb.value));
        known.has_broken_token |= may_be_token;
        return None;
    };
    let id = StepId::new(id.value);
    offer(&id, &action, known);
    Some(Step {
        id,
        always,
        when,
        timeout,
        action,
    })
}

/// Notes what later steps may use of this one.
fn offer(id: &StepId, action: &Action, known: &mut Known) {
    known.verbs.insert(id.to_string(), action.verb());
    let mut capture = |name: &str| known.captures.insert(format!("{id}.{name}"));
    match action {
        Action::Request { captures, .. } => {
            captures.iter().for_each(|one| {
                capture(&one.name);
            });
        }
        Action::Submit { token, .. } => {
            capture("location");
            known.submit_tokens.insert(id.to_string(), token.clone());
        }
        Action::Download {
            read: Read::MatchResult,
            ..
        } => {
            capture("group");
            known.has_match_result = true;
        }
        Action::Token { .. } => known.last_token = Some(id.clone()),
        Action::Poll { .. }
        | Action::Download {
            read: Read::MemberData,
            ..
        }
        | Action::Check { .. }
        | Action::Release { .. } => {}
    }
}

fn action(table: &Table<'_>, verb: &Placed<&str>, known: &Known) -> Option<Action> {
    match verb.value {
        "request" if table.has("release") => release(table, known),
        "request" => request(table, known),
        "token" => {
            let endpoint = template(
                table,
                "endpoint",
                "\"{{ discovery.token_endpoint }}\"",
                known,
            );
            let scope = table.texts("scope");
            if !table.has("scope") || table.is_empty_list("scope") {
                table.missing("scope", "[\"system/*.rs\"]");
            }
            let scope = scope
                .into_iter()
                .map(|placed| placed.value.to_owned())
                .collect();
            Some(Action::Token {
                endpoint: endpoint?,
                scope,
            })
        }
        "submit" => {
            let url = template(
                table,
                "url",
                "\"{{ partner.base_url }}/Group/$bulk-member-match\"",
                known,
            );
            let body = word(table, "body", Body::ALL, Body::name);
            if !table.has("body") {
                table.missing("body", "\"member-match-parameters\"");
            }
            let token = token(table, known);
            Some(Action::Submit {
                url: url?,
                body: body?,
                token: token?,
            })
        }
        "poll" => {
            let job = template(table, "job", "\"{{ match.location }}\"", known);
            let cap = table
                .duration("retry_after_max")
                .map_or(RETRY_AFTER_MAX, |p| p.value);
            let token = token(table, known);
            Some(Action::Poll {
                job: job?,
                token: token?,
                retry_after_max: cap,
            })
        }
        "download" => {
            let manifest = earlier(table, "manifest", "poll", known);
            let read = word(table, "read", Read::ALL, Read::name);
            if !table.has("read") {
                table.missing("read", "\"match-result\" or \"member-data\"");
            }
            let token = token(table, known);
            Some(Action::Download {
                manifest: manifest?,
                read: read?,
                token: token?,
            })
        }
        "check" => {
            let checks = checks(table, is_of_what_was_gathered);
            if !table.has("check") || table.is_empty_list("check") {
                table.missing("check", "[\"expected-bucket\"]");
            }
            Some(Action::Check { checks })
        }
        other => {
            let cure = match nearest(other, VERBS.iter().copied()) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("verbs: {}", VERBS.join(", ")),
            };
            table.complain(
                verb.span.clone(),
                format!("`use` = \"{other}\" is no verb"),
                cure,
            );
            None
        }
    }
}

fn release(table: &Table<'_>, known: &Known) -> Option<Action> {
    let job_of = earlier(table, "release", "submit", known)?;
    let token = match token_named(table, known) {
        Some(token) => token,
        None => known.submit_tokens.get(job_of.as_str())?.clone(),
    };
    Some(Action::Release { job_of, token })
}

fn request(table: &Table<'_>, known: &Known) -> Option<Action> {
    let method = word(table, "method", Method::ALL, Method::name).unwrap_or(Method::Get);
    let url = template(table, "url", "\"{{ partner.base_url }}/metadata\"", known);
    let token = token_named(table, known);
    let expect = expect(table);
    let checks = checks(table, |check| !is_of_what_was_gathered(check));
    let captures = match table.table("capture") {
        Some(table) => captures(&table),
        None => Some(Vec::new()),
    };
    Some(Action::Request {
        method,
        url: url?,
        token,
        expect,
        checks,
        captures: captures?,
    })
}

fn expect(table: &Table<'_>) -> Expect {
    let Some(table) = table.table("expect") else {
        // No rule written must not mean that a 500 is fine.
        return Expect {
            status: vec![200],
            ..Expect::default()
        };
    };
    let status = table.statuses("status");
    let media = table
        .texts("media")
        .into_iter()
        .map(|p| p.value.to_ascii_lowercase())
        .collect();
    let json = table.tables("json").iter().filter_map(json_rule).collect();
    table.close();
    Expect {
        status: if status.is_empty() { vec![200] } else { status },
        media,
        json,
    }
}

fn json_rule(table: &Table<'_>) -> Option<JsonRule> {
    let path = table.need_text("path", "\"$.fhirVersion\"");
    let equals = table.scalar("equals");
    if !table.has("equals") {
        table.missing("equals", "\"4.0.1\"");
    }
    table.close();
    Some(JsonRule {
        path: json_path(table, &path?)?,
        equals: equals?,
    })
}

fn json_path(table: &Table<'_>, placed: &Placed<&str>) -> Option<JsonPath> {
    let parsed = JsonPath::parse(placed.value);
    if let Err(why) = &parsed {
        let what = format!("\"{}\" is no JSONPath: {why}", placed.value);
        table.complain(
            placed.span.clone(),
            what,
            "write such as $.token_endpoint (RFC 9535)",
        );
    }
    parsed.ok()
}

/// None when one of them has a mistake.
fn captures(table: &Table<'_>) -> Option<Vec<Capture>> {
    let entries = table.entries().into_iter();
    let all: Vec<_> = entries
        .map(|(name, span, inner)| capture(table, &name, span, inner))
        .collect();
    all.into_iter().collect()
}

fn capture<'a>(
    table: &Table<'a>,
    name: &str,
    span: Range<usize>,
    inner: Option<&'a toml::de::DeTable<'a>>,
) -> Option<Capture> {
    let Some(inner) = inner else {
        let cure = format!("write {name} = {{ json = \"$.{name}\" }} or {{ header = \"…\" }}");
        table.complain(span, format!("capture `{name}` is not a table"), cure);
        return None;
    };
    let entry = table.entry(name, inner, span.clone());
    let (json, header) = (entry.text("json"), entry.text("header"));
    let is_known = entry.close();
    let query = match (json, header) {
        (Some(json), None) => Query::Json(json_path(table, &json)?),
        (None, Some(header)) => Query::Header(header.value.to_ascii_lowercase()),
        (Some(_), Some(_)) => {
            let what = format!("capture `{name}` has both `json` and `header`");
            table.complain(span, what, "keep one of them");
            return None;
        }
        (None, None) => {
            if is_known && !entry.has("json") && !entry.has("header") {
                let what = format!("capture `{name}` needs `json` or `header`");
                table.complain(span, what, "write one of them");
            }
            return None;
        }
    };
    Some(Capture {
        name: name.to_owned(),
        query,
    })
}

/// Checks of a `check` step; the others look at one answer.
fn is_of_what_was_gathered(check: Check) -> bool {
    !matches!(
        check,
        Check::SmartConfiguration | Check::CapabilityStatement
    )
}

fn checks(table: &Table<'_>, is_allowed: fn(Check) -> bool) -> Vec<Check> {
    let known = || {
        Check::ALL
            .iter()
            .filter(|check| is_allowed(**check))
            .map(|check| check.name())
    };
    let mut checks = Vec::new();
    for placed in table.texts("check") {
        match Check::named(placed.value) {
            Some(check) if is_allowed(check) => checks.push(check),
            Some(check) => {
                let what = format!("\"{check}\" has nothing to look at in this step");
                let verb = if is_of_what_was_gathered(check) {
                    "check"
                } else {
                    "request"
                };
                table.complain(
                    placed.span,
                    what,
                    format!("put it into a step with use = \"{verb}\""),
                );
            }
            None => unknown(table, &placed, "check", known()),
        }
    }
    checks
}

fn word<T: Copy>(
    table: &Table<'_>,
    key: &'static str,
    all: &[T],
    name: fn(T) -> &'static str,
) -> Option<T> {
    let placed = table.text(key)?;
    let found = all.iter().copied().find(|one| name(*one) == placed.value);
    if found.is_none() {
        unknown(table, &placed, key, all.iter().map(|one| name(*one)));
    }
    found
}

fn unknown<'k>(
    table: &Table<'_>,
    placed: &Placed<&str>,
    key: &str,
    known: impl Iterator<Item = &'k str> + Clone,
) {
    let cure = match nearest(placed.value, known.clone()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("known: {}", known.collect::<Vec<_>>().join(", ")),
    };
    table.complain(
        placed.span.clone(),
        format!("`{key}` = \"{}\" is not known", placed.value),
        cure,
    );
}

fn template(
    table: &Table<'_>,
    key: &'static str,
    example: &str,
    known: &Known,
) -> Option<Template> {
    let placed = table.need_text(key, example)?;
    let template = match parse_template(placed.value) {
        Ok(template) => template,
        Err((what, cure)) => {
            table.complain(placed.span, what, cure);
            return None;
        }
    };
    let mut whole = true;
    if !matches!(
        template.0.first(),
        Some(Part::Value(Root::BaseUrl | Root::Captured(..)))
    ) {
        let what = format!("\"{}\" does not begin at the partner", placed.value);
        let cure = "begin with {{ partner.base_url }} or with a captured URL";
        table.complain(placed.span.clone(), what, cure);
        whole = false;
    }
    for part in &template.0 {
        let Part::Value(Root::Captured(step, name)) = part else {
            continue;
        };
        let wanted = format!("{step}.{name}");
        if known.broken.contains(step.as_str()) {
            whole = false;
        } else if !known.captures.contains(&wanted) {
            let so_far: Vec<_> = known.captures.iter().map(String::as_str).collect();
            let cure = match nearest(&wanted, so_far.iter().copied().chain(BUILT_IN)) {
                Some(near) => format!("did you mean {{{{ {near} }}}}?"),
                None if so_far.is_empty() => "nothing is captured before this step".to_owned(),
                None => format!("captured so far: {}", so_far.join(", ")),
            };
            let what = format!("no earlier step captures {{{{ {wanted} }}}}");
            table.complain(placed.span.clone(), what, cure);
            whole = false;
        }
    }
    whole.then_some(template)
}

/// The step named by `key`, which must be an earlier one with this verb.
fn earlier(table: &Table<'_>, key: &'static str, verb: &str, known: &Known) -> Option<StepId> {
    let placed = table.need_text(key, &format!("\"<id of an earlier {verb} step>\""))?;
    if known.verbs.get(placed.value) == Some(&verb) {
        return Some(StepId::new(placed.value));
    }
    if known.broken.contains(placed.value) {
        return None;
    }
    let fitting = known
        .verbs
        .iter()
        .filter(|(_, of)| **of == verb)
        .map(|(id, _)| id.as_str());
    let fitting: Vec<_> = fitting.collect();
    let what = format!("`{key}` = \"{}\" is no earlier {verb} step", placed.value);
    let cure = if fitting.is_empty() {
        format!("put a step with use = \"{verb}\" before this one")
    } else {
        format!("earlier {verb} steps: {}", fitting.join(", "))
    };
    table.complain(placed.span, what, cure);
    None
}

fn token_named(table: &Table<'_>, known: &Known) -> Option<StepId> {
    table
        .has("token")
        .then(|| earlier(table, "token", "token", known))
        .flatten()
}

/// The token named, else that of the nearest token step above.
fn token(table: &Table<'_>, known: &Known) -> Option<StepId> {
    if table.has("token") {
        return token_named(table, known);
    }
    if known.last_token.is_none() && !known.has_broken_token {
        let cure = "put a step with use = \"token\" before it";
        table.complain(
            table.place(),
            "this step needs a token and none is asked for before it",
            cure,
        );
    }
    known.last_token.clone()
}
