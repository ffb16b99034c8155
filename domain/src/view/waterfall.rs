//! One run as text to paste into a ticket: steps, phases, checks, verdict.

use std::fmt::Write;
use std::time::Duration;

use crate::model::{
    AddressAttempt, AddressOutcome, Conformance, Family, Finding, HttpVersion, Layer, LayerVerdict,
    Link, Phase, RequestEvidence, RunRecord, Severity, Source, StepEvidence, StepState,
};

/// Columns of the bar.
const BAR_WIDTH: u32 = 32;

/// Milliseconds with three digits after the point.
pub fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// Colours, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// Plain text: a pipe, a file, a ticket, `NO_COLOR`.
    Plain,
    /// ANSI colours.
    Ansi,
}

impl Paint {
    fn code(self, code: &str, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Ansi => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }

    /// Green.
    pub fn good(self, text: &str) -> String {
        self.code("32", text)
    }

    /// Red.
    pub fn bad(self, text: &str) -> String {
        self.code("31;1", text)
    }

    /// Yellow.
    pub fn warn(self, text: &str) -> String {
        self.code("33", text)
    }

    /// Grey.
    pub fn dim(self, text: &str) -> String {
        self.code("2", text)
    }
}

/// The whole run as text.
pub fn waterfall(run: &RunRecord, paint: Paint) -> String {
    let mut text = String::new();
    let member = run
        .member
        .as_ref()
        .map(|member| format!(", member {member}"))
        .unwrap_or_default();
    let started = run.started_at.format("%Y-%m-%dT%H:%M:%S%.3fZ");
    line(
        &mut text,
        &format!("{} at {}{member}", run.journey, run.partner),
    );
    line(&mut text, &format!("run {}  begun {started}", run.run));
    line(&mut text, "");
    for step in &run.steps {
        step_lines(&mut text, run, step, paint);
    }
    line(&mut text, "");
    verdict_lines(&mut text, run, paint);
    text
}

fn line(text: &mut String, one: &str) {
    text.push_str(one.trim_end());
    text.push('\n');
}

fn step_lines(text: &mut String, run: &RunRecord, step: &StepEvidence, paint: Paint) {
    let mark = match step.state {
        StepState::Passed => paint.good("✓"),
        StepState::Failed => paint.bad("✗"),
        StepState::Skipped => paint.dim("·"),
    };
    if step.state == StepState::Skipped {
        line(
            text,
            &format!("{mark} {:<16} {}", step.step, paint.dim("skipped")),
        );
        return;
    }
    let bar = bar(step.offset, step.duration, run.duration);
    let took = format!("{:>10.1} ms", milliseconds(step.duration));
    line(text, &format!("{mark} {:<16} {bar} {took}", step.step));
    for request in &step.requests {
        line(text, &format!("    {}", paint.dim(&request_line(request))));
        if is_address_worth_a_line(request) {
            for attempt in &request.addresses {
                line(
                    text,
                    &format!("      {}", paint.dim(&address_line(attempt))),
                );
            }
        }
    }
    let omitted: u32 = step.requests_omitted.values().sum();
    if omitted > 0 {
        line(text, &format!("    … {omitted} more requests"));
    }
    if let Some(job) = &step.job {
        let progress = job
            .progress_percent
            .map(|percent| format!(", last progress {percent} %"));
        let times = format!(
            "job: {} polls, {:.1} ms: server {:.1}, looking {:.1}, transfer {:.1}; waited {:.1} by rule{}",
            job.polls,
            milliseconds(job.elapsed),
            milliseconds(job.server),
            milliseconds(job.overhead),
            milliseconds(job.transfer),
            milliseconds(job.waited),
            progress.unwrap_or_default()
        );
        line(text, &format!("    {}", paint.dim(&times)));
    }
    if step.cached_token {
        line(
            text,
            &format!("    {}", paint.dim("a token of before is still good")),
        );
    }
    for finding in &step.retried {
        let told = format!("{}: {}; asked again", finding.check, finding.seen);
        line(text, &format!("    {}", paint.warn(&format!("! {told}"))));
    }
    for (finding, times) in told_once(&step.findings) {
        let times = if times > 1 {
            format!(" (and {} more alike)", times - 1)
        } else {
            String::new()
        };
        line(
            text,
            &format!("    {}{}", finding_line(finding, paint), paint.dim(&times)),
        );
        for value in &finding.unknown {
            line(text, &format!("      {}", paint.dim(&value.to_string())));
        }
    }
}

/// Findings worth a line; a check that held many times, once a file, takes one.
fn told_once(findings: &[Finding]) -> Vec<(&Finding, usize)> {
    let mut told: Vec<(&Finding, usize)> = Vec::new();
    for finding in findings.iter().filter(|finding| is_worth_a_line(finding)) {
        let same = told
            .iter_mut()
            .find(|(one, _)| finding.passed && one.passed && one.check == finding.check);
        match same {
            Some((_, times)) => *times += 1,
            None => told.push((finding, 1)),
        }
    }
    told
}

/// That an answer was whole is said by its status already.
fn is_worth_a_line(finding: &Finding) -> bool {
    !(finding.passed && matches!(finding.id.as_ref(), "T-01" | ""))
}

fn bar(offset: Duration, length: Duration, whole: Duration) -> String {
    let whole = whole.as_secs_f64().max(1e-9);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most BAR_WIDTH"
    )]
    let columns = |time: Duration| {
        (time.as_secs_f64() / whole * f64::from(BAR_WIDTH))
            .round()
            .clamp(0.0, f64::from(BAR_WIDTH)) as u32
    };
    let from = columns(offset).min(BAR_WIDTH - 1);
    let to = columns(offset + length).clamp(from + 1, BAR_WIDTH);
    (0..BAR_WIDTH)
        .map(|column| {
            if (from..to).contains(&column) {
                '█'
            } else {
                '░'
            }
        })
        .collect()
}

fn request_line(request: &RequestEvidence) -> String {
    let mut text = format!("{} {} ", request.method, request.path);
    let result = match (request.failure, request.status) {
        (None, Some(status)) => format!("{status}, {} bytes", request.bytes),
        (_, Some(status)) => format!("{status}, broken off after {} bytes", request.bytes),
        (_, None) => "no answer".to_owned(),
    };
    let phases: Vec<String> = Phase::ALL
        .iter()
        .filter_map(|phase| {
            Some(format!(
                "{phase} {:.1}",
                milliseconds(request.phases.get(*phase)?)
            ))
        })
        .collect();
    write!(text, "{result}  [{} ms]", phases.join(" · ")).unwrap_or_default();
    for told in remarks(request) {
        write!(text, "  {told}").unwrap_or_default();
    }
    text
}

/// One address that answered is said by the phases.
fn is_address_worth_a_line(request: &RequestEvidence) -> bool {
    let is_usual = |one: &AddressAttempt| one.outcome == AddressOutcome::Connected;
    request.addresses.len() > 1 || !request.addresses.iter().all(is_usual)
}

fn address_line(attempt: &AddressAttempt) -> String {
    format!(
        "address {}: {} after {:.1} ms, tried from {:.1} ms on",
        attempt.address,
        attempt.outcome,
        milliseconds(attempt.duration),
        milliseconds(attempt.offset)
    )
}

/// What is not as usual about a request.
fn remarks(request: &RequestEvidence) -> Vec<String> {
    let mut told = Vec::new();
    if request.attempt > 1 {
        told.push(format!("attempt {}", request.attempt));
    }
    match request.link {
        Link::New => {}
        Link::Reused => told.push("reused".to_owned()),
        Link::Replaced => told.push("new, the one left open was dead".to_owned()),
    }
    match request.http {
        None | Some(HttpVersion::One) => {}
        Some(other @ (HttpVersion::OneZero | HttpVersion::Two)) => {
            told.push(format!("HTTP/{other}"));
        }
    }
    if request.family == Some(Family::V6) {
        told.push("ipv6".to_owned());
    }
    if let Some(id) = &request.request_id {
        told.push(format!("the partner's request id {id}"));
    }
    if request.agent_delayed {
        let own = milliseconds(request.own_delay);
        told.push(format!("agent-delayed: {own:.1} ms of it may be ours"));
    }
    told
}

fn finding_line(finding: &Finding, paint: Paint) -> String {
    let name = if finding.id.is_empty() {
        finding.check.to_string()
    } else {
        format!("{} {}", finding.id, finding.check)
    };
    if finding.passed {
        return format!("{} {name}: {}", paint.good("✓"), finding.seen);
    }
    let told = format!(
        "{name}: expected {}, saw {}",
        finding.expected, finding.seen
    );
    match finding.severity {
        Severity::Fail => paint.bad(&format!("✗ {told}")),
        Severity::Warn => paint.warn(&format!("! {told}")),
        Severity::Info => paint.dim(&format!("i {told}")),
    }
}

/// The regulation and the guides apart, and completeness by kind with what is missing.
fn conformance_lines(text: &mut String, run: &RunRecord, paint: Paint) {
    for source in [Source::Regulation, Source::Guide] {
        let verdict = run.conformance(source);
        let shown = match verdict {
            Conformance::Held => paint.good(verdict.name()),
            Conformance::Warned => paint.warn(verdict.name()),
            Conformance::Broken => paint.bad(verdict.name()),
            Conformance::NotReached => paint.dim(verdict.name()),
        };
        let checks = run.told_by(source).into_iter();
        let checks: Vec<_> = checks
            .map(|one| format!("{} {}", one.id, one.check))
            .collect();
        line(
            text,
            &format!("{:<12} {shown}  {}", source.name(), checks.join(", ")),
        );
    }
    let Some(score) = run.completeness else {
        return;
    };
    line(text, &format!("completeness {score:.4}"));
    for one in &run.kinds {
        let told = format!("  {:<20} {} of {}", one.kind.name(), one.found, one.due);
        if one.missing.is_empty() {
            line(text, &paint.dim(&told));
            continue;
        }
        line(text, &paint.bad(&told));
        for missing in &one.missing {
            line(text, &format!("    missing {missing}"));
        }
        let unnamed = one.due - one.found - one.missing.len();
        if unnamed > 0 {
            line(text, &format!("    and {unnamed} more"));
        }
    }
}

fn verdict_lines(text: &mut String, run: &RunRecord, paint: Paint) {
    for layer in Layer::ALL {
        let verdict = run.verdict.of(*layer);
        let shown = match verdict {
            LayerVerdict::Good => paint.good(verdict.name()),
            LayerVerdict::Bad => paint.bad(verdict.name()),
            LayerVerdict::NotReached => paint.dim(verdict.name()),
        };
        let count = run.verdict.count(*layer);
        line(
            text,
            &format!("{:<12} {shown}  (counts as {count})", layer.name()),
        );
    }
    conformance_lines(text, run, paint);
    let outcome = run.outcome.name();
    match &run.verdict.blame {
        None => line(text, &format!("verdict      {}", paint.good(outcome))),
        Some(blame) => {
            let place = blame.cause.layer().map_or("agent", Layer::name);
            let told = format!(
                "{outcome}: {place} {}, owner {}",
                blame.cause.name(),
                blame.owner
            );
            line(text, &format!("verdict      {}", paint.bad(&told)));
            if let Some(step) = &blame.step {
                line(text, &format!("step         {step}"));
            }
            line(text, &format!("why          {}", blame.summary));
            line(text, &format!("runbook      {}", blame.cause.runbook()));
        }
    }
    let held_up = if run.agent_delayed {
        ", agent-delayed: we held it up ourselves"
    } else {
        ""
    };
    line(
        text,
        &format!("duration     {:.1} ms{held_up}", milliseconds(run.duration)),
    );
    line(text, &format!("correlation  {}", run.run));
}
