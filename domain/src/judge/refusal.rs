//! Negative steps: what must be refused is refused, in the right words.

use super::error_answer::{operation_outcome, status_cause};
use crate::model::{Answer, Check, Finding};

/// Whether an answer is one of these refusals. The body of a refusal is an OperationOutcome; token
/// endpoints speak OAuth instead.
pub fn refused(rule: &Check, statuses: &[u16], answer: &Answer) -> Vec<Finding> {
    let list: Vec<_> = statuses.iter().map(u16::to_string).collect();
    let passed = statuses.contains(&answer.status);
    let expected = format!("refused with {}", list.join(" or "));
    // Let in where it should not be is worse than refused in the wrong words.
    let cause = match answer.status {
        200..=299 => rule.cause(),
        other => status_cause(other),
    };
    let seen = format!("status {}", answer.status);
    let mut findings = vec![rule.finding_as(cause, passed, expected, seen)];
    let is_oauth = answer
        .json
        .as_ref()
        .is_some_and(|json| json["error"].is_string());
    if passed && !is_oauth {
        findings.extend(operation_outcome(answer));
    }
    findings
}
