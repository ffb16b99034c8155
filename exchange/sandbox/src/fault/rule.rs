//! A fault rule: one fault with its conditions, i.e. which requests, how often, and from when until when.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::kind::{Fault, Point};
use super::operation::Operation;

/// Longest delay that a rule may set, in milliseconds.
const MILLIS_MAX: u64 = 3_600_000;
/// Longest name of a member in a rule.
const MEMBER_CHARS_MAX: usize = 64;

/// A fault rule, as the control API takes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// The fault.
    pub fault: Fault,
    /// Only requests of this operation; when left out, all operations of the fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// Only requests about this member, e.g. `or-m0001`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// The probability that the fault fires for a matching request, 0 to 1.
    #[serde(default = "certain")]
    pub probability: f64,
    /// The seed of the probability.
    #[serde(default)]
    pub seed: u64,
    /// The rule applies from this time on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<DateTime<Utc>>,
    /// The rule applies until just before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<DateTime<Utc>>,
    /// The rule ends after so many hits; when left out, the fault's own number counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// The delay of `latency`, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub millis: Option<u64>,
}

fn certain() -> f64 {
    1.0
}

/// Why a rule is refused, and how to fix it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError {
    /// What is wrong.
    pub what: String,
    /// How to fix it.
    pub fix: String,
}

impl RuleError {
    fn new(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            fix: fix.into(),
        }
    }
}

impl FaultRule {
    /// A rule without conditions.
    pub fn plain(fault: Fault) -> Self {
        Self {
            fault,
            operation: None,
            member: None,
            probability: 1.0,
            seed: 0,
            start: None,
            end: None,
            times: None,
            millis: None,
        }
    }

    /// The rule, when its conditions fit the fault.
    ///
    /// # Errors
    /// The first condition that does not fit, with its fix.
    pub fn checked(self) -> Result<Self, RuleError> {
        let name = self.fault.name();
        if !(0.0..=1.0).contains(&self.probability) {
            let what = format!("probability is {}", self.probability);
            return Err(RuleError::new(what, "give a number from 0 to 1"));
        }
        if let Some(operation) = self.operation
            && !self.fault.operations().contains(&operation)
        {
            let known = self.fault.operations().iter().map(|one| one.name());
            let known: Vec<&str> = known.collect();
            return Err(RuleError::new(
                format!("{name} is not about {}", operation.name()),
                format!("one of: {}", known.join(", ")),
            ));
        }
        if let (Some(start), Some(end)) = (self.start, self.end)
            && start >= end
        {
            return Err(RuleError::new(
                "the order ends before it starts",
                "let end be later than start",
            ));
        }
        if self
            .member
            .as_ref()
            .is_some_and(|member| member.is_empty() || member.len() > MEMBER_CHARS_MAX)
        {
            return Err(RuleError::new(
                "member is no name of a member",
                "e.g. or-m0001",
            ));
        }
        if self.millis.is_some_and(|millis| millis > MILLIS_MAX) {
            let fix = format!("at most {MILLIS_MAX} milliseconds");
            return Err(RuleError::new("the delay is too long", fix));
        }
        if self.millis.is_some() && self.fault != Fault::Latency {
            return Err(RuleError::new(
                format!("{name} has no delay to set"),
                "leave millis out",
            ));
        }
        if self.fault.point() == Point::Listener && !self.is_unconditional() {
            let fix = "leave operation, member, probability, start, end and times out";
            return Err(RuleError::new(
                format!("{name} is of the whole listener"),
                fix,
            ));
        }
        Ok(self)
    }

    /// Whether the rule has no conditions.
    fn is_unconditional(&self) -> bool {
        let anything = self.operation.is_none() && self.member.is_none();
        let always = self.start.is_none() && self.end.is_none() && self.times.is_none();
        anything && always && self.probability >= 1.0
    }

    /// Whether requests of that operation at that time match the rule.
    pub(super) fn covers(&self, operation: Operation, now: DateTime<Utc>) -> bool {
        let is_about = match self.operation {
            Some(only) => only == operation,
            None => self.fault.operations().contains(&operation),
        };
        is_about
            && self.start.is_none_or(|start| start <= now)
            && self.end.is_none_or(|end| now < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        let rule: FaultRule = serde_json::from_str(text).unwrap();
        rule.checked().unwrap_err().what
    }

    #[test]
    fn rules_with_unfit_conditions_are_refused() {
        for (text, what) in [
            (
                r#"{"fault":"latency","probability":1.5}"#,
                "probability is 1.5",
            ),
            (
                r#"{"fault":"token-slow","operation":"file"}"#,
                "token-slow is not about file",
            ),
            (
                r#"{"fault":"latency","start":"2026-11-22T00:00:00Z","end":"2026-11-22T00:00:00Z"}"#,
                "the order ends before it starts",
            ),
            (
                r#"{"fault":"latency","member":""}"#,
                "member is no name of a member",
            ),
            (
                r#"{"fault":"latency","millis":3600001}"#,
                "the delay is too long",
            ),
            (
                r#"{"fault":"server-error","millis":1}"#,
                "server-error has no delay to set",
            ),
            (
                r#"{"fault":"connection-refused","probability":0.5}"#,
                "connection-refused is of the whole listener",
            ),
        ] {
            assert_eq!(refusal(text), what);
        }
        assert!(serde_json::from_str::<FaultRule>(r#"{"fault":"latency","oops":1}"#).is_err());
        assert!(FaultRule::plain(Fault::ConnectionRefused).checked().is_ok());
    }
}
