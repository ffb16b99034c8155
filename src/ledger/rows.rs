//! What the evidence of a run holds. The only place where a run meets a file format: the fields in order, packed; or
//! JSON in ledgers of earlier schemas. A change of the fields is another layout in `pack`.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use outrider_domain::model::{
    AddressAttempt, AddressOutcome, AddressRange, AgentFault, Blame, BlameCause, Cause,
    ContentCoding, Count, DnsFailure, Failure, Family, Finding, HttpVersion, JobTimes, KindScore,
    LayerVerdict, Limit, Link, Method, Owner, PartnerRequestId, Phase, Phases, Position,
    ProxyFailure, RecordKind, RedirectFault, RequestEvidence, RequestKind, RequestResult,
    RunRecord, Severity, Source, StepEvidence, StepId, StepState, TlsFailure, UnknownKind,
    UnknownValue, Verdict,
};
use outrider_domain::secret::ValueHash;
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
    #[serde(default)]
    kinds: Vec<(String, usize, usize, Vec<String>)>,
    overlaps: u32,
    /// Rows of earlier versions do not say.
    #[serde(default)]
    excluded: bool,
    /// Rows of 0.1.0 say `contaminated`.
    #[serde(default, alias = "contaminated")]
    agent_delayed: bool,
    #[serde(default)]
    own_delay_us: u64,
    certificate_expires_at: Option<DateTime<Utc>>,
    #[serde(skip)]
    pub(super) unknown: UnknownRows,
}

/// What partners sent that the oracle does not know; behind the rest, where earlier evidence has nothing.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct UnknownRows {
    /// The numbers of a step and of its request, and the partner's id of that.
    request_ids: Vec<(usize, usize, String)>,
    /// The numbers of a step and of its finding, and a value behind that.
    values: Vec<(usize, usize, UnknownRow)>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct UnknownRow {
    kind: String,
    step: String,
    file: Option<u32>,
    line: u64,
    hash: String,
    request_id: Option<String>,
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
    #[serde(default)]
    own_delay_us: u64,
    requests: Vec<RequestRow>,
    requests_omitted: BTreeMap<String, u32>,
    findings: Vec<FindingRow>,
    #[serde(default)]
    retried: Vec<FindingRow>,
    #[serde(default)]
    cached_token: bool,
    job: Option<(u32, u64, u64, Option<u8>)>,
    /// Server, overhead, transfer.
    #[serde(default)]
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
    #[serde(default = "first")]
    attempt: u32,
    #[serde(default)]
    link: Option<String>,
    /// The family, and behind it the attempts of [`attempts_row`].
    #[serde(default)]
    family: Option<String>,
    #[serde(default)]
    http: Option<String>,
    #[serde(default)]
    own_delay_us: u64,
    #[serde(default)]
    time_limit_us: Option<u64>,
    #[serde(default, alias = "contaminated")]
    agent_delayed: bool,
}

fn first() -> u32 {
    1
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
            agent_delayed: run.agent_delayed,
            own_delay_us: us(run.own_delay),
            certificate_expires_at: run.certificate_expires_at,
            unknown: UnknownRows::of(&run.steps),
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
        self.unknown.add_to(&mut run.steps)?;
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
        run.agent_delayed = self.agent_delayed;
        run.own_delay = Duration::from_micros(self.own_delay_us);
        run.certificate_expires_at = self.certificate_expires_at;
        Some(run)
    }
}

impl UnknownRows {
    /// Whether there is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn of(steps: &[StepEvidence]) -> Self {
        let mut rows = Self::default();
        for (at, step) in steps.iter().enumerate() {
            for (number, request) in step.requests.iter().enumerate() {
                let id = request.request_id.iter();
                rows.request_ids
                    .extend(id.map(|id| (at, number, id.to_string())));
            }
            for (number, finding) in step.findings.iter().enumerate() {
                let values = finding.unknown.iter();
                rows.values
                    .extend(values.map(|value| (at, number, unknown_row(value))));
            }
        }
        rows
    }

    /// None when something is not known, or belongs to nothing.
    fn add_to(self, steps: &mut [StepEvidence]) -> Option<()> {
        for (at, number, id) in self.request_ids {
            let request = steps.get_mut(at)?.requests.get_mut(number)?;
            request.request_id = Some(PartnerRequestId::named(&id)?);
        }
        for (at, number, row) in self.values {
            let finding = steps.get_mut(at)?.findings.get_mut(number)?;
            let mut values = std::mem::take(&mut finding.unknown).into_vec();
            values.push(unknown_of(row)?);
            finding.unknown = values.into();
        }
        Some(())
    }
}

fn unknown_row(value: &UnknownValue) -> UnknownRow {
    UnknownRow {
        kind: value.kind.to_string(),
        step: value.at.step.to_string(),
        file: value.at.file,
        line: value.at.line,
        hash: value.hash.to_string(),
        request_id: value.request_id.as_ref().map(ToString::to_string),
    }
}

fn unknown_of(row: UnknownRow) -> Option<UnknownValue> {
    Some(UnknownValue {
        kind: UnknownKind::named(&row.kind)?,
        at: Position {
            step: StepId::new(row.step),
            file: row.file,
            line: row.line,
        },
        hash: ValueHash::named(&row.hash)?,
        request_id: match row.request_id {
            Some(id) => Some(PartnerRequestId::named(&id)?),
            None => None,
        },
    })
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
        own_delay_us: us(step.own_delay),
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
        own_delay: Duration::from_micros(row.own_delay_us),
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
        family: request
            .family
            .map(|family| format!("{family}{}", attempts_row(&request.addresses))),
        http: request.http.map(|http| http.to_string()),
        own_delay_us: us(request.own_delay),
        time_limit_us: request.time_limit.map(us),
        agent_delayed: request.agent_delayed,
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
        addresses: row.family.as_deref().map(attempts_of).unwrap_or_default(),
        family: row
            .family
            .as_deref()
            .and_then(|text| Family::named(text.split('|').next()?)),
        http: row.http.as_deref().and_then(HttpVersion::named),
        own_delay: Duration::from_micros(row.own_delay_us),
        time_limit: row.time_limit_us.map(Duration::from_micros),
        agent_delayed: row.agent_delayed,
        request_id: None,
    })
}

/// The attempts to connect, where one address was not enough: each address with its offset and duration in microseconds
/// and what came of it. Of one address that answered, the phases say all.
fn attempts_row(attempts: &[AddressAttempt]) -> String {
    if let [one] = attempts
        && one.outcome == AddressOutcome::Connected
    {
        return String::new();
    }
    attempts
        .iter()
        .map(|one| {
            let (offset, duration) = (us(one.offset), us(one.duration));
            format!("|{} {offset} {duration} {}", one.address, one.outcome)
        })
        .collect()
}

/// The reverse of [`attempts_row`].
fn attempts_of(text: &str) -> Vec<AddressAttempt> {
    let attempt = |text: &str| {
        let mut parts = text.split(' ');
        let address = parts.next()?.parse().ok()?;
        let mut time = || Some(Duration::from_micros(parts.next()?.parse().ok()?));
        let (offset, duration) = (time()?, time()?);
        Some(AddressAttempt {
            address,
            offset,
            duration,
            outcome: AddressOutcome::named(parts.next()?)?,
        })
    };
    text.split('|').skip(1).filter_map(attempt).collect()
}

fn failure_row(failure: Failure) -> (String, String) {
    let (kind, detail) = match failure {
        Failure::Dns(why) => ("dns", why.name()),
        Failure::Proxy(why) => ("proxy", why.name()),
        Failure::Connect => ("connect", ""),
        Failure::Tls(why) => ("tls", why.name()),
        Failure::Reset(phase) => ("reset", phase.name()),
        Failure::Timeout(phase) => ("timeout", phase.name()),
        Failure::Deadline(phase) => ("deadline", phase.name()),
        Failure::Malformed => ("malformed", ""),
        Failure::Coding(coding) => ("coding", coding.name()),
        Failure::Limit(limit) => ("limit", limit.name()),
        Failure::Redirect(why) => ("redirect", why.name()),
        Failure::Egress(range) => ("egress", range.name()),
        Failure::Agent(fault) => ("agent", fault.name()),
    };
    (kind.to_owned(), detail.to_owned())
}

fn failure_of(kind: &str, detail: &str) -> Option<Failure> {
    Some(match kind {
        // Rows of earlier versions do not tell what the name server said.
        "no-such-name" => Failure::Dns(DnsFailure::NoAddress),
        "dns" => Failure::Dns(DnsFailure::named(detail)?),
        "proxy" => Failure::Proxy(ProxyFailure::named(detail)?),
        "connect" => Failure::Connect,
        "tls" => Failure::Tls(TlsFailure::named(detail)?),
        "reset" => Failure::Reset(Phase::named(detail)?),
        "timeout" => Failure::Timeout(Phase::named(detail)?),
        "deadline" => Failure::Deadline(Phase::named(detail)?),
        "malformed" => Failure::Malformed,
        "coding" => Failure::Coding(ContentCoding::named(detail)?),
        "limit" => Failure::Limit(Limit::named(detail)?),
        // Nor why a redirect was not followed.
        "redirect" if detail.is_empty() => Failure::Redirect(RedirectFault::Unreadable),
        "redirect" => Failure::Redirect(RedirectFault::named(detail)?),
        "egress" => Failure::Egress(AddressRange::named(detail)?),
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
        unknown: Box::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_the_first_version_keeps_its_mark() {
        let text = r#"{"kind":"request","method":"GET","path":"/x","offset_us":0,"total_us":9,
            "phases_us":[],"status":200,"media":null,"bytes":1,"failure":null,"own_delay_us":7,
            "contaminated":true}"#;
        let row: RequestRow = serde_json::from_str(text).unwrap();
        let request = request_of(row).unwrap();
        assert!(request.agent_delayed);
        assert_eq!(request.time_limit, None);
        let text = serde_json::to_string(&request_row(&request)).unwrap();
        assert!(text.contains("\"agent_delayed\":true") && !text.contains("contaminated"));
    }
}
