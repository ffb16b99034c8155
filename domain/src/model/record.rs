//! What the ledger keeps of ticks, runs and jobs.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::closed::closed;
use super::{
    Conformance, Count, Finding, HostChain, JourneyId, KindScore, LayerVerdict, Measured, MemberId,
    PartnerId, ProbeId, RunId, Severity, Source, StepEvidence, Verdict,
};

closed!(
    /// How a tick ended. Every intended start has exactly one.
    Disposition {
        /// Its run was judged.
        Ran = "ran",
        /// Its run was judged and began late.
        Late = "late",
        /// A run of the same probe was still going.
        Overlap = "overlap",
        /// No permit in time, or the journey is paused.
        Capped = "capped",
        /// Declared: does not run.
        Blackout = "blackout",
        /// Declared: partner at work.
        Maintenance = "maintenance",
        /// The agent was not there.
        Missed = "missed",
        /// The agent was there and went away in its midst.
        Lost = "lost",
    }
);

/// One intended start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tick {
    /// Of which probe.
    pub probe: ProbeId,
    /// When it was intended.
    pub due_at: DateTime<Utc>,
}

closed!(
    /// Why a run was started.
    Origin {
        /// A tick.
        Schedule = "schedule",
        /// A person, by `once`. No tick; enters no SLI, histogram or gauge.
        Once = "once",
        /// A failed run, at once. No tick; enters no SLI, histogram or gauge.
        Confirmation = "confirmation",
        /// A journey that fails: more often than its cadence. No tick; enters no SLI, histogram or gauge.
        RapidRecheck = "closer_look",
    }
);

closed!(
    /// What a run came to.
    Outcome {
        /// Nothing broke.
        Passed = "passed",
        /// An attempt broke, and all was well in the end.
        PassedOnRetry = "passed_on_retry",
        /// A layer broke, and it is not our fault.
        Failed = "failed",
        /// Our fault.
        AgentFault = "agent_fault",
        /// Over a limit in time, and our own delay alone could have made it so: in no count of the partner.
        Inconclusive = "inconclusive",
    }
);

closed!(
    /// What a follow-up run says about a failed run.
    Reproduction {
        /// It failed for the same cause.
        Reproduced = "reproduced",
        /// It failed for another one.
        FailedOtherwise = "failed_otherwise",
        /// It passed.
        NotReproduced = "not_reproduced",
        /// The agent itself failed, or delayed it too much.
        CouldNotLook = "could_not_look",
    }
);

/// A follow-up run of a failed run: shown with it and counted nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowUpRun {
    /// Its id.
    pub run: RunId,
    /// The failed run.
    pub of: RunId,
    /// A confirmation or a rapid recheck.
    pub origin: Origin,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// From its begin to its end.
    pub duration: Duration,
    /// What it says of the failed run.
    pub reproduction: Reproduction,
    /// Its own cause; none when it passed.
    pub cause: Option<String>,
}

impl FollowUpRun {
    /// What a follow-up run says about a failed run with this cause.
    pub fn of(failed: &RunId, cause: &str, run: &RunRecord) -> Self {
        let own = run.verdict.blame.as_ref().map(|blame| blame.cause.name());
        let reproduction = match run.outcome {
            Outcome::Passed | Outcome::PassedOnRetry => Reproduction::NotReproduced,
            Outcome::AgentFault | Outcome::Inconclusive => Reproduction::CouldNotLook,
            Outcome::Failed if own == Some(cause) => Reproduction::Reproduced,
            Outcome::Failed => Reproduction::FailedOtherwise,
        };
        Self {
            run: run.run.clone(),
            of: failed.clone(),
            origin: run.origin,
            started_at: run.started_at,
            duration: run.duration,
            reproduction,
            cause: own.map(str::to_owned),
        }
    }
}

/// One run in brief, as kept.
#[derive(Clone, Debug)]
pub struct RunRecord {
    /// Its id, also the correlation id on the wire.
    pub run: RunId,
    /// Why it was started.
    pub origin: Origin,
    /// The partner.
    pub partner: PartnerId,
    /// The journey.
    pub journey: JourneyId,
    /// The member carried, if the journey carries one.
    pub member: Option<MemberId>,
    /// The member's cohort; empty without a member.
    pub cohort: String,
    /// When it was intended.
    pub due_at: DateTime<Utc>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// From its begin to its end.
    pub duration: Duration,
    /// What it came to.
    pub outcome: Outcome,
    /// What it means.
    pub verdict: Verdict,
    /// What was seen.
    pub steps: Vec<StepEvidence>,
    /// Found records ÷ due records; none when no record was due or looked for.
    pub completeness: Option<f64>,
    /// The same by kind of record, with what is missing; empty likewise.
    pub kinds: Vec<KindScore>,
    /// Ticks of the same probe that found this run still going.
    pub overlaps: u32,
    /// A calendar leaves its tick out of the SLA: raw figures hold it, net ones do not.
    pub excluded: bool,
    /// Of its duration, at most so much was our own delay.
    pub own_delay: Duration,
    /// It began late, or we delayed a request of it for longer than `own_delay_max`. Decides nothing.
    pub agent_delayed: bool,
    /// When the certificate that the partner served expires; none without TLS.
    pub certificate_expires_at: Option<DateTime<Utc>>,
    /// The chains that hosts showed, also where the handshake failed; not kept with the run.
    pub chains: Vec<HostChain>,
}

impl Outcome {
    /// Whether all was well in the end.
    pub fn is_passed(self) -> bool {
        matches!(self, Self::Passed | Self::PassedOnRetry)
    }

    /// Whether the run says something about the partner. One that failed by our own fault, or that
    /// our own delay could have made late, does not.
    pub fn is_judged(self) -> bool {
        match self {
            Self::Passed | Self::PassedOnRetry | Self::Failed => true,
            Self::AgentFault | Self::Inconclusive => false,
        }
    }
}

impl RunRecord {
    /// A run of a tick by its times alone: passed, with nothing seen. What else is known of it is set in the record.
    pub fn bare(run: RunId, tick: Tick, started_at: DateTime<Utc>, duration: Duration) -> Self {
        Self {
            run,
            origin: Origin::Schedule,
            partner: tick.probe.partner,
            journey: tick.probe.journey,
            member: None,
            cohort: String::new(),
            due_at: tick.due_at,
            started_at,
            duration,
            outcome: Outcome::Passed,
            verdict: Verdict {
                layers: [LayerVerdict::Good; 3],
                blame: None,
                counts: [Count::Good; 3],
            },
            steps: Vec::new(),
            completeness: None,
            kinds: Vec::new(),
            overlaps: 0,
            excluded: false,
            own_delay: Duration::ZERO,
            agent_delayed: false,
            certificate_expires_at: None,
            chains: Vec::new(),
        }
    }

    /// From the intended start to the begin.
    pub fn start_delay(&self) -> Duration {
        (self.started_at - self.due_at).to_std().unwrap_or_default()
    }

    /// Its duration with our own delay in it.
    pub fn measured(&self) -> Measured {
        Measured {
            duration: self.duration,
            own_delay: self.own_delay,
        }
    }

    /// When it ended.
    pub fn ended_at(&self) -> DateTime<Utc> {
        self.started_at + chrono::TimeDelta::from_std(self.duration).unwrap_or_default()
    }

    /// What all findings of one source say together.
    pub fn conformance(&self, source: Source) -> Conformance {
        Conformance::of(source, self.steps.iter().flat_map(|step| &step.findings))
    }

    /// The checks of one source that broke or warn, in order, each once.
    pub fn told_by(&self, source: Source) -> Vec<&Finding> {
        let mut told: Vec<&Finding> = Vec::new();
        let findings = self.steps.iter().flat_map(|step| &step.findings);
        for finding in findings.filter(|one| one.source == source && !one.passed) {
            let is_said = told.iter().any(|one| one.check == finding.check);
            if finding.severity != Severity::Info && !is_said {
                told.push(finding);
            }
        }
        told
    }

    /// Whether records had another shape than the recorded one.
    pub fn drifts(&self) -> bool {
        self.steps
            .iter()
            .flat_map(|step| &step.findings)
            .any(|finding| !finding.passed && finding.check == super::RecordCheck::Drift.name())
    }

    /// Whether another member's data were seen.
    pub fn discloses(&self) -> bool {
        self.steps
            .iter()
            .flat_map(|step| &step.findings)
            .any(|finding| finding.breaks() && finding.cause == super::Cause::Disclosure)
    }
}

/// A job of ours that is open at a partner: journalled before its location is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its status URL.
    pub location: String,
    /// The partner that runs it.
    pub partner: PartnerId,
    /// The run that opened it.
    pub run: RunId,
    /// Where a token for its release comes from.
    pub token_endpoint: String,
    /// The scopes of that token.
    pub scope: Vec<String>,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// What came of releasing it after its run.
    pub attempts: ReleaseAttempts,
}

/// Attempts to release a job after its run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReleaseAttempts {
    /// How many failed.
    pub failed: u32,
    /// When the next one is due; none where none failed.
    pub next_at: Option<DateTime<Utc>>,
    /// Whether a token was asked for it: no job gets a second one.
    pub had_token: bool,
}
