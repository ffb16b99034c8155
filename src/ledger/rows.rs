//! How a run is stored. The only place where a run meets a file format.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use outrider_domain::model::{
    AgentFault, Blame, BlameCause, Cause, Count, Failure, Family, Finding, HttpVersion, JobTimes,
    KindScore, LayerVerdict, Limit, Link, Method, Owner, Phase, Phases, RecordKind,
    RequestEvidence, RequestKind, RequestResult, RunRecord, Severity, Source, StepEvidence, StepId,
    StepState, TlsFailure, Verdict,
};
use serde::{Deserialize, Serialize};

/// What a run's columns do not hold.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Detail {
    origin: String,
    layers: Vec<String>,
    counts: Vec<String>,
    blame: Option<BlameRow>,
    steps: Vec<StepRow>,
    completeness: Option<f64>,
    /// Kind, due, found, missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    kinds: Vec<(String, usize, usize, Vec<String>)>,
    overlaps: u32,
    /// Rows of earlier versions do not say.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    excluded: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    contaminated: bool,
    certificate_expires_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct BlameRow {
    cause: String,
    owner: String,
    step: Option<String>,
    summary: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct StepRow {
    step: String,
    state: String,
    offset_us: u64,
    duration_us: u64,
    requests: Vec<RequestRow>,
    requests_omitted: BTreeMap<String, u32>,
    findings: Vec<FindingRow>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    retried: Vec<FindingRow>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    cached_token: bool,
    job: Option<(u32, u64, u64, Option<u8>)>,
    /// Server, overhead, transfer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    job_parts_us: Option<[u64; 3]>,
}

#[derive(Debug, Serialize, Deserialize)]
struct RequestRow {
    kind: String,
    method: String,
    path: String,
    offset_us: u64,
    total_us: u64,
    /// In the order of phases.
    phases_us: Vec<Option<u64>>,
    status: Option<u16>,
    media: Option<String>,
    bytes: u64,
    failure: Option<(String, String)>,
    /// Rows of earlier versions know one attempt, on a connection of its own.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    attempt: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    family: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    http: Option<String>,
    #[serde(default)]
    own_delay_us: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    contaminated: bool,
}

fn first() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_first(attempt: &u32) -> bool {
    *attempt == 1
}

#[derive(Debug, Serialize, Deserialize)]
struct FindingRow {
    id: String,
    check: String,
    severity: String,
    /// Rows of earlier versions do not say.
    #[serde(default)]
    source: String,
    held: bool,
    cause: String,
    expected: String,
    seen: String,
}

/// Microseconds, as columns hold them.
pub(super) fn us(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl Detail {
    pub(super) fn of(run: &RunRecord) -> Self {
        Self {
            origin: run.origin.name().to_owned(),
            layers: run.verdict.layers.iter().map(ToString::to_string).collect(),
            counts: run.verdict.counts.iter().map(ToString::to_string).collect(),
            blame: run.verdict.blame.as_ref().map(|blame| BlameRow {
                cause: blame.cause.name().to_owned(),
                owner: blame.owner.name().to_owned(),
                step: blame.step.as_ref().map(ToString::to_string),
                summary: blame.summary.clone(),
            }),
            steps: run.steps.iter().map(step_row).collect(),
            completeness: run.completeness,
            kinds: run
                .kinds
                .iter()
                .map(|one| {
                    (
                        one.kind.to_string(),
                        one.due,
                        one.found,
                        one.missing.clone(),
                    )
                })
                .collect(),
            overlaps: run.overlaps,
            excluded: run.excluded,
            contaminated: run.contaminated,
            certificate_expires_at: run.certificate_expires_at,
        }
    }

    /// Fills in what the columns do not hold; none when a word is not known.
    pub(super) fn into_run(self, mut run: RunRecord) -> Option<RunRecord> {
        run.origin = outrider_domain::model::Origin::named(&self.origin)?;
        run.verdict = Verdict {
            layers: three(&self.layers, LayerVerdict::named)?,
            counts: three(&self.counts, Count::named)?,
            blame: match self.blame {
                Some(blame) => Some(blame_of(blame)?),
                None => None,
            },
        };
        run.steps = self.steps.into_iter().map(step_of).collect::<Option<_>>()?;
        run.completeness = self.completeness;
        let kinds = self.kinds.into_iter();
        let kinds = kinds.map(|(kind, due, found, missing)| {
            Some(KindScore {
                kind: RecordKind::named(&kind)?,
                due,
                found,
                missing,
            })
        });
        run.kinds = kinds.collect::<Option<_>>()?;
        run.overlaps = self.overlaps;
        run.excluded = self.excluded;
        run.contaminated = self.contaminated;
        run.certificate_expires_at = self.certificate_expires_at;
        Some(run)
    }
}

fn three<T: Copy>(words: &[String], named: fn(&str) -> Option<T>) -> Option<[T; 3]> {
    let words: Vec<T> = words
        .iter()
        .map(|word| named(word))
        .collect::<Option<_>>()?;
    words.try_into().ok()
}

fn blame_of(row: BlameRow) -> Option<Blame> {
    let cause = match Cause::named(&row.cause) {
        Some(cause) => BlameCause::Layer(cause),
        None => BlameCause::Agent(AgentFault::named(&row.cause)?),
    };
    Some(Blame {
        cause,
        owner: Owner::named(&row.owner)?,
        step: row.step.map(StepId::new),
        summary: row.summary,
    })
}

fn step_row(step: &StepEvidence) -> StepRow {
    StepRow {
        step: step.step.to_string(),
        state: step.state.to_string(),
        offset_us: us(step.offset),
        duration_us: us(step.duration),
        requests: step.requests.iter().map(request_row).collect(),
        requests_omitted: step
            .requests_omitted
            .iter()
            .map(|(result, count)| (result.to_string(), *count))
            .collect(),
        findings: step.findings.iter().map(finding_row).collect(),
        retried: step.retried.iter().map(finding_row).collect(),
        cached_token: step.cached_token,
        job_parts_us: step
            .job
            .map(|job| [us(job.server), us(job.overhead), us(job.transfer)]),
        job: step.job.map(|job| {
            (
                job.polls,
                us(job.elapsed),
                us(job.waited),
                job.progress_percent,
            )
        }),
    }
}

fn step_of(row: StepRow) -> Option<StepEvidence> {
    let parts = row.job_parts_us.unwrap_or_default();
    let [server, overhead, transfer] = parts.map(Duration::from_micros);
    Some(StepEvidence {
        step: StepId::new(row.step),
        state: StepState::named(&row.state)?,
        offset: Duration::from_micros(row.offset_us),
        duration: Duration::from_micros(row.duration_us),
        requests: row
            .requests
            .into_iter()
            .map(request_of)
            .collect::<Option<_>>()?,
        requests_omitted: row
            .requests_omitted
            .iter()
            .map(|(result, count)| Some((RequestResult::named(result)?, *count)))
            .collect::<Option<_>>()?,
        findings: row
            .findings
            .into_iter()
            .map(finding_of)
            .collect::<Option<_>>()?,
        retried: row
            .retried
            .into_iter()
            .map(finding_of)
            .collect::<Option<_>>()?,
        cached_token: row.cached_token,
        job: row
            .job
            .map(|(polls, elapsed, waited, progress_percent)| JobTimes {
                progress_percent,
                polls,
                elapsed: Duration::from_micros(elapsed),
                waited: Duration::from_micros(waited),
                server,
                overhead,
                transfer,
            }),
    })
}

fn request_row(request: &RequestEvidence) -> RequestRow {
    RequestRow {
        kind: request.kind.to_string(),
        method: request.method.to_string(),
        path: request.path.clone(),
        offset_us: us(request.offset),
        total_us: us(request.total),
        phases_us: Phase::ALL
            .iter()
            .map(|phase| request.phases.get(*phase).map(us))
            .collect(),
        status: request.status,
        media: request.media.clone(),
        bytes: request.bytes,
        failure: request.failure.map(failure_row),
        attempt: request.attempt,
        link: (request.link != Link::New).then(|| request.link.to_string()),
        family: request.family.map(|family| family.to_string()),
        http: request.http.map(|http| http.to_string()),
        own_delay_us: us(request.own_delay),
        contaminated: request.contaminated,
    }
}

fn request_of(row: RequestRow) -> Option<RequestEvidence> {
    let mut phases = Phases::default();
    for (phase, time) in Phase::ALL.iter().zip(&row.phases_us) {
        if let Some(time) = time {
            phases.add(*phase, Duration::from_micros(*time));
        }
    }
    Some(RequestEvidence {
        kind: RequestKind::named(&row.kind)?,
        method: Method::named(&row.method)?,
        path: row.path,
        offset: Duration::from_micros(row.offset_us),
        total: Duration::from_micros(row.total_us),
        phases,
        status: row.status,
        media: row.media,
        bytes: row.bytes,
        failure: match row.failure {
            Some((kind, detail)) => Some(failure_of(&kind, &detail)?),
            None => None,
        },
        attempt: row.attempt,
        link: row
            .link
            .map_or(Some(Link::New), |word| Link::named(&word))?,
        family: row.family.as_deref().and_then(Family::named),
        http: row.http.as_deref().and_then(HttpVersion::named),
        own_delay: Duration::from_micros(row.own_delay_us),
        contaminated: row.contaminated,
    })
}

fn failure_row(failure: Failure) -> (String, String) {
    let (kind, detail) = match failure {
        Failure::NoSuchName => ("no-such-name", ""),
        Failure::Connect => ("connect", ""),
        Failure::Tls(why) => ("tls", why.name()),
        Failure::Reset(phase) => ("reset", phase.name()),
        Failure::Timeout(phase) => ("timeout", phase.name()),
        Failure::Deadline(phase) => ("deadline", phase.name()),
        Failure::Malformed => ("malformed", ""),
        Failure::Limit(limit) => ("limit", limit.name()),
        Failure::Redirect => ("redirect", ""),
        Failure::Agent(fault) => ("agent", fault.name()),
    };
    (kind.to_owned(), detail.to_owned())
}

fn failure_of(kind: &str, detail: &str) -> Option<Failure> {
    Some(match kind {
        "no-such-name" => Failure::NoSuchName,
        "connect" => Failure::Connect,
        "tls" => Failure::Tls(TlsFailure::named(detail)?),
        "reset" => Failure::Reset(Phase::named(detail)?),
        "timeout" => Failure::Timeout(Phase::named(detail)?),
        "deadline" => Failure::Deadline(Phase::named(detail)?),
        "malformed" => Failure::Malformed,
        "limit" => Failure::Limit(Limit::named(detail)?),
        "redirect" => Failure::Redirect,
        "agent" => Failure::Agent(AgentFault::named(detail)?),
        _ => return None,
    })
}

fn finding_row(finding: &Finding) -> FindingRow {
    FindingRow {
        id: finding.id.to_string(),
        check: finding.check.to_string(),
        severity: finding.severity.to_string(),
        source: finding.source.to_string(),
        held: finding.passed,
        cause: finding.cause.to_string(),
        expected: finding.expected.clone(),
        seen: finding.seen.clone(),
    }
}

fn finding_of(row: FindingRow) -> Option<Finding> {
    Some(Finding {
        id: row.id.into(),
        check: row.check.into(),
        severity: Severity::named(&row.severity)?,
        source: Source::named(&row.source).unwrap_or(Source::Contract),
        passed: row.held,
        cause: Cause::named(&row.cause)?,
        expected: row.expected,
        seen: row.seen,
    })
}
