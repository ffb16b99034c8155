//! The fault rules of one partner: they decide which fault a request gets, and a log keeps the hits.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use exchange_kit::random::Stream;
use serde::Serialize;

use super::kind::{Fault, Leaf, Point};
use super::operation::Operation;
use super::rule::{FaultRule, RuleError};

/// Most active rules of one partner; one more is refused.
const RULES_MAX: usize = 64;
/// Most hits in the log; older ones are dropped.
const HITS_MAX: usize = 10_000;

/// An active rule.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ActiveRule {
    /// Its number at this partner; numbers are not used twice.
    pub number: u64,
    /// The rule as the client sent it.
    #[serde(flatten)]
    pub rule: FaultRule,
    /// Number of matching requests.
    #[serde(rename = "asked")]
    pub requests: u64,
    /// Number of matching requests for which the fault fired.
    pub hits: u64,
}

/// One request for which a fault fired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HitRecord {
    /// The rule's number.
    #[serde(rename = "order")]
    pub rule: u64,
    /// Its fault.
    pub fault: Fault,
    /// The request's operation.
    pub operation: Operation,
    /// The request's position among the rule's matching requests, counted from 1.
    pub request: u64,
}

/// A fault that fires for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The fault.
    pub fault: Fault,
    /// The delay, when the rule sets one.
    pub millis: Option<u64>,
    /// The member, when the rule is limited to one.
    pub member: Option<String>,
}

impl Hit {
    /// A hit of `fault`, without delay or member.
    pub fn of(fault: Fault) -> Self {
        Self {
            fault,
            millis: None,
            member: None,
        }
    }
}

/// All faults that fire for one request. They travel with the request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hits(pub Vec<Hit>);

impl Hits {
    /// Whether that fault is among them.
    pub fn has(&self, fault: Fault) -> bool {
        self.0.iter().any(|hit| hit.fault == fault)
    }

    /// Whether that fault is among them for a member. A rule without a member applies to every member.
    pub fn has_for(&self, fault: Fault, member: Option<&str>) -> bool {
        self.0.iter().any(|hit| {
            hit.fault == fault && (hit.member.is_none() || hit.member.as_deref() == member)
        })
    }

    /// The hits whose fault is injected at that point.
    pub fn at(&self, point: Point) -> impl Iterator<Item = &Hit> {
        self.0.iter().filter(move |hit| hit.fault.point() == point)
    }
}

/// The fault rules of one partner.
#[derive(Debug, Default)]
pub struct FaultSet {
    last: u64,
    rules: Vec<ActiveRule>,
    log: VecDeque<HitRecord>,
}

impl FaultSet {
    /// Adds a rule and returns its number.
    ///
    /// # Errors
    /// When the partner has the maximum number of rules.
    pub fn add(&mut self, rule: FaultRule) -> Result<u64, RuleError> {
        if self.rules.len() >= RULES_MAX {
            return Err(RuleError {
                what: format!("{RULES_MAX} faults are on already"),
                fix: "clear some of them".to_owned(),
            });
        }
        self.last += 1;
        self.rules.push(ActiveRule {
            number: self.last,
            rule,
            requests: 0,
            hits: 0,
        });
        Ok(self.last)
    }

    /// Removes a rule; returns whether it existed.
    pub fn remove(&mut self, number: u64) -> bool {
        let before = self.rules.len();
        self.rules.retain(|one| one.number != number);
        self.rules.len() < before
    }

    /// Removes every rule and the log. Rule numbers start at 1 again.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The active rules, the oldest first.
    pub fn active(&self) -> &[ActiveRule] {
        &self.rules
    }

    /// The hits, the oldest first.
    pub fn log(&self) -> impl Iterator<Item = &HitRecord> {
        self.log.iter()
    }

    /// Whether a rule for that fault is active.
    pub fn is_on(&self, fault: Fault) -> bool {
        self.rules.iter().any(|one| one.rule.fault == fault)
    }

    /// The fault of the newest rule.
    pub fn newest(&self) -> Option<Fault> {
        self.rules.last().map(|one| one.rule.fault)
    }

    /// The certificate to present: the newest rule that names one decides.
    pub fn leaf(&self) -> Leaf {
        let mut newest = self.rules.iter().rev();
        newest
            .find_map(|one| one.rule.fault.leaf())
            .unwrap_or_default()
    }

    /// Whether a rule that is limited to a member covers such a request. Only then is the request's subject read.
    pub fn has_member_rule(&self, operation: Operation, now: DateTime<Utc>) -> bool {
        let mut rules = self.rules.iter();
        rules.any(|one| one.rule.member.is_some() && one.rule.covers(operation, now))
    }

    /// The faults that fire for a request. `concerns` says whether a fault can show in it at all; `members` are
    /// the members that the request is about.
    pub fn evaluate(
        &mut self,
        operation: Operation,
        now: DateTime<Utc>,
        concerns: impl Fn(Fault) -> bool,
        members: &[String],
    ) -> Hits {
        let mut hits = Vec::new();
        for one in &mut self.rules {
            let rule = &one.rule;
            let is_meant = rule
                .member
                .as_ref()
                .is_none_or(|member| members.contains(member));
            let is_request = rule.fault.point() != Point::Listener;
            if !(is_request && rule.covers(operation, now) && concerns(rule.fault) && is_meant) {
                continue;
            }
            one.requests += 1;
            let times = rule.times.or(rule.fault.times());
            let is_over = times.is_some_and(|times| one.hits >= times);
            if is_over || !fires(rule, one.requests) {
                continue;
            }
            one.hits += 1;
            self.log.push_back(HitRecord {
                rule: one.number,
                fault: rule.fault,
                operation,
                request: one.requests,
            });
            hits.push(Hit {
                fault: rule.fault,
                millis: rule.millis,
                member: rule.member.clone(),
            });
        }
        while self.log.len() > HITS_MAX {
            self.log.pop_front();
        }
        Hits(hits)
    }
}

/// Whether a rule's fault fires for its matching request number `n`. Whether a fault fires depends only on its
/// seed and the number of matching requests so far.
fn fires(rule: &FaultRule, n: u64) -> bool {
    let drawn = Stream::new(rule.seed, &[rule.fault.name(), &n.to_string()]).next_u64();
    let drawn = u32::try_from(drawn >> 32).unwrap_or(u32::MAX);
    f64::from(drawn) < rule.probability * f64::from(u32::MAX) || rule.probability >= 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000, 0).unwrap()
    }

    fn evaluate(faults: &mut FaultSet, operation: Operation) -> Hits {
        faults.evaluate(operation, now(), |_| true, &[])
    }

    fn requests_hit(seed: u64) -> Vec<u64> {
        let mut faults = FaultSet::default();
        let rule = FaultRule {
            probability: 0.3,
            seed,
            ..FaultRule::plain(Fault::Latency)
        };
        faults.add(rule).unwrap();
        for _ in 0..1_000 {
            evaluate(&mut faults, Operation::Status);
        }
        faults.log().map(|one| one.request).collect()
    }

    #[test]
    fn the_same_seed_hits_the_same_requests_again() {
        assert_eq!(requests_hit(1), requests_hit(1));
        assert_ne!(requests_hit(1), requests_hit(2));
        assert!(
            (250..350).contains(&requests_hit(1).len()),
            "{}",
            requests_hit(1).len()
        );
    }

    #[test]
    fn several_rules_apply_at_once_each_within_its_limits() {
        let mut faults = FaultSet::default();
        let later = now() + chrono::Duration::seconds(1);
        faults.add(FaultRule::plain(Fault::MorePolls)).unwrap();
        let operation = Some(Operation::Token);
        faults
            .add(FaultRule {
                operation,
                ..FaultRule::plain(Fault::Latency)
            })
            .unwrap();
        faults
            .add(FaultRule {
                start: Some(later),
                ..FaultRule::plain(Fault::TokenRefused)
            })
            .unwrap();
        faults
            .add(FaultRule {
                end: Some(now()),
                ..FaultRule::plain(Fault::TokenOutage)
            })
            .unwrap();
        let member = Some("or-m0002".to_owned());
        faults
            .add(FaultRule {
                member,
                ..FaultRule::plain(Fault::ServerError)
            })
            .unwrap();
        let kinds =
            |hits: Hits| -> Vec<Fault> { hits.0.into_iter().map(|hit| hit.fault).collect() };
        assert_eq!(
            kinds(evaluate(&mut faults, Operation::Token)),
            [Fault::Latency]
        );
        let meant = faults.evaluate(
            Operation::BulkMatch,
            now(),
            |_| true,
            &["or-m0002".to_owned()],
        );
        assert_eq!(kinds(meant), [Fault::ServerError]);
        assert_eq!(kinds(evaluate(&mut faults, Operation::BulkMatch)), []);
        for expected in [1, 1, 0] {
            assert_eq!(evaluate(&mut faults, Operation::Status).0.len(), expected);
        }
        assert!(faults.has_member_rule(Operation::DataExport, now()));
        assert!(!faults.has_member_rule(Operation::Token, now()));
        assert!(faults.remove(1) && !faults.remove(1));
    }

    #[test]
    fn rules_and_hits_are_bounded() {
        let mut faults = FaultSet::default();
        for _ in 0..RULES_MAX {
            faults.add(FaultRule::plain(Fault::Latency)).unwrap();
        }
        assert!(faults.add(FaultRule::plain(Fault::Latency)).is_err());
        for _ in 0..HITS_MAX / RULES_MAX + 10 {
            evaluate(&mut faults, Operation::Status);
        }
        assert_eq!(faults.log().count(), HITS_MAX);
        faults.clear();
        assert_eq!(faults.log().count() + faults.active().len(), 0);
    }
}
