//! Numbers about decisions, by cohort: match rate, review rate, unexpected matches; and surges of mismatches.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use super::decide::Standing;

/// Most cohorts that are distinguished; more are counted as `other`.
pub const COHORTS_MAX: usize = 50;
/// Decisions that make up "lately".
const LATELY: usize = 50;
/// Decisions before those, with which they are compared; fewer than [`BEFORE_MIN`] say nothing.
const BEFORE: usize = 500;
const BEFORE_MIN: usize = 50;
/// Mismatches among the latest from which on they can be a surge at all.
const SURGE_MIN: usize = 10;
/// How many times the share before.
const SURGE_FACTOR: usize = 3;
/// Most surges that are kept, the newest.
const SURGES_MAX: usize = 20;

/// What was decided, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Decisions.
    pub decided: u64,
    /// Automatic matches.
    pub matched: u64,
    /// For a person, or for further verification.
    pub review: u64,
    /// No match.
    pub unmatched: u64,
    /// Matches where the caller knew that there is none, or another one.
    pub unexpected: u64,
}

impl Counts {
    /// Matches of all decisions.
    pub fn match_rate(&self) -> f64 {
        ratio(self.matched, self.decided)
    }

    /// Reviews of all decisions.
    pub fn review_rate(&self) -> f64 {
        ratio(self.review, self.decided)
    }

    /// Counts one decision.
    pub fn count(&mut self, standing: Standing, unexpected: bool) {
        self.decided += 1;
        self.unexpected += u64::from(unexpected);
        match standing {
            Standing::Match => self.matched += 1,
            Standing::Review => self.review += 1,
            Standing::Not => self.unmatched += 1,
        }
    }
}

/// The latest decisions of a cohort with much fewer matches than those before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Surge {
    /// Whose.
    pub cohort: String,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Mismatches among the latest.
    pub mismatches: usize,
    /// How many the latest are.
    pub of: usize,
    /// Mismatches among those before.
    pub before: usize,
    /// How many those are.
    pub before_of: usize,
}

/// Counts by cohort, and what surges there were.
#[derive(Debug, Default)]
pub struct Kpis {
    cohorts: BTreeMap<String, Cohort>,
    surges: VecDeque<Surge>,
}

#[derive(Debug, Default)]
struct Cohort {
    counts: Counts,
    /// Whether each was a mismatch, the latest at the end.
    recent: VecDeque<bool>,
    surging: bool,
}

impl Kpis {
    /// Counts one decision; a surge that begins with it comes back.
    pub fn count(
        &mut self,
        cohort: &str,
        standing: Standing,
        unexpected: bool,
        at_ms: i64,
    ) -> Option<Surge> {
        let known = self.cohorts.contains_key(cohort) || self.cohorts.len() < COHORTS_MAX;
        let name = if known { cohort } else { "other" };
        let of = self.cohorts.entry(name.to_owned()).or_default();
        of.counts.count(standing, unexpected);
        of.recent
            .push_back(standing != Standing::Match || unexpected);
        if of.recent.len() > LATELY + BEFORE {
            of.recent.pop_front();
        }
        let surge = of.surge(name, at_ms)?;
        self.surges.push_back(surge.clone());
        if self.surges.len() > SURGES_MAX {
            self.surges.pop_front();
        }
        Some(surge)
    }

    /// Counts by cohort.
    pub fn by_cohort(&self) -> impl Iterator<Item = (&str, &Counts)> {
        self.cohorts
            .iter()
            .map(|(name, cohort)| (name.as_str(), &cohort.counts))
    }

    /// The latest surges, the oldest first.
    pub fn surges(&self) -> impl Iterator<Item = &Surge> {
        self.surges.iter()
    }
}

impl Cohort {
    /// A surge that has just begun. One that goes on is not reported again.
    fn surge(&mut self, cohort: &str, at_ms: i64) -> Option<Surge> {
        let before_of = self.recent.len().checked_sub(LATELY)?;
        if before_of < BEFORE_MIN {
            return None;
        }
        let mismatches = |from: usize, to: usize| {
            let part = self.recent.iter().skip(from).take(to - from);
            part.filter(|mismatch| **mismatch).count()
        };
        let before = mismatches(0, before_of);
        let lately = mismatches(before_of, self.recent.len());
        // Lately ÷ LATELY ≥ SURGE_FACTOR × before ÷ before_of, in whole numbers.
        let is_surge = lately >= SURGE_MIN && lately * before_of >= SURGE_FACTOR * before * LATELY;
        let begins = is_surge && !self.surging;
        self.surging = is_surge;
        begins.then(|| Surge {
            cohort: cohort.to_owned(),
            at_ms,
            mismatches: lately,
            of: LATELY,
            before,
            before_of,
        })
    }
}

/// A share; 0 of nothing.
pub fn ratio(part: u64, whole: u64) -> f64 {
    let real = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    if whole == 0 {
        0.0
    } else {
        real(part) / real(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(kpis: &mut Kpis, cohort: &str, standing: Standing, times: usize) -> usize {
        (0..times)
            .filter(|_| kpis.count(cohort, standing, false, 7).is_some())
            .count()
    }

    #[test]
    fn a_surge_is_told_once_and_again_after_it_is_over() {
        let mut kpis = Kpis::default();
        assert_eq!(feed(&mut kpis, "a", Standing::Match, 200), 0);
        assert_eq!(feed(&mut kpis, "a", Standing::Not, 9), 0);
        assert_eq!(feed(&mut kpis, "a", Standing::Not, 10), 1);
        assert_eq!(feed(&mut kpis, "a", Standing::Match, 400), 0);
        assert_eq!(feed(&mut kpis, "a", Standing::Review, 30), 1);
        let surge = kpis.surges().next().unwrap();
        assert_eq!((surge.mismatches, surge.of, surge.before), (10, 50, 0));
    }

    #[test]
    fn what_was_always_so_is_no_surge() {
        let mut kpis = Kpis::default();
        let reported: usize = (0..600)
            .map(|n| {
                let standing = if n % 3 == 0 {
                    Standing::Not
                } else {
                    Standing::Match
                };
                feed(&mut kpis, "a", standing, 1)
            })
            .sum();
        assert_eq!(reported, 0);
    }

    #[test]
    fn counts_by_cohort_are_bounded() {
        let mut kpis = Kpis::default();
        for n in 0..200 {
            kpis.count(&format!("c{n:03}"), Standing::Match, n == 0, 0);
        }
        assert_eq!(kpis.by_cohort().count(), COHORTS_MAX + 1);
        let counts: BTreeMap<&str, &Counts> = kpis.by_cohort().collect();
        assert_eq!(counts["c000"].unexpected, 1);
        assert_eq!(counts["other"].decided, 150);
        assert!((counts["other"].match_rate() - 1.0).abs() < 1e-12);
    }
}
