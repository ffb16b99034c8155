//! The verbs.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use outrider_domain::judge::capture::{self, CapturedValue};
use outrider_domain::judge::{
    answer as judge_answer, business, catalogue, error_answer, exchange, job, quirks,
};
use outrider_domain::model::{
    Action, AgentFault, Answer, AnswerCheck, Body, Capture, Cause, Finding, Headers, Job, Member,
    Method, NamedBody, Partner, RecordCheck, RequestKind, Step, StepId, Template,
};
use tokio::sync::oneshot;

use super::bind::{Address, absolute, same_origin};
use super::bodies;
use super::order::JobNote;
use super::sign_in::Wanted;
use super::told::KickOff;
use super::walk::{Halt, Notes, Walker};
use super::wire::Call;

/// How long our own ledger may take to note a job.
const LEDGER_TIME: Duration = Duration::from_secs(5);
const FORM: &str = "application/x-www-form-urlencoded";
const FHIR_JSON: &str = "application/fhir+json";
const JSON: &str = "application/json";

impl Walker<'_> {
    /// What a step does.
    pub(super) async fn act(&mut self, step: &Step, notes: &mut Notes) -> Result<(), Halt> {
        let timeout = step.timeout.unwrap_or(self.order.timeout);
        match &step.action {
            Action::Request { .. } => self.request(step, timeout, notes).await,
            Action::Token {
                endpoint,
                scope,
                fresh,
            } => {
                let endpoint = self.address(endpoint, notes)?;
                let wanted = Wanted {
                    endpoint,
                    scope: scope.clone(),
                    fresh: *fresh,
                };
                self.sign_in(&step.id, &wanted, timeout, notes).await
            }
            Action::Submit { .. } => self.submit(step, timeout, notes).await,
            Action::Poll {
                job,
                token,
                retry_after_max,
            } => {
                let url = self.address(job, notes)?;
                self.poll(step, &url, token, *retry_after_max, timeout, notes)
                    .await
            }
            Action::Watch { .. } => self.watch(step, timeout, notes).await,
            Action::Download {
                manifest,
                read,
                token,
            } => {
                self.download(step, manifest, *read, token, timeout, notes)
                    .await
            }
            Action::Check { checks } => self.check(checks, notes),
            Action::Release { job_of, token } => self.release(job_of, token, timeout, notes).await,
        }
    }

    async fn request(
        &mut self,
        step: &Step,
        timeout: Duration,
        notes: &mut Notes,
    ) -> Result<(), Halt> {
        let Action::Request {
            method,
            url,
            headers,
            body,
            token,
            expect,
            checks,
            captures,
        } = &step.action
        else {
            return Ok(());
        };
        let mut call = self.call(RequestKind::Request, *method, self.address(url, notes)?);
        if let Some(body) = body {
            self.fill_body(&mut call, body, notes)?;
        }
        self.fill_headers(&mut call, headers, notes)?;
        if let Some(token) = token {
            self.authorise(&mut call, token, timeout, notes).await?;
        }
        let answer = self
            .ask_following(notes, timeout, call, &expect.status)
            .await?;
        let mut findings = judge_answer::expected(expect, &answer);
        if !findings.iter().any(Finding::breaks) {
            let checks = checks.iter();
            findings
                .extend(checks.flat_map(|one| judge_answer::named(*one, &answer, &self.asked())));
        }
        if checks.contains(&AnswerCheck::ExchangeResult) {
            self.named = answer.json.as_ref().map(exchange::matched_patients);
        }
        self.note(quirks::of_refusal(&answer));
        notes.judge(self.excused(findings, &answer))?;
        self.capture(&step.id, captures, &answer, notes)
    }

    /// Whom the journey asks an exchange core for.
    fn asked(&self) -> Vec<&Member> {
        let named = self.order.journey.named_bodies();
        named
            .filter(|body| body.is_for_a_core())
            .last()
            .map_or_else(Vec::new, |body| bodies::asked(body, self.order.member))
    }

    /// Keeps what a step captures; what is optional and not there stays away.
    pub(super) fn capture(
        &mut self,
        step: &StepId,
        captures: &[Capture],
        answer: &Answer,
        notes: &mut Notes,
    ) -> Result<(), Halt> {
        for wanted in captures {
            match capture::capture(wanted, answer) {
                Ok(Some(value)) => self.values.keep(step, &wanted.name, value),
                Ok(None) => {}
                Err(broken) => notes.judge([broken])?,
            }
        }
        Ok(())
    }

    pub(super) fn address(&self, template: &Template, notes: &mut Notes) -> Result<Address, Halt> {
        let found = self.values.address(template);
        found.ok_or_else(|| unfit(notes, "an absolute http or https URL"))
    }

    pub(super) fn fill_headers(
        &self,
        call: &mut Call,
        headers: &Headers,
        notes: &mut Notes,
    ) -> Result<(), Halt> {
        for (name, template) in headers {
            let value = self.values.header(template);
            let value = value.ok_or_else(|| unfit(notes, "a value that a header field takes"))?;
            if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
                call.headers.insert(name, value);
            }
        }
        Ok(())
    }

    fn fill_body(&self, call: &mut Call, body: &Body, notes: &mut Notes) -> Result<(), Halt> {
        let (kind, text) = match body {
            Body::Named(named) => {
                let body = bodies::build(*named, self.order.member, &self.values);
                let kind = if named.is_for_a_core() {
                    JSON
                } else {
                    FHIR_JSON
                };
                (kind, Some(body.unwrap_or_default().to_string()))
            }
            Body::Json(filling) => {
                let kind = if call.kind == RequestKind::Submit {
                    FHIR_JSON
                } else {
                    JSON
                };
                let json = self.values.json(filling);
                (kind, json.map(|json| json.to_string()))
            }
            Body::Form(fields) => (FORM, self.values.form(fields)),
        };
        let text = text.ok_or_else(|| unfit(notes, "a value that the body takes"))?;
        call.headers
            .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        call.body = Bytes::from(text);
        Ok(())
    }

    pub(super) fn call(&self, kind: RequestKind, method: Method, to: Address) -> Call {
        let mut headers = HeaderMap::new();
        let accept = HeaderValue::from_static("application/fhir+json, application/json");
        headers.insert(ACCEPT, accept);
        Call {
            kind,
            method,
            to,
            headers,
            body: Bytes::new(),
            token: None,
        }
    }

    async fn submit(
        &mut self,
        step: &Step,
        timeout: Duration,
        notes: &mut Notes,
    ) -> Result<(), Halt> {
        let Action::Submit {
            url,
            headers,
            body,
            token,
        } = &step.action
        else {
            return Ok(());
        };
        let mut call = self.call(RequestKind::Submit, Method::Post, self.address(url, notes)?);
        call.headers
            .insert("prefer", HeaderValue::from_static("respond-async"));
        let key = format!("{}-{}", self.order.run, step.id);
        if let Ok(key) = HeaderValue::from_str(&key) {
            call.headers
                .insert(HeaderName::from_static("idempotency-key"), key);
        }
        self.fill_body(&mut call, body, notes)?;
        self.fill_headers(&mut call, headers, notes)?;
        self.authorise(&mut call, token, timeout, notes).await?;
        let kick_off = KickOff::of(&call, self.order.clock.system());
        let answer = self.ask(notes, timeout, call).await?;
        if *body == Body::Named(NamedBody::MemberMatchParameters) {
            self.note(quirks::of_kick_off(&answer));
            if job::is_direct(&answer) {
                self.direct = answer.json;
                let (expected, seen) = ("status 202, or 200 with the result", "status 200");
                return notes.judge([catalogue::ACCEPTED.finding(true, expected, seen)]);
            }
        }
        let (location, findings) = job::accepted(&answer);
        self.note(quirks::of_refusal(&answer));
        let findings = self.excused(findings, &answer);
        if findings
            .iter()
            .any(|finding| finding.cause == Cause::Throttled && finding.breaks())
        {
            self.own_job_open = self.others_open().await;
        }
        let Some(location) = location else {
            return notes.judge(findings);
        };
        if !absolute(&location).is_some_and(|url| self.may_hold_jobs(&url)) {
            // No token may travel there, so the job could neither be polled nor released.
            let (expected, seen) = ("a status URL at the partner's own origin", "one elsewhere");
            return notes.judge([catalogue::CONTENT_LOCATION.finding(false, expected, seen)]);
        }
        // Journalled before anything else is done with it, even before it is judged.
        let since = self.order.clock.instant();
        let done = self.journal(step, &location, token).await;
        let own = self.order.clock.instant() - since;
        notes.own += own;
        self.own += own;
        self.limit += own;
        self.deadline += own;
        done?;
        self.kick_offs.push(kick_off.at(&location));
        self.values
            .keep(&step.id, "location", CapturedValue::Text(location));
        notes.judge(findings)
    }

    async fn others_open(&self) -> bool {
        let (answer, open) = oneshot::channel();
        let (partner, run) = (self.order.partner.id.clone(), self.order.run.clone());
        let asked = self
            .order
            .jobs
            .send(JobNote::OthersOpen {
                partner,
                run,
                answer,
            })
            .await;
        asked.is_ok() && is_yes(open).await
    }

    async fn journal(&mut self, step: &Step, location: &str, token: &StepId) -> Result<(), Halt> {
        let held = self.tokens.get(token);
        let job = Job {
            location: location.to_owned(),
            partner: self.order.partner.id.clone(),
            run: self.order.run.clone(),
            token_endpoint: held
                .map(|held| held.endpoint.url.to_string())
                .unwrap_or_default(),
            scope: held.map(|held| held.scope.clone()).unwrap_or_default(),
            opened_at: self.order.clock.now(),
        };
        self.jobs.insert(step.id.clone(), job.clone());
        let (done, durable) = oneshot::channel();
        let told = self
            .order
            .jobs
            .send(JobNote::Opened(job, done))
            .await
            .is_ok();
        if told && is_yes(durable).await {
            return Ok(());
        }
        let why = "the ledger did not take the job before its use".to_owned();
        Err(Halt::CouldNotLook(AgentFault::Ledger, why))
    }

    async fn release(
        &mut self,
        job_of: &StepId,
        token: &StepId,
        timeout: Duration,
        notes: &mut Notes,
    ) -> Result<(), Halt> {
        let Some(job) = self.jobs.get(job_of).cloned() else {
            return Ok(());
        };
        let Some(url) = absolute(&job.location) else {
            return Ok(());
        };
        if !self.may_hold_jobs(&url) {
            // Whoever is there, a partner must not aim our DELETE at it.
            self.tell_released(job.location).await?;
            let expected = "a status URL at the partner's own origin";
            return notes.judge([catalogue::RELEASED.finding(false, expected, "one elsewhere")]);
        }
        let shown = format!("{{{job_of}.location}}");
        let mut call = self.call(RequestKind::Release, Method::Delete, Address { url, shown });
        self.authorise(&mut call, token, timeout, notes).await?;
        let answer = self.ask(notes, timeout, call).await?;
        let finding = job::released(&answer);
        // Gone is as good as released: nothing is left behind.
        if finding.passed || matches!(answer.status, 404 | 410) {
            // Two kick-offs with one key may have opened one job.
            self.jobs.retain(|_, one| one.location != job.location);
            self.tell_released(job.location.clone()).await?;
        }
        // What becomes of a job in mid-run says nothing of one that is done.
        let is_done = self.is_told(&job.location);
        let seen = quirks::of_release(&answer).into_iter();
        self.note(seen.filter(|(_, is_there)| is_done || *is_there));
        let refusal = (!finding.passed).then(|| error_answer::operation_outcome(&answer));
        let findings = std::iter::once(finding).chain(refusal.flatten()).collect();
        notes.judge(self.excused(findings, &answer))
    }

    async fn tell_released(&self, location: String) -> Result<(), Halt> {
        let told = self.order.jobs.send(JobNote::Released { location }).await;
        told.map_err(|_| {
            let why = "the ledger did not take the release".to_owned();
            Halt::CouldNotLook(AgentFault::Ledger, why)
        })
    }

    pub(super) fn is_home(&self, url: &Uri) -> bool {
        absolute(&self.order.partner.base_url).is_some_and(|home| same_origin(&home, url))
    }

    pub(super) fn may_hold_jobs(&self, url: &Uri) -> bool {
        may_hold_jobs(self.order.partner, url)
    }

    fn check(&self, checks: &[RecordCheck], notes: &mut Notes) -> Result<(), Halt> {
        let Some((member, _)) = self.order.member else {
            return Ok(());
        };
        let same_key = self.same_key();
        let seen = self.seen(member, &same_key);
        // Every check is asked, so that a disclosure is not hidden behind a missing record.
        notes.judge(
            checks
                .iter()
                .flat_map(|check| business::check(*check, &seen)),
        )
    }
}

/// The ledger's answer; none in time is a no.
async fn is_yes(answer: oneshot::Receiver<bool>) -> bool {
    matches!(
        tokio::time::timeout(LEDGER_TIME, answer).await,
        Ok(Ok(true))
    )
}

/// A captured value does not fit where it goes.
fn unfit(notes: &mut Notes, expected: &'static str) -> Halt {
    let seen = "a captured value that makes none";
    notes
        .findings
        .push(catalogue::CAPTURE.finding(false, expected, seen));
    Halt::Broken
}

/// Whether a partner's jobs may be there.
pub(super) fn may_hold_jobs(partner: &Partner, url: &Uri) -> bool {
    let mut origins = std::iter::once(&partner.base_url).chain(&partner.job_origins);
    origins.any(|origin| absolute(origin).is_some_and(|origin| same_origin(&origin, url)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use outrider_domain::model::{Auth, AuthKind, Escalation, Limits, PartnerId};

    #[test]
    fn jobs_are_at_home_or_where_the_partners_file_says() {
        let mut partner = Partner {
            id: PartnerId::new("p"),
            name: "P".to_owned(),
            base_url: "https://p.example/fhir".to_owned(),
            environment: "sandbox".to_owned(),
            spec: String::new(),
            region: String::new(),
            auth: Auth {
                client_id: "c".to_owned(),
                kind: AuthKind::TlsClientAuth,
                certificate: None,
            },
            trust: None,
            slos: std::collections::BTreeMap::new(),
            escalation: Escalation::default(),
            calendars: Vec::new(),
            limits: Limits::default(),
            job_origins: Vec::new(),
            quirks: std::collections::BTreeSet::new(),
            baseline: None,
        };
        let may = |partner: &Partner, url: &str| may_hold_jobs(partner, &absolute(url).unwrap());
        let elsewhere = "https://jobs.example:8443/1";
        assert!(may(&partner, "https://P.example:443/jobs/1"));
        assert!(!may(&partner, elsewhere));
        partner.job_origins = vec!["https://jobs.example:8443".to_owned()];
        assert!(may(&partner, elsewhere));
        for other in [
            "https://jobs.example/1",
            "http://jobs.example:8443/1",
            "https://more.jobs.example:8443/1",
        ] {
            assert!(!may(&partner, other), "{other}");
        }
    }
}
