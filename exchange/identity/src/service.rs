//! The matching service: decides, keeps what it decided, counts, and rolls a new rule set out.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::NaiveDate;
use exchange_kit::clock::Clock;
use serde_json::{Value, json};

use super::assign::HOUSEHOLD_MAX;
use super::decide::to_verify;
use super::explain::{Decision, FORMAT, Kept, Key, Named, Other, Outcome, Seen, both};
use super::keep::{Decisions, KeepError};
use super::kpi::{Kpis, ratio};
use super::log::among;
use super::person::Person;
use super::replay::replay;
use super::resolve::{Resolved, resolve};
use super::rules::{Rollout, Rules, Sensitivity};
use super::verdict::{self, Proposal, Refusal, on_the_wire};

/// Decisions that one replay looks at, at most.
pub const REPLAY_MAX: usize = 10_000;
/// The file in the state folder that keys input hashes.
const KEY_FILE: &str = "identity.key";

/// What became of a person's decision.
pub enum Decided {
    /// It is kept.
    Kept(Value),
    /// It is not accepted.
    Refused(Refusal),
    /// Somebody has decided before.
    Before,
    /// There is no such decision.
    Unknown,
}

/// A question to the service.
pub struct Question {
    /// Who is looked for.
    pub person: Person,
    /// Among whom.
    pub candidates: Vec<Person>,
    /// How the caller calls them.
    pub ids: Vec<String>,
    /// Of the payload.
    pub sensitivity: Sensitivity,
    /// What it is counted under.
    pub cohort: String,
    /// Whether further identifiers have been asked for already.
    pub exhausted: bool,
    /// The right candidate, where the caller knows it: its id, or none.
    pub expected: Option<Option<String>>,
}

/// The service.
pub struct Service {
    active: Rules,
    next: Option<Rules>,
    key: Key,
    decisions: Decisions,
    counts: Mutex<Counted>,
    clock: Clock,
}

#[derive(Default)]
struct Counted {
    kpis: Kpis,
    compared: u64,
    by_next: u64,
    moves: BTreeMap<String, u64>,
}

/// Why a service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its store.
    #[error(transparent)]
    Store(#[from] KeepError),
    /// Its key.
    #[error("could not read or write {KEY_FILE}: {0}")]
    Key(#[from] std::io::Error),
}

impl Service {
    /// A service that keeps decisions and key in the folder `state`.
    pub fn open(
        state: &Path,
        active: Rules,
        next: Option<Rules>,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let key = key(&state.join(KEY_FILE))?;
        Ok(Self::of(active, next, key, Decisions::open(state)?, clock))
    }

    /// A service of these parts.
    pub fn of(
        active: Rules,
        next: Option<Rules>,
        key: Key,
        decisions: Decisions,
        clock: Clock,
    ) -> Self {
        Self {
            active,
            next,
            key,
            decisions,
            counts: Mutex::default(),
            clock,
        }
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        // Counts that a panic left half moved are still counts.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Today's date in UTC.
    pub fn today(&self) -> NaiveDate {
        self.clock.today()
    }

    /// The rules that decide where nothing is rolled out.
    pub fn active(&self) -> &Rules {
        &self.active
    }

    /// Which rules decide an input, and which only look on.
    fn rules_for(&self, input: &str) -> (&Rules, Option<&Rules>) {
        let Some(next) = &self.next else {
            return (&self.active, None);
        };
        let next_decides = match next.rollout {
            Rollout::Shadow => false,
            Rollout::All => true,
            // The input's hash picks: the same person is always decided by the same set.
            Rollout::Share(percent) => {
                let first = u64::from_str_radix(input.get(..8).unwrap_or("0"), 16).unwrap_or(0);
                first % 100 < u64::from(percent)
            }
        };
        if next_decides {
            (next, Some(&self.active))
        } else {
            (&self.active, Some(next))
        }
    }

    /// Answers a question, keeps the answer and counts it.
    pub fn resolve(&self, question: &Question) -> Result<Value, KeepError> {
        let input = self.key.input(&question.person);
        let (rules, other) = self.rules_for(&input);
        let decide = |rules: &Rules| {
            resolve(
                rules,
                question.sensitivity,
                &question.person,
                &question.candidates,
            )
        };
        let resolved = decide(rules);
        let decision = self.decision(question, input, rules, &resolved);
        let decision = Decision {
            other: other.map(|other| Other {
                rules: Named::of(other),
                outcome: outcome(other, &decide(other)),
            }),
            ..decision
        };
        let at_ms = self.clock.now_millis();
        let id = self.decisions.keep(&decision, at_ms)?;
        self.count(question, &resolved, &decision, at_ms);
        Ok(self.answer(question, &resolved, &decision, &id))
    }

    fn decision(
        &self,
        question: &Question,
        input: String,
        rules: &Rules,
        resolved: &Resolved,
    ) -> Decision {
        let hashed: Vec<String> = question.ids.iter().map(|id| self.key.hash(id)).collect();
        // What is seen between candidates is needed only where more than one can be one.
        let several: Vec<usize> = (0..hashed.len())
            .filter(|place| {
                resolved.candidates[*place].1.is_candidate() || hashed.len() <= HOUSEHOLD_MAX
            })
            .collect();
        let people: Vec<Person> = several
            .iter()
            .map(|at| question.candidates[*at].clone())
            .collect();
        let names: Vec<String> = several.iter().map(|at| hashed[*at].clone()).collect();
        Decision {
            format: FORMAT,
            rules: Named::of(rules),
            sensitivity: question.sensitivity.name().to_owned(),
            cohort: question.cohort.clone(),
            left: input.clone(),
            input,
            thresholds: both(rules.thresholds(question.sensitivity)),
            outcome: outcome(rules, resolved),
            right: resolved.picked.map(|(place, _)| hashed[place].clone()),
            candidates: resolved
                .candidates
                .iter()
                .zip(&hashed)
                .zip(0..)
                .map(|(((evidence, judged), right), place)| Kept {
                    place,
                    right: right.clone(),
                    outcome: Outcome::of(rules, judged),
                    evidence: Seen::of(evidence),
                })
                .collect(),
            between: among(&people, &names),
            between_left: Vec::new(),
            other: None,
        }
    }

    fn count(&self, question: &Question, resolved: &Resolved, decision: &Decision, at_ms: i64) {
        let standing = resolved.standing();
        let matched = match resolved.picked {
            Some((place, judged)) if judged.standing == super::decide::Standing::Match => {
                Some(&question.ids[place])
            }
            Some(_) | None => None,
        };
        let expected = question.expected.as_ref();
        let unexpected = matched.is_some() && expected.is_some_and(|who| who.as_ref() != matched);
        let mut counted = self.counted();
        if let Some(other) = &decision.other {
            counted.compared += 1;
            if self
                .next
                .as_ref()
                .is_some_and(|next| Named::of(next) == decision.rules)
            {
                counted.by_next += 1;
            }
            if other.outcome.decision != decision.outcome.decision {
                let (was, would_be) = (&decision.outcome.decision, &other.outcome.decision);
                let moved = format!(
                    "{} {was}, {} {would_be}",
                    decision.rules.version, other.rules.version
                );
                *counted.moves.entry(moved).or_default() += 1;
            }
        }
        if unexpected {
            tracing::error!(
                event = "identity.unexpected_match",
                cohort = question.cohort,
                rule = decision.outcome.rule,
                rules = decision.rules.version,
                input = decision.input,
                "a match that must not be"
            );
        }
        if let Some(surge) = counted
            .kpis
            .count(&question.cohort, standing, unexpected, at_ms)
        {
            tracing::warn!(
                event = "identity.mismatch_surge",
                cohort = surge.cohort,
                mismatches = surge.mismatches,
                of = surge.of,
                before = surge.before,
                before_of = surge.before_of,
                "identity mismatches surge"
            );
        }
    }

    fn answer(
        &self,
        question: &Question,
        resolved: &Resolved,
        decision: &Decision,
        id: &str,
    ) -> Value {
        let outcome = &decision.outcome;
        let in_doubt = outcome.decision == "review";
        let verify = match resolved.picked {
            Some((_, judged)) if in_doubt && !question.exhausted => to_verify(&judged.vector),
            Some(_) | None => Vec::new(),
        };
        // In the gray zone further identifiers come before a person.
        let word = if verify.is_empty() {
            outcome.decision.as_str()
        } else {
            "verify"
        };
        json!({
            "id": id,
            "decision": word,
            "wire": on_the_wire(&outcome.decision, None),
            "candidate": resolved.picked.map(|(place, _)| &question.ids[place]),
            "rule": outcome.rule,
            "title": self.title(decision, resolved),
            "score": outcome.score,
            "thresholds": {"upper": decision.thresholds[0], "lower": decision.thresholds[1]},
            "sensitivity": decision.sensitivity,
            "rules": decision.rules,
            "input": decision.input,
            "verify": verify,
            "candidates": decision.candidates.iter().zip(&question.ids).map(|(kept, id)| json!({
                "id": id,
                "decision": kept.outcome.decision,
                "rule": kept.outcome.rule,
                "score": kept.outcome.score,
                "evidence": kept.evidence,
            })).collect::<Vec<Value>>(),
        })
    }

    fn title(&self, decision: &Decision, resolved: &Resolved) -> &str {
        let next = self
            .next
            .as_ref()
            .filter(|next| Named::of(next) == decision.rules);
        let rules = next.unwrap_or(&self.active);
        match resolved.picked {
            Some((_, judged)) => judged.reason.title(rules),
            None => "nobody above the lower threshold",
        }
    }

    /// A kept decision with its explanation, and what a person decided about it.
    ///
    /// # Errors
    /// When the store fails.
    pub fn kept(&self, id: &str) -> Result<Option<Value>, KeepError> {
        let Some(row) = self.decisions.get(id)? else {
            return Ok(None);
        };
        let verdict = self.decisions.verdict(id)?;
        Ok(Some(json!({
            "id": row.id,
            "at": exchange_kit::clock::rfc3339(row.at_ms),
            "decision": row.decision,
            "verdict": verdict,
            "wire": on_the_wire(&row.decision.outcome.decision, verdict.as_ref()),
        })))
    }

    /// Keeps what a person decides about a decision in review.
    ///
    /// # Errors
    /// When the store fails; why the proposal is refused is the inner result.
    pub fn decide(&self, proposal: &Proposal) -> Result<Decided, KeepError> {
        let Some(row) = self.decisions.get(&proposal.id)? else {
            return Ok(Decided::Unknown);
        };
        let verdict = match verdict::of(&row.decision, proposal, &self.key) {
            Ok(verdict) => verdict,
            Err(refusal) => return Ok(Decided::Refused(refusal)),
        };
        let at_ms = self.clock.now_millis();
        if !self.decisions.keep_verdict(&row.id, &verdict, at_ms)? {
            return Ok(Decided::Before);
        }
        Ok(Decided::Kept(json!({
            "id": row.id,
            "verdict": verdict,
            "wire": on_the_wire(&row.decision.outcome.decision, Some(&verdict)),
        })))
    }

    /// Kept decisions after `seq` under other rules.
    pub fn replay(&self, rules: &Rules, seq: i64, limit: usize) -> Result<Value, KeepError> {
        let rows = self.decisions.after(seq, limit.min(REPLAY_MAX))?;
        let mut same = 0;
        let mut unreadable = 0;
        let mut moves: BTreeMap<String, usize> = BTreeMap::new();
        let mut changes = Vec::new();
        for row in &rows {
            // Each question is its own: two of them do not stand in each other's way.
            let Ok(diff) = replay(rules, std::slice::from_ref(&row.decision)) else {
                unreadable += 1;
                continue;
            };
            same += diff.same;
            for (moved, count) in diff.moves {
                *moves.entry(moved).or_default() += count;
            }
            changes.extend(diff.changes.into_iter().map(|change| {
                json!({
                    "id": row.id,
                    "change": change,
                })
            }));
        }
        Ok(json!({
            "rules": Named::of(rules),
            "replayed": rows.len(),
            "same": same,
            "unreadable": unreadable,
            "moves": moves,
            "changes": changes,
            "next": rows.last().map(|row| row.seq),
        }))
    }

    /// KPIs by cohort, surges, and how the rollout goes.
    pub fn kpis(&self) -> Value {
        let counted = self.counted();
        let cohorts: BTreeMap<&str, Value> = counted
            .kpis
            .by_cohort()
            .map(|(name, counts)| {
                (
                    name,
                    json!({
                        "decided": counts.decided,
                        "match": counts.matched,
                        "review": counts.review,
                        "no_match": counts.unmatched,
                        "unexpected": counts.unexpected,
                        "match_rate": counts.match_rate(),
                        "review_rate": counts.review_rate(),
                        "unexpected_rate": ratio(counts.unexpected, counts.decided),
                    }),
                )
            })
            .collect();
        let surges: Vec<Value> = counted
            .kpis
            .surges()
            .map(|surge| json!({"at": exchange_kit::clock::rfc3339(surge.at_ms), "surge": surge}))
            .collect();
        json!({
            "active": Named::of(&self.active),
            "next": self.next.as_ref().map(|next| json!({
                "rules": Named::of(next),
                "stage": match next.rollout {
                    Rollout::Shadow => "shadow".to_owned(),
                    Rollout::Share(percent) => format!("share of {percent} %"),
                    Rollout::All => "all".to_owned(),
                },
                "compared": counted.compared,
                "decided_by_next": counted.by_next,
                "differences": counted.moves,
            })),
            "cohorts": cohorts,
            "surges": surges,
        })
    }
}

/// What was decided, in the words of the rules that decided.
fn outcome(rules: &Rules, resolved: &Resolved) -> Outcome {
    match &resolved.picked {
        Some((_, judged)) => Outcome::of(rules, judged),
        None => Outcome::no_candidate(),
    }
}

/// The key of the folder, made when it is not there, readable by its owner only.
fn key(path: &Path) -> Result<Key, StartError> {
    if let Ok(bytes) = std::fs::read(path)
        && let Some(key) = Key::of(&bytes)
    {
        return Ok(key);
    }
    let mut bytes = [0_u8; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(std::io::Error::other)?;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    Key::of(&bytes).ok_or_else(|| std::io::Error::other("the key is too short").into())
}

/// A service that several tasks share.
pub type Shared = Arc<Service>;
