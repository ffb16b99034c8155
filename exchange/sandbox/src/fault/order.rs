//! An order: which fault, of which requests, how often, from when until when.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::kind::{Fault, Point};
use super::operation::Operation;

/// Longest delay that an order may ask for, in milliseconds.
const MILLIS_MAX: u64 = 3_600_000;
/// Longest name of a member in an order.
const MEMBER_CHARS_MAX: usize = 64;

/// An order as it is given to the control API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Which fault.
    pub fault: Fault,
    /// Only requests of this operation; all that the fault is about when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// Only requests about this member, e.g. `or-m0001`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// How likely each of those requests meets the fault: 0 to 1.
    #[serde(default = "certain")]
    pub probability: f64,
    /// What the likelihood is drawn from.
    #[serde(default)]
    pub seed: u64,
    /// Not before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<DateTime<Utc>>,
    /// Not from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<DateTime<Utc>>,
    /// Over after so many hits; as the fault has it when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// The delay of `latency`, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub millis: Option<u64>,
}

fn certain() -> f64 {
    1.0
}

/// What is wrong with an order, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub cure: String,
}

impl Mistake {
    fn new(what: impl Into<String>, cure: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            cure: cure.into(),
        }
    }
}

impl Order {
    /// A fault as long as it is on, of all that it is about.
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

    /// Whether the order makes sense.
    ///
    /// # Errors
    /// The first thing that does not, with its cure.
    pub fn checked(self) -> Result<Self, Mistake> {
        let name = self.fault.name();
        if !(0.0..=1.0).contains(&self.probability) {
            let what = format!("probability is {}", self.probability);
            return Err(Mistake::new(what, "give a number from 0 to 1"));
        }
        if let Some(operation) = self.operation
            && !self.fault.operations().contains(&operation)
        {
            let known = self.fault.operations().iter().map(|one| one.name());
            let known: Vec<&str> = known.collect();
            return Err(Mistake::new(
                format!("{name} is not about {}", operation.name()),
                format!("one of: {}", known.join(", ")),
            ));
        }
        if let (Some(start), Some(end)) = (self.start, self.end)
            && start >= end
        {
            return Err(Mistake::new(
                "the order ends before it starts",
                "let end be later than start",
            ));
        }
        if self
            .member
            .as_ref()
            .is_some_and(|member| member.is_empty() || member.len() > MEMBER_CHARS_MAX)
        {
            return Err(Mistake::new(
                "member is no name of a member",
                "e.g. or-m0001",
            ));
        }
        if self.millis.is_some_and(|millis| millis > MILLIS_MAX) {
            let cure = format!("at most {MILLIS_MAX} milliseconds");
            return Err(Mistake::new("the delay is too long", cure));
        }
        if self.millis.is_some() && self.fault != Fault::Latency {
            return Err(Mistake::new(
                format!("{name} has no delay to set"),
                "leave millis out",
            ));
        }
        if self.fault.point() == Point::Listener && !self.is_whole() {
            let cure = "leave operation, member, probability, start, end and times out";
            return Err(Mistake::new(
                format!("{name} is of the whole listener"),
                cure,
            ));
        }
        Ok(self)
    }

    /// Whether nothing narrows it.
    fn is_whole(&self) -> bool {
        let anything = self.operation.is_none() && self.member.is_none();
        let always = self.start.is_none() && self.end.is_none() && self.times.is_none();
        anything && always && self.probability >= 1.0
    }

    /// Whether the order is about requests of that operation at that time.
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

    fn mistake(text: &str) -> String {
        let order: Order = serde_json::from_str(text).unwrap();
        order.checked().unwrap_err().what
    }

    #[test]
    fn orders_that_make_no_sense_are_refused() {
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
            assert_eq!(mistake(text), what);
        }
        assert!(serde_json::from_str::<Order>(r#"{"fault":"latency","oops":1}"#).is_err());
        assert!(Order::plain(Fault::ConnectionRefused).checked().is_ok());
    }
}
