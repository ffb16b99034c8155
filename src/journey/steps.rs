//! The verbs.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use outrider_domain::judge::capture::{self, Captured};
use outrider_domain::judge::{
    answer as judge_answer, business, catalogue, error_answer, exchange, job, quirks,
};
use outrider_domain::model::{
    Action, AgentFault, Answer, Body, Capture, Cause, Check, Finding, Headers, Job, Member, Method,
    NamedBody, Partner, Release, Request, RequestKind, Step, StepId, Submit, Template,
};
use tokio::sync::oneshot;

use super::bodies;
use super::manifest_record::Submission;
use super::run::{Notes, Runner, StepAbort};
use super::run_request::JobNote;
use super::sign_in::TokenRequest;
use super::template::{Address, absolute, same_origin};
use super::wire::Call;

/// How long our own ledger may take to note a job.
const LEDGER_TIME: Duration = Duration::from_secs(5);
const FORM: &str = "application/x-www-form-urlencoded";
const FHIR_JSON: &str = "application/fhir+json";
const JSON: &str = "application/json";

impl Runner<'_> {
    /// What a step does.
    pub(super) async fn act(&mut self, step: &Step, notes: &mut Notes) -> Result<(), StepAbort> {
        let timeout = step.timeout.unwrap_or(self.run.timeout);
        match &step.action {
            Action::Request(request) => self.request_step(step, request, timeout, notes).await,
            Action::Token(sign_in) => {
                let endpoint = self.address(&sign_in.endpoint, notes)?;
                let wanted = TokenRequest {
                    endpoint,
                    scope: sign_in.scope.clone(),
                    fresh: sign_in.fresh,
                };
                self.sign_in(&step.id, &wanted, timeout, notes).await
            }
            Action::Submit(submit) => self.submit(step, submit, timeout, notes).await,
            Action::Poll(poll) => self.poll(step, poll, timeout, notes).await,
            Action::Watch(watch) => self.watch(step, watch, timeout, notes).await,
            Action::Download(download) => self.download(step, download, timeout, notes).await,
            Action::Check(checks) => self.check(checks, notes),
            Action::Release(release) => self.release(release, timeout, notes).await,
        }
    }

    async fn request_step(
        &mut self,
        step: &Step,
        request: &Request,
        timeout: Duration,
        notes: &mut Notes,
    ) -> Result<(), StepAbort> {
        let Request {
            method,
            url,
            headers,
            body,
            token,
            expect,
            checks,
            captures,
        } = request;
        let mut call = self.call(RequestKind::Request, *method, self.address(url, notes)?);
        if let Some(body) = body {
            self.fill_body(&mut call, body, notes)?;
        }
        self.fill_headers(&mut call, headers, notes)?;
        if let Some(token) = token {
            self.authorise(&mut call, token, timeout, notes).await?;
        }
        let answer = self
            .request_following(notes, timeout, call, &expect.status)
            .await?;
        let mut findings = judge_answer::expected(expect, &answer);
        if !findings.iter().any(Finding::breaks) {
            let checks = checks.iter();
            findings
                .extend(checks.flat_map(|one| judge_answer::named(*one, &answer, &self.asked())));
        }
        if checks.contains(&Check::ExchangeResult) {
            self.named = answer.json.as_ref().map(exchange::named);
        }
        self.note(quirks::of_refusal(&answer));
        notes.judge(self.excused(findings, &answer))?;
        self.capture(&step.id, captures, &answer, notes)
    }

    /// Whom the journey asks an exchange core for.
    fn asked(&self) -> Vec<&Member> {
        let named = self.run.journey.named_bodies();
        named
            .filter(|body| body.is_for_a_core())
            .last()
            .map_or_else(Vec::new, |body| bodies::asked(body, self.run.member))
    }

    /// Keeps what a step captures; what is optional and not there stays away.
    pub(super) fn capture(
        &mut self,
        step: &StepId,
        captures: &[Capture],
        answer: &Answer,
        notes: &mut Notes,
    ) -> Result<(), StepAbort> {
        for wanted in captures {
            match capture::capture(wanted, answer) {
                Ok(Some(value)) => self.values.keep(step, &wanted.name, value),
                Ok(None) => {}
                Err(broken) => notes.judge([broken])?,
            }
        }
        Ok(())
    }

    pub(super) fn address(
        &self,
        template: &Template,
        notes: &mut Notes,
    ) -> Result<Address, StepAbort> {
        let found = self.values.address(template);
        found.ok_or_else(|| invalid_capture(notes, "an absolute http or https URL"))
    }

    pub(super) fn fill_headers(
        &self,
        call: &mut Call,
        headers: &Headers,
        notes: &mut Notes,
    ) -> Result<(), StepAbort> {
        for (name, template) in headers {
            let value = self.values.header(template);
            let value =
                value.ok_or_else(|| invalid_capture(notes, "a value that a header field takes"))?;
            if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
                call.headers.insert(name, value);
            }
        }
        Ok(())
    }

    fn fill_body(&self, call: &mut Call, body: &Body, notes: &mut Notes) -> Result<(), StepAbort> {
        let (kind, text) = match body {
            Body::Named(named) => {
                let body = bodies::build(*named, self.run.member, &self.values);
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
        let text = text.ok_or_else(|| invalid_capture(notes, "a value that the body takes"))?;
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
        submit: &Submit,
        timeout: Duration,
        notes: &mut Notes,
    ) -> Result<(), StepAbort> {
        let Submit {
            url,
            headers,
            body,
            token,
        } = submit;
        let mut call = self.call(RequestKind::Submit, Method::Post, self.address(url, notes)?);
        call.headers
            .insert("prefer", HeaderValue::from_static("respond-async"));
        let key = format!("{}-{}", self.run.id, step.id);
        if let Ok(key) = HeaderValue::from_str(&key) {
            call.headers
                .insert(HeaderName::from_static("idempotency-key"), key);
        }
        self.fill_body(&mut call, body, notes)?;
        self.fill_headers(&mut call, headers, notes)?;
        self.authorise(&mut call, token, timeout, notes).await?;
        let submission = Submission::of(&call, self.run.clock.system());
        let answer = self.request(notes, timeout, call).await?;
        if *body == Body::Named(NamedBody::MemberMatchParameters) {
            self.note(quirks::of_kick_off(&answer));
            if job::is_direct(&answer) {
                self.direct = answer.json;
                let (expected, seen) = ("status 202, or 200 with the result", "status 200");
                return notes.judge([catalogue::ACCEPTED.find(true, expected, seen)]);
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
            return notes.judge([catalogue::CONTENT_LOCATION.find(false, expected, seen)]);
        }
        // Journalled before anything else is done with it, even before it is judged.
        let since = self.run.clock.instant();
        let done = self.journal(step, &location, token).await;
        let own = self.run.clock.instant() - since;
        notes.ledger_time += own;
        self.own += own;
        self.limit += own;
        self.deadline += own;
        done?;
        self.submissions.push(submission.at(&location));
        self.values
            .keep(&step.id, "location", Captured::Text(location));
        notes.judge(findings)
    }

    async fn others_open(&self) -> bool {
        let (answer, open) = oneshot::channel();
        let (partner, run) = (self.run.partner.id.clone(), self.run.id.clone());
        let asked = self
            .run
            .jobs
            .send(JobNote::OthersOpen {
                partner,
                run,
                answer,
            })
            .await;
        asked.is_ok() && is_yes(open).await
    }

    async fn journal(
        &mut self,
        step: &Step,
        location: &str,
        token: &StepId,
    ) -> Result<(), StepAbort> {
        let cached = self.tokens.get(token);
        let job = Job {
            location: location.to_owned(),
            partner: self.run.partner.id.clone(),
            run: self.run.id.clone(),
            token_endpoint: cached
                .map(|cached| cached.endpoint.url.to_string())
                .unwrap_or_default(),
            scope: cached
                .map(|cached| cached.scope.clone())
                .unwrap_or_default(),
            opened_at: self.run.clock.now(),
        };
        self.jobs.insert(step.id.clone(), job.clone());
        let (done, durable) = oneshot::channel();
        let told = self.run.jobs.send(JobNote::Opened(job, done)).await.is_ok();
        if told && is_yes(durable).await {
            return Ok(());
        }
        let why = "the ledger did not take the job before its use".to_owned();
        Err(StepAbort::CouldNotLook(AgentFault::Ledger, why))
    }

    async fn release(
        &mut self,
        release: &Release,
        timeout: Duration,
        notes: &mut Notes,
    ) -> Result<(), StepAbort> {
        let Release { job_of, token } = release;
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
            return notes.judge([catalogue::RELEASED.find(false, expected, "one elsewhere")]);
        }
        let shown = format!("{{{job_of}.location}}");
        let mut call = self.call(RequestKind::Release, Method::Delete, Address { url, shown });
        self.authorise(&mut call, token, timeout, notes).await?;
        let answer = self.request(notes, timeout, call).await?;
        let finding = job::released(&answer);
        // Gone is as good as released: nothing is left behind.
        if finding.held || matches!(answer.status, 404 | 410) {
            // Two kick-offs with one key may have opened one job.
            self.jobs.retain(|_, one| one.location != job.location);
            self.tell_released(job.location.clone()).await?;
        }
        // What becomes of a job in mid-run says nothing of one that is done.
        let is_done = self.has_manifest(&job.location);
        let seen = quirks::of_release(&answer).into_iter();
        self.note(seen.filter(|(_, is_there)| is_done || *is_there));
        let refusal = (!finding.held).then(|| error_answer::operation_outcome(&answer));
        let findings = std::iter::once(finding).chain(refusal.flatten()).collect();
        notes.judge(self.excused(findings, &answer))
    }

    async fn tell_released(&self, location: String) -> Result<(), StepAbort> {
        let told = self.run.jobs.send(JobNote::Released { location }).await;
        told.map_err(|_| {
            let why = "the ledger did not take the release".to_owned();
            StepAbort::CouldNotLook(AgentFault::Ledger, why)
        })
    }

    pub(super) fn is_partner_origin(&self, url: &Uri) -> bool {
        absolute(&self.run.partner.base_url).is_some_and(|home| same_origin(&home, url))
    }

    pub(super) fn may_hold_jobs(&self, url: &Uri) -> bool {
        may_hold_jobs(self.run.partner, url)
    }

    fn check(&self, checks: &[Check], notes: &mut Notes) -> Result<(), StepAbort> {
        let Some((member, _)) = self.run.member else {
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

/// A captured value that is not valid in its place; ends the step.
fn invalid_capture(notes: &mut Notes, expected: &'static str) -> StepAbort {
    let seen = "a captured value that makes none";
    notes
        .findings
        .push(catalogue::CAPTURE.find(false, expected, seen));
    StepAbort::Broken
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
