//! The same as JSON, for machines.

use serde_json::{Value, json};

use super::page::{LayerLine, Overview, PartnerView};
use super::waterfall::milliseconds;
use crate::model::{
    AddressAttempt, Failure, Family, Finding, FollowUpRun, HttpVersion, KindScore, Layer,
    LoggedAction, Phase, RequestEvidence, RunRecord, Source, StepEvidence, UnknownValue,
};

/// A run without its steps. `seq` is its place in the ledger.
pub fn run_brief(seq: Option<u64>, run: &RunRecord) -> Value {
    let by_layer = |name: &dyn Fn(Layer) -> &'static str| -> Value {
        Layer::ALL
            .iter()
            .map(|layer| (layer.name().to_owned(), name(*layer)))
            .collect()
    };
    json!({
        "seq": seq,
        "run": run.run.as_str(),
        "partner": run.partner.as_str(),
        "journey": run.journey.as_str(),
        "member": run.member.as_ref().map(|member| member.as_str()),
        "cohort": run.cohort,
        "due_at": run.due_at,
        "started_at": run.started_at,
        "ended_at": run.ended_at(),
        "duration_ms": milliseconds(run.duration),
        "start_delay_ms": milliseconds(run.start_delay()),
        "outcome": run.outcome.name(),
        "layers": by_layer(&|layer| run.verdict.of(layer).name()),
        "counts": by_layer(&|layer| run.verdict.count(layer).name()),
        "blame": run.verdict.blame.as_ref().map(|blame| json!({
            "layer": blame.cause.layer().map(Layer::name),
            "cause": blame.cause.name(),
            "owner": blame.owner.name(),
            "step": blame.step.as_ref().map(|step| step.as_str()),
            "summary": blame.summary,
            "runbook": blame.cause.runbook(),
        })),
        "completeness": run.completeness,
        "completeness_by_kind": run.kinds.iter().map(kind).collect::<Vec<_>>(),
        "correlation_id": run.run.as_str(),
        "overlaps": run.overlaps,
        "excluded": run.excluded,
        "own_delay_ms": milliseconds(run.own_delay),
        "agent_delayed": run.agent_delayed,
    })
}

fn kind(score: &KindScore) -> Value {
    json!({
        "kind": score.kind.name(),
        "due": score.due,
        "found": score.found,
        "ratio": score.ratio(),
        "missing": score.missing,
    })
}

/// Why a request was not answered as asked, and what helps.
pub fn problem_json(error: &str, help: &str) -> Value {
    json!({"error": error, "cure": help})
}

/// Entries of the action log.
pub fn actions_json(actions: &[LoggedAction]) -> Value {
    let action = |one: &LoggedAction| {
        json!({
            "at": one.at,
            "kind": one.kind.name(),
            "subject": one.subject,
            "by": one.by,
            "note": one.note,
            "source": one.source,
        })
    };
    json!({"actions": actions.iter().map(action).collect::<Vec<_>>()})
}

/// Runs that a query is about, and where to go on.
#[derive(Clone, Debug, Default)]
pub struct RunsPage {
    /// Each with its place in the ledger, oldest first.
    pub runs: Vec<(u64, RunRecord)>,
    /// Given as `after`, the query goes on towards newer runs.
    pub next: u64,
    /// There may be newer ones already.
    pub has_newer: bool,
    /// Given as `before`, the query goes on towards older runs; none when there are none, or after `after`.
    pub previous: Option<u64>,
}

/// A page of runs without their steps.
pub fn runs_json(page: &RunsPage) -> Value {
    let runs = page.runs.iter();
    json!({
        "runs": runs.map(|(seq, run)| run_brief(Some(*seq), run)).collect::<Vec<_>>(),
        "next": page.next,
        "more": page.has_newer,
        "previous": page.previous,
    })
}

/// A walk because of a failed run.
pub fn follow_up_run_json(run: &FollowUpRun) -> Value {
    json!({
        "run": run.run.as_str(),
        "of": run.of.as_str(),
        "origin": run.origin.name(),
        "started_at": run.started_at,
        "duration_ms": milliseconds(run.duration),
        "says": run.reproduction.name(),
        "cause": run.cause,
    })
}

/// A run with everything that is kept of it.
pub fn run_whole(seq: Option<u64>, run: &RunRecord) -> Value {
    let mut whole = run_brief(seq, run);
    let sources = Source::ALL.iter();
    let sources = sources.map(|source| (source.name(), run.conformance(*source).name()));
    whole["conformance"] = sources.collect();
    whole["steps"] = run.steps.iter().map(step).collect();
    whole
}

fn step(step: &StepEvidence) -> Value {
    json!({
        "step": step.step.as_str(),
        "state": step.state.name(),
        "offset_ms": milliseconds(step.offset),
        "duration_ms": milliseconds(step.duration),
        "own_delay_ms": milliseconds(step.own_delay),
        "job": step.job.map(|job| json!({
            "polls": job.polls,
            "elapsed_ms": milliseconds(job.elapsed),
            "waited_ms": milliseconds(job.waited),
            "server_ms": milliseconds(job.server),
            "overhead_ms": milliseconds(job.overhead),
            "transfer_ms": milliseconds(job.transfer),
            "progress_percent": job.progress_percent,
        })),
        "requests": step.requests.iter().map(request).collect::<Vec<_>>(),
        "requests_omitted": step.requests_omitted.values().sum::<u32>(),
        "findings": step.findings.iter().map(finding).collect::<Vec<_>>(),
        "retried": step.retried.iter().map(finding).collect::<Vec<_>>(),
        "cached_token": step.cached_token,
    })
}

fn request(request: &RequestEvidence) -> Value {
    let phases: Value = Phase::ALL
        .iter()
        .filter_map(|phase| {
            let time = request.phases.get(*phase)?;
            Some((format!("{phase}_ms"), milliseconds(time)))
        })
        .collect();
    json!({
        "kind": request.kind.name(),
        "method": request.method.name(),
        "path": request.path,
        "offset_ms": milliseconds(request.offset),
        "total_ms": milliseconds(request.total),
        "phases": phases,
        "status": request.status,
        "media": request.media,
        "bytes": request.bytes,
        "failure": request.failure.map(failure),
        "attempt": request.attempt,
        "connection": request.link.name(),
        "addresses": request.addresses.iter().map(address).collect::<Vec<_>>(),
        "family": request.family.map(Family::name),
        "http": request.http.map(HttpVersion::name),
        "own_delay_ms": milliseconds(request.own_delay),
        "agent_delayed": request.agent_delayed,
        "request_id": request.request_id.as_ref().map(ToString::to_string),
    })
}

fn address(attempt: &AddressAttempt) -> Value {
    json!({
        "address": attempt.address.to_string(),
        "offset_ms": milliseconds(attempt.offset),
        "duration_ms": milliseconds(attempt.duration),
        "outcome": attempt.outcome.name(),
    })
}

fn failure(failure: Failure) -> String {
    match failure {
        Failure::Dns(why) => format!("dns: {why}"),
        Failure::Proxy(why) => format!("proxy: {why}"),
        Failure::Connect => "connect".to_owned(),
        Failure::Tls(why) => format!("tls: {why}"),
        Failure::Reset(phase) => format!("reset in {phase}"),
        Failure::Timeout(phase) => format!("timeout in {phase}"),
        Failure::Deadline(phase) => format!("deadline in {phase}"),
        Failure::Malformed => "malformed".to_owned(),
        Failure::Coding(coding) => format!("coding: {coding}"),
        Failure::Limit(limit) => format!("over the limit of {limit}"),
        Failure::Redirect(why) => format!("redirect refused: {why}"),
        Failure::Egress(range) => format!("egress refused: {range}"),
        Failure::Agent(fault) => format!("agent: {fault}"),
    }
}

fn finding(finding: &Finding) -> Value {
    json!({
        "id": finding.id,
        "check": finding.check,
        "severity": finding.severity.name(),
        "source": finding.source.name(),
        "held": finding.passed,
        "layer": finding.cause.layer().name(),
        "cause": finding.cause.name(),
        "expected": finding.expected,
        "seen": finding.seen,
        "unknown": finding.unknown.iter().map(unknown).collect::<Vec<_>>(),
    })
}

fn unknown(value: &UnknownValue) -> Value {
    json!({
        "kind": value.kind.name(),
        "step": value.at.step.as_str(),
        "file": value.at.file,
        "line": value.at.line,
        "hash": value.hash.to_string(),
        "request_id": value.request_id.as_ref().map(ToString::to_string),
    })
}

/// The overview.
pub fn overview_json(overview: &Overview) -> Value {
    json!({
        "at": overview.at,
        "agent": overview.agent,
        "config": {
            "read_at": overview.config.read_at,
            "fine": overview.config.mistakes.is_empty(),
            "mistakes": overview.config.mistakes,
            "needs_restart": overview.config.needs_restart,
        },
        "partners": overview.partners.iter().map(partner).collect::<Vec<_>>(),
    })
}

fn partner(view: &PartnerView) -> Value {
    let probes: Vec<Value> = view
        .probes
        .iter()
        .map(|probe| {
            json!({
                "journey": probe.probe.journey.as_str(),
                "next_due": probe.next_due,
                "paused": probe.paused,
                "in_flight": probe.in_flight,
                "last_run": probe.last_run.as_ref().map(|(seq, run)| run_brief(Some(*seq), run)),
            })
        })
        .collect();
    json!({
        "partner": view.partner.as_str(),
        "name": view.name,
        "layers": view.layers.iter().map(layer).collect::<Vec<_>>(),
        "latency": {
            "p50_ms": view.p50.map(milliseconds),
            "p99_ms": view.p99.map(milliseconds),
        },
        "probes": probes,
        "declared": view.declared.iter().map(|one| json!({
            "reason": one.reason,
            "effects": one.effects.iter().map(|effect| effect.name()).collect::<Vec<_>>(),
            "until": one.until,
        })).collect::<Vec<_>>(),
    })
}

fn layer(line: &LayerLine) -> Value {
    let blame = line.last.and_then(|(_, blame)| blame);
    json!({
        "layer": line.layer.name(),
        "last": line.last.map(|(verdict, _)| verdict.name()),
        "cause": blame.map(|(cause, _)| cause),
        "owner": blame.map(|(_, owner)| owner),
        "events": line.events,
        "bad": line.bad,
    })
}
