//! The verbs of a step.

use std::time::Duration;

use super::answer::{captures, expect, is, unknown, word};
use super::diagnostic::nearest;
use super::known::Known;
use super::send::{body, headers};
use super::template::url;
use super::tree::{Spanned, Table};
use crate::model::{
    Action, AnswerCheck, DeprecatedKind, Download, Fresh, GroupOracle, MemberId, Method, Poll,
    Read, RecordCheck, Release, Request, SignIn, StepId, Submit, Watch,
};

pub(super) const VERBS: &[&str] = &["request", "token", "submit", "poll", "download", "check"];
/// The longest wait that a `Retry-After` may ask for, unless the step says otherwise.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3600);
/// The wait before a document is looked at again, unless the step says otherwise.
const WATCH_EVERY: Duration = Duration::from_secs(1);

pub(super) fn action(table: &Table<'_>, verb: &Spanned<&str>, known: &Known) -> Option<Action> {
    match verb.value {
        "request" if table.has("release") => release(table, known),
        "request" => request(table, known),
        "token" => token_step(table, known),
        "submit" => submit(table, known),
        "poll" if table.has("until") => watch(table, known),
        "poll" => poll(table, known),
        "download" => {
            let manifest = earlier(table, "manifest", "poll", known);
            let read = word(table, "read", Read::ALL, Read::name);
            if !table.has("read") {
                table.missing(
                    "read",
                    "\"match-result\", \"member-data\" or \"group-data\"",
                );
            }
            let group = group(table, read);
            let token = token(table, known);
            Some(Action::Download(Download {
                manifest: manifest?,
                read: read?,
                group: group?,
                token: token?,
            }))
        }
        "check" => {
            let checks = checks(table, &RECORD_CHECKS, &ANSWER_CHECKS);
            fed(table, &checks, known);
            if !table.has("check") || table.is_empty_list("check") {
                table.missing("check", "[\"expected-bucket\"]");
            }
            Some(Action::Check(checks))
        }
        other => {
            let help = match nearest(other, VERBS.iter().copied()) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("verbs: {}", VERBS.join(", ")),
            };
            table.report(
                verb.span.clone(),
                format!("`use` = \"{other}\" is no verb"),
                help,
            );
            None
        }
    }
}

fn token_step(table: &Table<'_>, known: &Known) -> Option<Action> {
    let example = "\"{{ discovery.token_endpoint }}\"";
    let endpoint = url(table, "endpoint", example, known);
    let scope = table.texts("scope");
    if !table.has("scope") || table.is_empty_list("scope") {
        table.missing("scope", "[\"system/*.rs\"]");
    }
    let scope = scope
        .into_iter()
        .map(|spanned| spanned.value.to_owned())
        .collect();
    let (fresh, every) = (table.flag("fresh"), table.duration("fresh_every"));
    if let (Some(_), Some(every)) = (fresh, &every) {
        let what = "`fresh` and `fresh_every` are both set in one step";
        table.report(every.span.clone(), what, "keep one of them");
    }
    let fresh = match (fresh, every) {
        (_, Some(every)) => Fresh::Every(every.value),
        (Some(true), None) => Fresh::Always,
        (Some(false) | None, None) => Fresh::Never,
    };
    Some(Action::Token(SignIn {
        endpoint: endpoint?,
        scope,
        fresh,
    }))
}

fn submit(table: &Table<'_>, known: &Known) -> Option<Action> {
    let example = "\"{{ partner.base_url }}/Group/$bulk-member-match\"";
    let url = url(table, "url", example, known);
    let kick_offs = [Method::Post, Method::Get];
    let method = word(table, "method", &kick_offs, Method::name);
    if method.is_none() && table.has("method") {
        return None;
    }
    let method = method.unwrap_or(Method::Post);
    let has_body = table.has("body");
    let body = has_body.then(|| body(table, known));
    if method == Method::Get && has_body {
        let what = "a GET with a `body`";
        table.report(
            table.place(),
            what,
            "put the parameters into the `url`, or take method = \"GET\" away",
        );
    }
    if method == Method::Post && !has_body {
        table.missing("body", "\"member-match-parameters\"");
    }
    let headers = headers(table, known);
    let token = token(table, known);
    Some(Action::Submit(Submit {
        method,
        url: url?,
        headers: headers?,
        body: match body {
            Some(body) => Some(body?),
            None if method == Method::Get => None,
            None => return None,
        },
        token: token?,
    }))
}

/// `group = "any"`, `"all"` or `["m-1", "m-2"]`: whose records an export of a group must hold.
fn group(table: &Table<'_>, read: Option<Read>) -> Option<GroupOracle> {
    if !table.has("group") {
        return Some(GroupOracle::All);
    }
    if read.is_some_and(|read| read != Read::GroupData) {
        let what = "`group` in a step that reads no group";
        let help = "write read = \"group-data\", or take `group` away";
        table.report(table.place(), what, help);
    }
    if table.is_list("group") {
        let members = table.texts("group").into_iter();
        let members: Vec<MemberId> = members.map(|one| MemberId::new(one.value)).collect();
        if members.is_empty() {
            let help = "name members of the set, or write \"all\" or \"any\"";
            table.report(table.place(), "`group` names nobody", help);
            return None;
        }
        return Some(GroupOracle::Members(members));
    }
    let spanned = table.text("group")?;
    match spanned.value {
        "all" => Some(GroupOracle::All),
        "any" => Some(GroupOracle::Any),
        _ => {
            unknown(table, &spanned, "group", ["all", "any"].into_iter());
            None
        }
    }
}

/// Whether steps before it gather what each check looks at: one without it would blame the partner for the journey.
fn fed(table: &Table<'_>, checks: &[RecordCheck], known: &Known) {
    if !known.broken.is_empty() {
        return;
    }
    for check in checks {
        let (what, help) = if check.needs_match() && !known.gathered.match_result {
            (
                "a match result, and no step before it reads one",
                "take it away, or put a download step with read = \"match-result\" before it",
            )
        } else if check.needs_records() && !known.gathered.records {
            (
                "records, and no step before it reads any",
                "put a download step with read = \"member-data\" before it",
            )
        } else {
            continue;
        };
        let what = format!("\"{}\" needs {what}", check.name());
        table.report(table.place(), what, help);
    }
}

fn poll(table: &Table<'_>, known: &Known) -> Option<Action> {
    let job = url(table, "job", "\"{{ match.location }}\"", known);
    let cap = table.duration("retry_after_max");
    let token = token(table, known);
    Some(Action::Poll(Poll {
        job: job?,
        token: token?,
        retry_after_max: cap.map_or(RETRY_AFTER_MAX, |spanned| spanned.value),
    }))
}

fn watch(table: &Table<'_>, known: &Known) -> Option<Action> {
    let example = "\"{{ partner.base_url }}/jobs/{{ begun.id }}\"";
    let url = url(table, "url", example, known);
    let headers = headers(table, known);
    let token = token_named(table, known);
    let expect = expect(table, known);
    let (until, fail) = (is(table, "until"), is(table, "fail"));
    let every = table.duration("every");
    let cap = table.duration("retry_after_max");
    let captures = captures(table);
    if table.has("fail") && fail.is_none() {
        return None;
    }
    Some(Action::Watch(Watch {
        url: url?,
        headers: headers?,
        token,
        expect,
        until: until?,
        fail,
        every: every.map_or(WATCH_EVERY, |spanned| spanned.value),
        retry_after_max: cap.map_or(RETRY_AFTER_MAX, |spanned| spanned.value),
        captures: captures?,
    }))
}

fn release(table: &Table<'_>, known: &Known) -> Option<Action> {
    let job_of = earlier(table, "release", "submit", known)?;
    let token = match token_named(table, known) {
        Some(token) => Some(token),
        None => known.submit_tokens.get(job_of.as_str())?.clone(),
    };
    Some(Action::Release(Release { job_of, token }))
}

fn request(table: &Table<'_>, known: &Known) -> Option<Action> {
    let method = word(table, "method", Method::ALL, Method::name).unwrap_or(Method::Get);
    let url = url(table, "url", "\"{{ partner.base_url }}/metadata\"", known);
    let headers = headers(table, known);
    // What is wrong with it is reported with every other mistake of the step.
    let body = table.has("body").then(|| body(table, known));
    if body.is_some() && !method.takes_a_body() {
        let what = format!("a {method} with a `body`");
        table.report(
            table.place(),
            what,
            "write method = \"POST\", \"PUT\" or \"PATCH\", or take the body away",
        );
    }
    let token = token_named(table, known);
    let mut expect = expect(table, known);
    let checks = checks(table, &ANSWER_CHECKS, &RECORD_CHECKS);
    if !table.has("expect") && checks.iter().any(|check| check.is_refusal()) {
        expect.status.clear();
    }
    let captures = captures(table);
    Some(Action::Request(Request {
        method,
        url: url?,
        headers: headers?,
        body: match body {
            Some(body) => Some(body?),
            None => None,
        },
        token,
        expect,
        checks,
        captures: captures?,
    }))
}

/// The checks that one kind of step may name.
struct CheckNames<T: 'static> {
    /// The verb of such a step.
    verb: &'static str,
    all: &'static [T],
    name: fn(T) -> &'static str,
}

const ANSWER_CHECKS: CheckNames<AnswerCheck> = CheckNames {
    verb: "request",
    all: AnswerCheck::ALL,
    name: AnswerCheck::name,
};
const RECORD_CHECKS: CheckNames<RecordCheck> = CheckNames {
    verb: "check",
    all: RecordCheck::ALL,
    name: RecordCheck::name,
};

impl<T: Copy> CheckNames<T> {
    fn named(&self, name: &str) -> Option<T> {
        let mut all = self.all.iter().copied();
        all.find(|one| (self.name)(*one) == name)
    }
}

/// The checks that a step names, of those that its kind accepts.
fn checks<T: Copy, U: Copy>(
    table: &Table<'_>,
    accepted: &CheckNames<T>,
    elsewhere: &CheckNames<U>,
) -> Vec<T> {
    let known = accepted.all.iter().map(|one| (accepted.name)(*one));
    let mut checks = Vec::new();
    for spanned in table.texts("check") {
        let spanned = table.current(DeprecatedKind::CheckName, spanned);
        if let Some(check) = accepted.named(spanned.value) {
            checks.push(check);
        } else if elsewhere.named(spanned.value).is_some() {
            let message = format!("\"{}\" has nothing to look at in this step", spanned.value);
            let help = format!("put it into a step with use = \"{}\"", elsewhere.verb);
            table.report(spanned.span, message, help);
        } else {
            unknown(table, &spanned, "check", known.clone());
        }
    }
    checks
}

/// The step named by `key`, which must be an earlier one with this verb.
fn earlier(table: &Table<'_>, key: &'static str, verb: &str, known: &Known) -> Option<StepId> {
    let spanned = table.need_text(key, &format!("\"<id of an earlier {verb} step>\""))?;
    if known.verbs.get(spanned.value) == Some(&verb) {
        return Some(StepId::new(spanned.value));
    }
    if known.broken.contains(spanned.value) {
        return None;
    }
    let fitting = known
        .verbs
        .iter()
        .filter(|(_, of)| **of == verb)
        .map(|(id, _)| id.as_str());
    let fitting: Vec<_> = fitting.collect();
    let what = format!("`{key}` = \"{}\" is no earlier {verb} step", spanned.value);
    let help = if fitting.is_empty() {
        format!("put a step with use = \"{verb}\" before this one")
    } else {
        format!("earlier {verb} steps: {}", fitting.join(", "))
    };
    table.report(spanned.span, what, help);
    None
}

fn token_named(table: &Table<'_>, known: &Known) -> Option<StepId> {
    table
        .has("token")
        .then(|| earlier(table, "token", "token", known))
        .flatten()
}

/// The token named, else that of the nearest token step above; no token where no step asks for one, which only fits a
/// partner without sign-in. None where a step above it has a mistake.
#[expect(
    clippy::option_option,
    reason = "a token, no token, and a token that is not known are three things"
)]
fn token(table: &Table<'_>, known: &Known) -> Option<Option<StepId>> {
    if table.has("token") {
        return token_named(table, known).map(Some);
    }
    if known.last_token.is_none() && known.has_broken_token {
        return None;
    }
    Some(known.last_token.clone())
}
