//! Pairs against the truth.

use std::collections::BTreeMap;

use serde::Serialize;

use super::generator::{Class, Truth};
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
}

/// Scores pairs, given as left id, right id and standing.
pub fn score<'a>(
    truth: &[Truth],
    pairs: impl IntoIterator<Item = (&'a str, &'a str, Standing)>,
) -> Score {
    let by_left: BTreeMap<&str, (&str, Standing)> = pairs
        .into_iter()
        .map(|(left, right, standing)| (left, (right, standing)))
        .collect();
    let mut score = Score::default();
    for (_, name, _) in Class::ALL {
        score.classes.insert(name, ClassScore::default());
    }
    for one in truth {
        let found = by_left.get(one.left.as_str());
        let right = found.is_some_and(|(id, _)| one.right.iter().any(|right| right == id));
        let class = score.classes.entry(one.class.name()).or_default();
        for counts in [class, &mut score.all] {
            counts.records += 1;
            counts.findable += u64::from(!one.right.is_empty());
            match (found.map(|(_, standing)| *standing), right) {
                (Some(Standing::Match), true) => counts.matched += 1,
                (Some(Standing::Match), false) => counts.wrong += 1,
                (Some(Standing::Review), true) => counts.review += 1,
                (Some(Standing::Review), false) => counts.review_wrong += 1,
                (Some(Standing::Not) | None, _) => {
                    counts.missed += u64::from(!one.right.is_empty())
                }
            }
        }
    }
    let all = score.all;
    score.precision = ratio(all.matched, all.matched + all.wrong);
    score.recall = ratio(all.matched, all.findable);
    score.recall_with_review = ratio(all.matched + all.review, all.findable);
    score.review_rate = ratio(all.review + all.review_wrong, all.records);
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
        let truth = |left: &str, right: &[&str], class| Truth {
            left: left.to_owned(),
            right: right.iter().map(|id| (*id).to_owned()).collect(),
            class,
        };
        let truth = [
            truth("1", &["a"], Class::Plain),
            truth("2", &["b"], Class::Plain),
            truth("3", &["c"], Class::Moved),
            truth("4", &[], Class::TwinAlone),
            truth("5", &["e"], Class::Moved),
        ];
        let pairs = [
            ("1", "a", Standing::Match),
            ("2", "x", Standing::Match),
            ("3", "c", Standing::Review),
            ("4", "y", Standing::Review),
        ];
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
    }
}
