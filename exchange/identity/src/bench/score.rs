//! Pairs against the truth.

use std::collections::BTreeMap;

use serde::Serialize;

use super::generator::{Class, Numbered, Truth};
use crate::decide::Standing;

/// What became of the records of one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ClassScore {
    /// Records of the left file.
    pub records: u64,
    /// Of these with somebody to be found at the right.
    pub findable: u64,
    /// Matched with the right person.
    pub matched: u64,
    /// Matched with another person: a disclosure.
    pub wrong: u64,
    /// For review, with the right person.
    pub review: u64,
    /// For review, with another person.
    pub review_wrong: u64,
    /// There to be found, and in no pair.
    pub missed: u64,
}

/// The whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Score {
    /// Right ones of all matches.
    pub precision: f64,
    /// Matched ones of all who are there to be found.
    pub recall: f64,
    /// The same, with those whom a person would find in review.
    pub recall_with_review: f64,
    /// Reviews of all records.
    pub review_rate: f64,
    /// All classes together.
    pub all: ClassScore,
    /// By class.
    pub classes: BTreeMap<&'static str, ClassScore>,
    /// By who carries a member id.
    pub member_id: BTreeMap<&'static str, ClassScore>,
    /// How often each rule or guard sent a record to review, by class.
    pub review_rules: BTreeMap<&'static str, BTreeMap<String, u64>>,
}

/// What was decided of a record of the left file.
#[derive(Clone, Copy, Debug)]
pub struct Decided<'a> {
    /// Its id.
    pub left: &'a str,
    /// The id at the right.
    pub right: &'a str,
    /// How the pair stands.
    pub standing: Standing,
    /// The rule or guard that says so.
    pub rule: &'a str,
}

impl ClassScore {
    /// Reviews of all records.
    pub fn review_rate(&self) -> f64 {
        if self.records == 0 {
            return 0.0;
        }
        ratio(self.review + self.review_wrong, self.records)
    }
}

/// Scores pairs.
pub fn score<'a>(truth: &[Truth], pairs: impl IntoIterator<Item = Decided<'a>>) -> Score {
    let by_left: BTreeMap<&str, Decided<'_>> =
        pairs.into_iter().map(|pair| (pair.left, pair)).collect();
    let mut score = Score::default();
    for (_, name, _) in Class::ALL {
        score.classes.insert(name, ClassScore::default());
    }
    for numbered in [Numbered::Both, Numbered::LeftOnly, Numbered::Neither] {
        let name = numbered.name();
        score.member_id.insert(name, ClassScore::default());
    }
    for one in truth {
        let found = by_left.get(one.left.as_str());
        let right = found.is_some_and(|pair| one.right.iter().any(|right| right == pair.right));
        let class = score.classes.entry(one.class.name()).or_default();
        let numbered = score.member_id.entry(one.numbered.name()).or_default();
        for counts in [class, numbered, &mut score.all] {
            counts.records += 1;
            counts.findable += u64::from(!one.right.is_empty());
            match (found.map(|pair| pair.standing), right) {
                (Some(Standing::Match), true) => counts.matched += 1,
                (Some(Standing::Match), false) => counts.wrong += 1,
                (Some(Standing::Review), true) => counts.review += 1,
                (Some(Standing::Review), false) => counts.review_wrong += 1,
                (Some(Standing::Not) | None, _) => {
                    counts.missed += u64::from(!one.right.is_empty())
                }
            }
        }
        if let Some(pair) = found.filter(|pair| pair.standing == Standing::Review) {
            let by_rule = score.review_rules.entry(one.class.name()).or_default();
            *by_rule.entry(pair.rule.to_owned()).or_default() += 1;
        }
    }
    let all = score.all;
    score.precision = ratio(all.matched, all.matched + all.wrong);
    score.recall = ratio(all.matched, all.findable);
    score.recall_with_review = ratio(all.matched + all.review, all.findable);
    score.review_rate = all.review_rate();
    score
}

/// A share, 1 of nothing.
pub(crate) fn ratio(part: u64, whole: u64) -> f64 {
    let real = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    if whole == 0 {
        return 1.0;
    }
    real(part) / real(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_is_counted_once() {
        let truth = |left: &str, right: &[&str], class, numbered| Truth {
            left: left.to_owned(),
            right: right.iter().map(|id| (*id).to_owned()).collect(),
            class,
            numbered,
        };
        let truth = [
            truth("1", &["a"], Class::Plain, Numbered::Both),
            truth("2", &["b"], Class::Plain, Numbered::Both),
            truth("3", &["c"], Class::Moved, Numbered::LeftOnly),
            truth("4", &[], Class::TwinAlone, Numbered::Both),
            truth("5", &["e"], Class::Moved, Numbered::Neither),
        ];
        let pairs = [
            ("1", "a", Standing::Match, "D1"),
            ("2", "x", Standing::Match, "D1"),
            ("3", "c", Standing::Review, "G13"),
            ("4", "y", Standing::Review, "G10"),
        ]
        .map(|(left, right, standing, rule)| Decided {
            left,
            right,
            standing,
            rule,
        });
        let score = score(&truth, pairs);
        assert_eq!((score.all.matched, score.all.wrong), (1, 1));
        assert_eq!(
            (score.all.review, score.all.review_wrong, score.all.missed),
            (1, 1, 1)
        );
        assert_eq!(score.classes["moved"].missed, 1);
        assert!((score.precision - 0.5).abs() < 1e-12);
        assert!((score.recall - 0.25).abs() < 1e-12);
        assert!((score.recall_with_review - 0.5).abs() < 1e-12);
        assert!((score.review_rate - 0.4).abs() < 1e-12);
        let numbered = &score.member_id["on both sides"];
        assert_eq!((numbered.records, numbered.review_wrong), (3, 1));
        assert!((numbered.review_rate() - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(score.member_id["none"].missed, 1);
        assert_eq!(score.review_rules["moved"]["G13"], 1);
        assert!(!score.review_rules.contains_key("plain"));
    }
}
