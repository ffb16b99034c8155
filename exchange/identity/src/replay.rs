//! Old decisions under other rules: what changes, and where.
//!
//! The inputs are not needed. A kept decision holds how fields agree, so bands, weights, thresholds, rules and
//! guards can all be another's. What a log does not hold cannot come up: a pair that was more than
//! [`super::link::NEAR_BITS`] below the lower threshold when two files were matched.

use std::collections::{BTreeMap, BTreeSet};

use exchange_kit::mistakes::Complaints;
use serde::Serialize;

use super::assign::{Candidate, assign};
use super::compare::Evidence;
use super::decide::judge;
use super::explain::{Decision, FORMAT, Named, Outcome};
use super::guard::are_two_people_by;
use super::record::as_index;
use super::rules::{Rules, Sensitivity};

/// Largest log, in bytes.
pub const LOG_BYTES_MAX: u64 = 4 << 30;
/// Most changes that are listed; all are counted.
pub const CHANGES_MAX: usize = 1_000;

/// One decision that would be another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Who was looked for.
    pub left: String,
    /// Keyed hash of what came in.
    pub input: String,
    /// By which rules it was decided.
    pub rules: Named,
    /// What was decided.
    pub was: Outcome,
    /// Who was picked.
    pub was_right: Option<String>,
    /// What would be decided.
    pub would_be: Outcome,
    /// Who would be picked.
    pub would_be_right: Option<String>,
}

/// What changes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diff {
    /// By which rules decisions are judged again.
    pub rules: Named,
    /// How many.
    pub replayed: usize,
    /// How many stay: decision and person; the rule and the score may be others.
    pub same: usize,
    /// Counts of `match -> review` and the like; `match -> match` is another person.
    pub moves: BTreeMap<String, usize>,
    /// The first [`CHANGES_MAX`].
    pub changes: Vec<Change>,
}

/// Judges decisions again, as one set: two records that look for one candidate still stand in each other's way.
pub fn replay(rules: &Rules, decisions: &[Decision]) -> Result<Diff, Complaints> {
    let mut complaints = Complaints::default();
    let numbers = Numbers::of(decisions);
    let mut candidates = Vec::new();
    let mut apart: [BTreeSet<(u32, u32)>; 2] = Default::default();
    for (line, decision) in decisions.iter().enumerate() {
        let place = format!("line {}", line + 1);
        let mut complain = |what: String| {
            let help = "replay a file as `match --decisions` wrote it, with a program of its age";
            complaints.add(&place, what, help);
        };
        if decision.format > FORMAT {
            complain(format!(
                "the decision is of format {}; known are up to {FORMAT}",
                decision.format
            ));
            continue;
        }
        let Some(sensitivity) = Sensitivity::named(&decision.sensitivity) else {
            complain("there is no such sensitivity".to_owned());
            continue;
        };
        let mut seen = |evidence: Result<Evidence, String>| match evidence {
            Ok(evidence) => Some(rules.vector(&evidence)),
            Err(what) => {
                complain(what);
                None
            }
        };
        for kept in &decision.candidates {
            let Some(vector) = seen(kept.evidence.evidence()) else {
                continue;
            };
            let judged = judge(rules, rules.thresholds(sensitivity), vector);
            if judged.is_candidate() {
                candidates.push(Candidate {
                    left: numbers.left[&decision.left],
                    right: numbers.right[&kept.right],
                    judged,
                });
            }
        }
        for (side, list, of) in [
            (0, &decision.between_left, &numbers.left),
            (1, &decision.between, &numbers.right),
        ] {
            for between in list {
                let numbers = (of.get(&between.a), of.get(&between.b));
                let (Some(a), Some(b)) = numbers else {
                    continue;
                };
                if seen(between.evidence.evidence()).is_some_and(|v| are_two_people_by(rules, &v)) {
                    apart[side].extend([(*a, *b), (*b, *a)]);
                }
            }
        }
    }
    if !complaints.is_empty() {
        return Err(complaints);
    }
    let assignment = assign(
        rules,
        candidates,
        |a, b| apart[0].contains(&(a, b)),
        |a, b| apart[1].contains(&(a, b)),
    );
    Ok(diff(rules, decisions, &numbers, &assignment.pairs))
}

/// Records by the number they have here.
struct Numbers<'a> {
    left: BTreeMap<&'a String, u32>,
    right: BTreeMap<&'a String, u32>,
    right_names: Vec<&'a String>,
}

impl<'a> Numbers<'a> {
    fn of(decisions: &'a [Decision]) -> Self {
        let left = decisions.iter().map(|decision| &decision.left);
        let rights: BTreeSet<(u32, &String)> = decisions
            .iter()
            .flat_map(|decision| &decision.candidates)
            .map(|kept| (kept.place, &kept.right))
            .collect();
        let rights: Vec<&String> = rights.into_iter().map(|(_, name)| name).collect();
        Self {
            left: left.zip(0..).collect(),
            right: rights.iter().copied().zip(0..).collect(),
            right_names: rights,
        }
    }
}

fn diff(rules: &Rules, decisions: &[Decision], numbers: &Numbers<'_>, pairs: &[Candidate]) -> Diff {
    let mut diff = Diff {
        rules: Named::of(rules),
        replayed: decisions.len(),
        same: 0,
        moves: BTreeMap::new(),
        changes: Vec::new(),
    };
    for decision in decisions {
        let number = numbers.left[&decision.left];
        let pair = pairs.binary_search_by_key(&number, |pair| pair.left);
        let pair = pair.ok().map(|at| &pairs[at]);
        let would_be = pair.map_or_else(Outcome::no_candidate, |pair| {
            Outcome::of(rules, &pair.judged)
        });
        let right = pair.map(|pair| numbers.right_names[as_index(pair.right)].clone());
        if would_be.decision == decision.outcome.decision && right == decision.right {
            diff.same += 1;
            continue;
        }
        let moved = format!("{} -> {}", decision.outcome.decision, would_be.decision);
        *diff.moves.entry(moved).or_default() += 1;
        if diff.changes.len() < CHANGES_MAX {
            diff.changes.push(Change {
                left: decision.left.clone(),
                input: decision.input.clone(),
                rules: decision.rules.clone(),
                was: decision.outcome.clone(),
                was_right: decision.right.clone(),
                would_be,
                would_be_right: right,
            });
        }
    }
    diff
}
