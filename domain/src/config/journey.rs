//! `probes/<id>.toml`: the ordered steps of a journey.

use std::ops::Range;
use std::time::Duration;

use super::answer::{word, words};
use super::id::is_id;
use super::known::Known;
use super::template::{self, captured};
use super::tree::Table;
use super::verb::{self, VERBS};
use crate::model::{
    ASSERTION, Action, AnswerCheck, Capture, CaptureKind, ConnectionPolicy, Duty, HttpWanted,
    Journey, JourneyId, Method, Read, Request, Retry, Step, StepId, Transient, Watch, When,
};

/// The time of one request, unless the file says otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Attempts of one request stay below this.
const ATTEMPTS_LIMIT: u64 = 11;
/// The wait before the second attempt, unless the step says otherwise.
const RETRY_WAIT: Duration = Duration::from_secs(1);
/// The longest wait between attempts, unless the step says otherwise.
const RETRY_WAIT_MAX: Duration = Duration::from_secs(30);

pub(super) fn read(root: &Table<'_>) -> Option<(Journey, Range<usize>)> {
    let id = root.need_text("id", "\"liveness\"");
    if let Some(id) = id.as_ref().filter(|id| !is_id(id.value)) {
        let what = format!("\"{}\" cannot be an id", id.value);
        root.report(id.span.clone(), what, "write up to 40 of a-z, 0-9 and -");
    }
    let title = root.text("title").map(|spanned| spanned.value.to_owned());
    let transaction_type = root
        .text("transaction_type")
        .map(|spanned| spanned.value.to_owned());
    if !root.has("deadline") {
        root.missing("deadline", "\"10m\"");
    }
    let deadline = root.duration("deadline");
    let timeout = root
        .duration("timeout")
        .map_or(TIMEOUT, |spanned| spanned.value);
    let negative = root.flag("negative").unwrap_or(false);
    let connection = word(
        root,
        "connection",
        ConnectionPolicy::ALL,
        ConnectionPolicy::name,
    );
    let http = word(root, "http", HttpWanted::ALL, HttpWanted::name);
    let mut known = Known::default();
    let tables = root.tables("step");
    if !root.has("step") || root.is_empty_list("step") {
        root.missing_table("[[step]]", "id = \"…\" and use = \"request\"");
    }
    let steps = tables
        .iter()
        .filter_map(|table| step(table, &mut known))
        .collect();
    // A step with a mistake was not read to its end.
    if known.broken.is_empty() {
        let help = "write the value itself; templates are read in url, endpoint, job, headers, body and \
                    the `equals` of `expect`";
        template::unread(root, &root.leaves(), &known.templates.borrow(), help);
    }
    let id = id?;
    let journey = Journey {
        id: JourneyId::new(id.value),
        title: title.unwrap_or_else(|| id.value.to_owned()),
        transaction_type: transaction_type.unwrap_or_else(|| id.value.to_owned()),
        deadline: deadline?.value,
        timeout,
        negative,
        connection: connection.unwrap_or(ConnectionPolicy::New),
        http: http.unwrap_or(HttpWanted::One),
        steps,
    };
    Some((journey, id.span))
}

fn step(table: &Table<'_>, known: &mut Known) -> Option<Step> {
    let id = table.need_text("id", "\"match\"");
    let verb = table.need_text("use", "\"request\"");
    let duty = duty(table);
    let when = when(table, known);
    let timeout = table.duration("timeout").map(|spanned| spanned.value);
    let connection = word(
        table,
        "connection",
        ConnectionPolicy::ALL,
        ConnectionPolicy::name,
    );
    let action = verb
        .as_ref()
        .and_then(|verb| verb::action(table, verb, known));
    let retry = retry(table, action.as_ref());
    if verb
        .as_ref()
        .is_some_and(|verb| VERBS.contains(&verb.value))
    {
        table.close();
    }
    let id = id?;
    if !is_id(id.value) {
        let what = format!("\"{}\" cannot be a step's id", id.value);
        table.report(id.span.clone(), what, "write up to 40 of a-z, 0-9 and -");
    }
    if !known.steps.insert(id.value.to_owned()) {
        let what = format!("two steps are called \"{}\"", id.value);
        table.report(id.span.clone(), what, "give each its own id");
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
        duty,
        when,
        timeout,
        retry,
        connection,
        action,
    })
}

/// Notes what later steps may use of this one.
fn offer(id: &StepId, action: &Action, known: &mut Known) {
    known.verbs.insert(id.to_string(), action.verb());
    let mut capture = |name: &str, kind| known.captures.insert(format!("{id}.{name}"), kind);
    match action {
        Action::Request(Request {
            captures, checks, ..
        }) => {
            // The result of an exchange core says who was matched, and has the records.
            let is_result = checks.contains(&AnswerCheck::ExchangeResult);
            known.gathered.match_result |= is_result;
            captures.iter().for_each(|Capture { name, kind, .. }| {
                capture(name, *kind);
            });
        }
        Action::Watch(Watch { captures, .. }) => {
            captures.iter().for_each(|Capture { name, kind, .. }| {
                capture(name, *kind);
            });
        }
        Action::Submit(submit) => {
            capture("location", CaptureKind::String);
            let token = submit.token.clone();
            known.submit_tokens.insert(id.to_string(), token);
        }
        Action::Download(download) => match download.read {
            Read::MatchResult => {
                capture("group", CaptureKind::String);
                known.gathered.match_result = true;
            }
            Read::MemberData | Read::GroupData => known.gathered.records = true,
        },
        Action::Token(_) => {
            capture(ASSERTION, CaptureKind::Secret);
            known.last_token = Some(id.clone());
        }
        Action::Poll(_) | Action::Check(_) | Action::Release(_) => {}
    }
}

fn duty(table: &Table<'_>) -> Duty {
    let always = table.flag("always").unwrap_or(false);
    let may_fail = table.flag("allow_failure").unwrap_or(false);
    match (always, may_fail) {
        (true, true) => {
            let what = "`always` and `allow_failure` are both set in one step";
            let help = "keep `always`: such a step never decides";
            table.report(table.place(), what, help);
            Duty::Always
        }
        (true, false) => Duty::Always,
        (false, true) => Duty::MayFail,
        (false, false) => Duty::Required,
    }
}

/// `"matched"`, or a table about a captured value.
fn when(table: &Table<'_>, known: &Known) -> Option<When> {
    if !table.is_table("when") {
        let spanned = table.text("when")?;
        if spanned.value != "matched" {
            let what = format!("`when` = \"{}\" is not known", spanned.value);
            let help = "write \"matched\", or { value = \"<step>.<capture>\", equals = \"…\" }";
            table.report(spanned.span, what, help);
            return None;
        }
        if !known.gathered.match_result && known.broken.is_empty() {
            let help = "put a download step with read = \"match-result\" before it";
            table.report(
                table.place(),
                "this step waits for a match and none is read before it",
                help,
            );
        }
        return Some(When::Matched);
    }
    let table = table.table("when")?;
    let value = table.need_text("value", "\"<step>.<capture>\"");
    let (equals, present) = (table.scalar("equals"), table.flag("present"));
    if table.has("equals") == table.has("present") {
        let what = "a condition asks whether a value is there, or what it is";
        let help = "write one of `present = true` and `equals = \"…\"`";
        table.report(table.place(), what, help);
    }
    table.close();
    let (step, name, kind) = captured(&table, &value?, known)?;
    match (equals, present) {
        (Some(_), _) if kind == CaptureKind::Secret => {
            let what = format!("\"{step}.{name}\" is a secret, and `equals` would write it down");
            table.report(
                table.place(),
                what,
                "ask whether it is there: present = true",
            );
            None
        }
        (Some(equals), _) => Some(When::Equals(step, name, equals)),
        (None, Some(present)) => Some(When::Present(step, name, present)),
        (None, None) => None,
    }
}

fn retry(table: &Table<'_>, action: Option<&Action>) -> Option<Retry> {
    let table = table.table("retry")?;
    let attempts = table.number("attempts", 2..ATTEMPTS_LIMIT);
    if !table.has("attempts") {
        table.missing("attempts", "3");
    }
    if !table.has("on") || table.is_empty_list("on") {
        table.missing("on", "[\"connect\", \"5xx\", \"429\"]");
    }
    let on = words(&table, "on", Transient::ALL, Transient::name);
    let duration = |key, default| table.duration(key).map_or(default, |spanned| spanned.value);
    let (wait, wait_max) = (
        duration("wait", RETRY_WAIT),
        duration("wait_max", RETRY_WAIT_MAX),
    );
    table.close();
    if wait > wait_max {
        let what = "`wait` is longer than `wait_max`";
        table.report(
            table.place(),
            what,
            "write a shorter `wait`, or a longer `wait_max`",
        );
    }
    match action? {
        Action::Check(_) => {
            let what = "a check sends no request, so there is nothing to retry";
            table.report(table.place(), what, "take `retry` away");
        }
        Action::Submit(_)
        | Action::Request(Request {
            method: Method::Post | Method::Patch,
            ..
        }) if on.contains(&Transient::Reset) => {
            let what = "after a reset it is unknown whether the request was processed";
            let help = "take \"reset\" out of `on`";
            table.report(table.place(), what, help);
        }
        Action::Submit(_)
        | Action::Request(_)
        | Action::Token(_)
        | Action::Poll(_)
        | Action::Watch(_)
        | Action::Download(_)
        | Action::Release(_) => {}
    }
    Some(Retry {
        attempts: u32::try_from(attempts?).ok()?,
        on,
        wait,
        wait_max,
    })
}
