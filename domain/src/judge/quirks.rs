//! Quirks, the known differences of a partner: recognised in the evidence and compared with those that its file
//! declares. A declared quirk changes what is expected; the rules of the layers stay.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::retry_after::RetryAfter;
use crate::model::{Answer, Check, Finding, Quirk, catalogue};

/// A `Retry-After` from here on is long, while a job runs.
const RETRY_AFTER_LONG: std::time::Duration = std::time::Duration::from_secs(60);

/// The quirks that one run looked for, and those that it saw.
#[derive(Clone, Debug, Default)]
pub struct ObservedQuirks {
    looked: BTreeSet<Quirk>,
    seen: BTreeSet<Quirk>,
}

impl ObservedQuirks {
    /// Notes what was looked at, and whether it was there.
    pub fn note(&mut self, all: impl IntoIterator<Item = (Quirk, bool)>) {
        for (quirk, is_there) in all {
            self.looked.insert(quirk);
            if is_there {
                self.seen.insert(quirk);
            }
        }
    }

    /// A declared quirk passes, an undeclared one is reported as new, and so is a declared one that should have been
    /// seen and was not.
    pub fn findings(&self, declared: &BTreeSet<Quirk>) -> Vec<Finding> {
        let new = self.seen.difference(declared).map(|quirk| {
            let expected = format!("{quirk} declared in `quirks`, or not there");
            catalogue::QUIRK.finding(false, expected, format!("a new quirk: {quirk}"))
        });
        let looked = declared.intersection(&self.looked);
        let unseen = looked.filter(|quirk| quirk.shows_in_health() && !self.seen.contains(quirk));
        let unseen = unseen.map(|quirk| {
            let mut finding = catalogue::QUIRK.finding(
                false,
                format!("{quirk}, as declared"),
                "a partner without it: take it out of `quirks`",
            );
            finding.severity = crate::model::Severity::Info;
            finding
        });
        let known = self.seen.intersection(declared);
        let known = known.map(|quirk| {
            catalogue::QUIRK.finding(true, format!("{quirk}, as declared"), quirk.to_string())
        });
        new.chain(unseen).chain(known).collect()
    }
}

/// The answer to a kick-off.
pub fn of_kick_off(answer: &Answer) -> Vec<(Quirk, bool)> {
    let words = answer.json.as_ref().map(|json| json["issue"].to_string());
    let is_load = |words: String| words.contains("throttled") || words.contains("too many");
    match answer.status {
        200 => vec![(Quirk::DirectResult, true)],
        202 => vec![(Quirk::DirectResult, false)],
        400 if words.is_some_and(|words| is_load(words.to_ascii_lowercase())) => {
            vec![(Quirk::Throttled400, true)]
        }
        429 => vec![(Quirk::OneJob, says_one_job(answer))],
        _ => Vec::new(),
    }
}

fn says_one_job(answer: &Answer) -> bool {
    let words = answer
        .json
        .as_ref()
        .map(|json| json["issue"].to_string().to_ascii_lowercase());
    words.is_some_and(|words| words.contains("open") && words.contains("group"))
}

/// The answer to a look at a job that goes on.
pub fn of_wait(answer: &Answer, asked: RetryAfter) -> Vec<(Quirk, bool)> {
    let is_date = matches!(asked, RetryAfter::Wait(_))
        && answer
            .header("retry-after")
            .is_some_and(|text| text.contains(':'));
    match asked {
        RetryAfter::Absent => Vec::new(),
        RetryAfter::Wait(wait) => vec![
            (Quirk::RetryAfterEpoch, false),
            (Quirk::RetryAfterDate, is_date),
            (Quirk::RetryAfterLong, wait >= RETRY_AFTER_LONG),
        ],
        RetryAfter::Odd(form, _) => vec![(Quirk::RetryAfterEpoch, form.is_epoch())],
        RetryAfter::Unreadable => vec![(Quirk::RetryAfterEpoch, false)],
    }
}

/// The answer that carries a manifest.
pub fn of_manifest(answer: &Answer) -> Vec<(Quirk, bool)> {
    let expires = answer.header("expires");
    let is_bare = answer
        .json
        .as_ref()
        .is_some_and(|json| json["error"].is_null());
    let is_odd = expires.is_some_and(|text| httpdate::parse_http_date(text).is_err());
    vec![
        (Quirk::ExpiresAbsent, expires.is_none()),
        (Quirk::ExpiresOdd, is_odd),
        (Quirk::NoErrorList, is_bare),
    ]
}

/// The answer to the release of a job that is done.
pub fn of_release(answer: &Answer) -> Vec<(Quirk, bool)> {
    vec![
        (Quirk::Delete404, answer.status == 404),
        (Quirk::Delete200, matches!(answer.status, 200 | 204)),
        (Quirk::Delete405, answer.status == 405),
        (Quirk::Gone410, answer.status == 410),
    ]
}

/// Any refusal.
pub fn of_refusal(answer: &Answer) -> Vec<(Quirk, bool)> {
    let is_error = answer.status >= 400 && answer.has_body;
    let is_outcome = answer.json.as_ref().is_some_and(|json| {
        json["resourceType"] == "OperationOutcome" || json["error"].is_string()
    });
    if is_error {
        vec![
            (Quirk::ErrorsOfItsOwn, !is_outcome),
            (Quirk::Gone410, answer.status == 410),
        ]
    } else {
        Vec::new()
    }
}

/// Whether a declared quirk makes this finding what was to be expected.
pub fn excuses(declared: &BTreeSet<Quirk>, finding: &Finding, answer: &Answer) -> bool {
    let is = |rule: &Check| finding.check == rule.name();
    let has = |quirk| declared.contains(&quirk);
    if is(&catalogue::RELEASED) {
        return match answer.status {
            404 => has(Quirk::Delete404),
            405 => has(Quirk::Delete405),
            410 => has(Quirk::Gone410),
            _ => false,
        };
    }
    if is(&catalogue::RETRY_AFTER) {
        let now = DateTime::<Utc>::UNIX_EPOCH;
        let asked = super::retry_after::retry_after(answer.header("retry-after"), now);
        let is_epoch = matches!(asked, RetryAfter::Odd(form, _) if form.is_epoch());
        return is_epoch && has(Quirk::RetryAfterEpoch);
    }
    if is(&catalogue::GONE) {
        return has(Quirk::Delete404) || has(Quirk::Delete405);
    }
    (is(&catalogue::EXPIRES) && (has(Quirk::ExpiresOdd) || has(Quirk::ExpiresAbsent)))
        || (is(&catalogue::OPERATION_OUTCOME) && has(Quirk::ErrorsOfItsOwn))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_ones_are_silent_others_are_new_and_unseen_ones_are_told() {
        let mut seen = ObservedQuirks::default();
        seen.note([
            (Quirk::Delete404, true),
            (Quirk::ExpiresOdd, true),
            (Quirk::EmptyGroups, false),
        ]);
        let declared = [
            Quirk::Delete404,
            Quirk::EmptyGroups,
            Quirk::DirectResult,
            Quirk::OneJob,
        ];
        let findings = seen.findings(&declared.into());
        let told: Vec<_> = findings
            .iter()
            .map(|one| (one.passed, one.severity.name(), one.seen.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                (false, "warn", "a new quirk: expires-odd"),
                (
                    false,
                    "info",
                    "a partner without it: take it out of `quirks`"
                ),
                (true, "warn", "delete-404"),
            ]
        );
        assert!(
            findings[1].expected.contains("empty-groups"),
            "what was not looked at is not missed"
        );
    }
}
