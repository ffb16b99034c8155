//! One promise in a report: its figures, its verdict, and what both follow from.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use super::counts::RunCounts;
use super::figure::Figure;
use super::verdict::{Judgement, Verdict, judge};
use crate::model::{Basis, LadderRow, Sla, SlaPromise, SloName};

/// What was counted of one promise in the period.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PromiseFacts {
    /// Every run that was owed.
    pub raw: RunCounts,
    /// The same without what declared windows leave out of the SLA.
    pub net: RunCounts,
    /// Runs that declared maintenance or blackout held back: they were not owed.
    pub held: u64,
    /// Runs whose verdict our own delay could have made; they are among the unmeasured.
    pub inconclusive: u64,
    /// Runs that the schedule planned while no agent kept a record; they are among the unmeasured.
    pub unrecorded: u64,
    /// The stretches under one promise and schedule, oldest first.
    pub parts: Vec<EpochPart>,
    /// Day by day, on the basis of the verdict.
    pub days: Vec<Day>,
    /// Earlier windows and this one, oldest first, on the basis of the verdict.
    pub trend: Vec<TrendPoint>,
}

/// A stretch of the period under one objective and schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochPart {
    /// Its number in the history of the objective.
    pub epoch: u32,
    /// It holds what was due from here on.
    pub from: String,
    /// The journeys that counted, each with its schedule and limit.
    pub counted: Vec<String>,
    /// What changed with it.
    pub changes: Vec<String>,
    /// Runs that were due, on the basis of the verdict.
    pub due: u64,
    /// Runs that were judged.
    pub judged: u64,
    /// Runs that were bad.
    pub bad: u64,
}

/// One civil day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    /// The day in the contract's zone.
    pub day: String,
    /// Runs that were due.
    pub due: u64,
    /// Runs that were judged.
    pub judged: u64,
    /// Runs that were bad.
    pub bad: u64,
}

/// One reporting window of the trend, judged by the present terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrendPoint {
    /// The window.
    pub period: String,
    /// Runs that were due.
    pub due: u64,
    /// Runs that were judged.
    pub judged: u64,
    /// Runs that were bad.
    pub bad: u64,
    /// The verdict; none of a window in which nothing was recorded.
    pub verdict: Option<Verdict>,
}

/// A row of a credit ladder, in shares per million.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LadderStep {
    /// From this share of good runs on.
    pub from_ppm: u32,
    /// Below this one.
    pub below_ppm: u32,
    /// The credit per million of the fee.
    pub credit_ppm: u32,
}

/// A promise with its figures and its verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The objective whose runs it counts.
    pub promise: String,
    /// The promise in words.
    pub says: String,
    /// Good runs per million that are promised.
    pub target_ppm: u32,
    /// Judged runs below which there is no verdict.
    pub minimum_runs: u64,
    /// Without what was left out of the SLA.
    pub net: Figure,
    /// With it.
    pub raw: Figure,
    /// Runs that were left out by agreement.
    pub left_out_runs: u64,
    /// Runs that declared maintenance or blackout held back: not owed.
    pub held_runs: u64,
    /// Runs whose verdict our own delay could have made.
    pub inconclusive_runs: u64,
    /// Runs that were planned while no agent kept a record.
    pub unrecorded_runs: u64,
    /// The verdict, on the agreed basis.
    pub judgement: Judgement,
    /// The credit ladder, from the lowest share up.
    pub ladder: Vec<LadderStep>,
    /// The most that this promise is credited, per million of the fee.
    pub cap_ppm: u32,
    /// Stretches under one promise and schedule.
    pub parts: Vec<EpochPart>,
    /// Day by day.
    pub days: Vec<Day>,
    /// Earlier windows and this one.
    pub trend: Vec<TrendPoint>,
}

impl Row {
    /// Works one out.
    pub(super) fn new(sla: &Sla, promise: &SlaPromise, facts: PromiseFacts) -> Self {
        let counts = match sla.basis {
            Basis::Net => facts.net,
            Basis::Raw => facts.raw,
        };
        let judged = |of: RunCounts, raw_due| {
            let (target, minimum) = (promise.target_ppm, promise.minimum_runs);
            judge(of, raw_due, target, minimum, sla.unmeasured)
        };
        let trend = facts.trend.into_iter().map(|point| TrendPoint {
            verdict: point.verdict.map(|_| {
                let counts = RunCounts::new(point.due, point.judged, point.bad);
                judged(counts, point.due).verdict
            }),
            ..point
        });
        Self {
            promise: promise.of.name().to_owned(),
            says: says(promise.of).to_owned(),
            target_ppm: promise.target_ppm,
            minimum_runs: promise.minimum_runs,
            net: Figure::of(facts.net),
            raw: Figure::of(facts.raw),
            left_out_runs: facts.raw.due.saturating_sub(facts.net.due),
            held_runs: facts.held,
            inconclusive_runs: facts.inconclusive,
            unrecorded_runs: facts.unrecorded,
            judgement: judged(counts, facts.raw.due),
            ladder: promise.ladder.iter().map(LadderStep::of).collect(),
            cap_ppm: promise.cap_ppm,
            parts: facts.parts,
            days: facts.days,
            trend: trend.collect(),
        }
    }

    /// The promise and the facts that it was made of; none when it names no objective.
    pub(super) fn source(&self) -> Option<(SlaPromise, PromiseFacts)> {
        let promise = SlaPromise {
            of: SloName::named(&self.promise)?,
            target_ppm: self.target_ppm,
            minimum_runs: self.minimum_runs,
            ladder: self.ladder.iter().map(LadderStep::row).collect(),
            cap_ppm: self.cap_ppm,
        };
        let facts = PromiseFacts {
            raw: self.raw.counts(),
            net: self.net.counts(),
            held: self.held_runs,
            inconclusive: self.inconclusive_runs,
            unrecorded: self.unrecorded_runs,
            parts: self.parts.clone(),
            days: self.days.clone(),
            trend: self.trend.clone(),
        };
        Some((promise, facts))
    }

    /// The figure that the verdict is about.
    pub fn figure(&self, basis: Basis) -> &Figure {
        match basis {
            Basis::Net => &self.net,
            Basis::Raw => &self.raw,
        }
    }
}

impl LadderStep {
    fn of(row: &LadderRow) -> Self {
        Self {
            from_ppm: row.from_ppm,
            below_ppm: row.below_ppm,
            credit_ppm: row.credit_ppm,
        }
    }

    fn row(&self) -> LadderRow {
        LadderRow {
            from_ppm: self.from_ppm,
            below_ppm: self.below_ppm,
            credit_ppm: self.credit_ppm,
        }
    }
}

/// What a promise is about, for a reader who knows nothing of journeys and layers.
fn says(of: SloName) -> &'static str {
    match of {
        SloName::Transport => "The service can be reached",
        SloName::Application => "Answers are right by the contract",
        SloName::Business => "The right member's history arrives, complete and consistent",
        SloName::Conformance => "Requests that must be refused are refused",
        SloName::Latency => "Exchanges that succeed are quick enough",
        SloName::Acceptance => "Requests are accepted in time",
        SloName::Identity => "Members are matched in time",
        SloName::Retrieval => "The history is delivered in time, once it was requested",
        SloName::Settlement => "The whole exchange is complete in time",
    }
}

/// An instant as reports write it.
pub fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
