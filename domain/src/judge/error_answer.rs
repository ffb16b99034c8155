//! What any error answer is judged by: the cause that its status gives, and the form of its body.

use crate::model::{Answer, Cause, Finding, catalogue};

/// The cause that an unexpected status gives.
pub fn status_cause(status: u16) -> Cause {
    match status {
        401 | 403 => Cause::Auth,
        429 => Cause::Throttled,
        _ => Cause::Status,
    }
}

/// an error's body is an OperationOutcome. None when there is no body.
pub fn operation_outcome(answer: &Answer) -> Option<Finding> {
    answer.has_body.then(|| {
        let passed = answer
            .json
            .as_ref()
            .is_some_and(|json| json["resourceType"] == "OperationOutcome");
        let seen = if passed {
            "OperationOutcome"
        } else {
            match answer.not_json {
                Some(_) => &answer.body_kind(),
                None => "a body that is no OperationOutcome",
            }
        };
        catalogue::OPERATION_OUTCOME.finding(passed, "OperationOutcome", seen)
    })
}
