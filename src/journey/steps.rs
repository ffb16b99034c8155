//! The verbs.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use tokio::sync::oneshot;

use super::auth::{self, Held};
use super::bind::{Address, absolute, same_origin};
use super::bodies;
use super::body::Sink;
use super::order::JobNote;
use super::walk::{Halt, Notes, Walker, answer};
use super::wire::Call;
use crate::judge::manifest::File;
use crate::judge::matches::MatchSeen;
use crate::judge::records::RecordsSeen;
use crate::judge::stream::{FileFold, JsonValues, Lines, known_type};
use crate::judge::{answer as judge_answer, business, catalogue, job, token};
use crate::model::{
    Action, AgentFault, Answer, Body, Cause, Check, Job, Limit, Method, Read, RequestKind, Step,
    StepId, Template,
};

/// How long our own ledger may take to note a job.
const LEDGER_TIME: Duration = Duration::from_secs(5);
/// Redirects in a row that are followed.
const REDIRECTS_MAX: usize = 5;
const FHIR_JSON: &str = "application/fhir+json";

impl Walker<'_> {
    /// What a step does.
    pub(super) async fn act(&mut self, step: &Step, notes: &mut Notes) -> Result<(), Halt> {
        let timeout = step.timeout.unwrap_or(self.order.timeout);
        match &step.action {
            Action::Request {
                method,
                url,
                token,
                expect,
                checks,
                captures,
            } => {
                let mut call = self.call(RequestKind::Request, *method, self.address(url, notes)?);
                if let Some(token) = token {
                    self.authorise(&mut call, token, timeout, notes).await?;
                }
                let answer = self.ask_following(notes, timeout, call).await?;
                notes.judge(judge_answer::expected(expect, &answer))?;
                notes.judge(
                    checks
                        .iter()
                        .filter_map(|one| judge_answer::named(*one, &answer)),
                )?;
                for capture in captures {
                    let text = judge_answer::capture(capture, &answer);
                    let text =
                        text.or_else(|broken| notes.judge([broken]).map(|()| String::new()))?;
                    self.values
                        .captured
                        .insert((step.id.clone(), capture.name.clone()), text);
                }
                Ok(())
            }
            Action::Token { endpoint, scope } => {
                let endpoint = self.address(endpoint, notes)?;
                self.sign_in(&step.id, &endpoint, scope, timeout, notes)
                    .await
            }
            Action::Submit { url, body, token } => {
                self.submit(step, url, *body, token, timeout, notes).await
            }
            Action::Poll {
                job,
                token,
                retry_after_max,
            } => {
                let url = self.address(job, notes)?;
                self.poll(step, &url, token, *retry_after_max, timeout, notes)
                    .await
            }
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

    fn address(&self, template: &Template, notes: &mut Notes) -> Result<Address, Halt> {
        self.values.address(template).ok_or_else(|| {
            let seen = "a captured value that makes none";
            let finding = catalogue::CAPTURE.find(false, "an absolute http or https URL", seen);
            notes.findings.push(finding);
            Halt::Broken
        })
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
        }
    }

    /// Puts a token on a call, a fresh one when it is due. It never travels to another origin.
    pub(super) async fn authorise(
        &mut self,
        call: &mut Call,
        token: &StepId,
        timeout: Duration,
        notes: &mut Notes,
    ) -> Result<(), Halt> {
        if !self.is_home(&call.to.url) {
            return Ok(());
        }
        let Some(held) = self.tokens.get(token).cloned() else {
            return Ok(());
        };
        if held.is_due(self.order.clock.instant()) {
            self.sign_in(token, &held.endpoint, &held.scope, timeout, notes)
                .await?;
        }
        let value = self
            .tokens
            .get(token)
            .and_then(|held| auth::bearer(&held.token));
        if let Some(value) = value {
            call.headers.insert(AUTHORIZATION, value);
        }
        Ok(())
    }

    async fn sign_in(
        &mut self,
        step: &StepId,
        endpoint: &Address,
        scope: &[String],
        timeout: Duration,
        notes: &mut Notes,
    ) -> Result<(), Halt> {
        let order = self.order;
        let is_tls = |url: &Uri| url.scheme_str() == Some("https");
        if absolute(&order.partner.base_url).is_some_and(|home| is_tls(&home))
            && !is_tls(&endpoint.url)
        {
            let seen = "one away from TLS";
            let finding =
                catalogue::SMART_CONFIGURATION.find(false, "a token_endpoint over TLS", seen);
            return notes.judge([finding]);
        }
        let call = auth::token_call(&order.partner.auth, order.clock, endpoint, scope)
            .map_err(|(fault, why)| Halt::CouldNotLook(fault, why))?;
        let since = order.clock.instant();
        let answer = self.ask(notes, timeout, call).await?;
        let (granted, findings) = token::granted(&answer);
        notes.judge(findings)?;
        let Some(granted) = granted else {
            return Err(Halt::Broken);
        };
        let held = Held {
            token: granted.token,
            since,
            lifetime: granted.lifetime,
            endpoint: endpoint.clone(),
            scope: scope.to_vec(),
        };
        self.tokens.insert(step.clone(), held);
        Ok(())
    }

    async fn submit(
        &mut self,
        step: &Step,
        url: &Template,
        body: Body,
        token: &StepId,
        timeout: Duration,
        notes: &mut Notes,
    ) -> Result<(), Halt> {
        let mut call = self.call(RequestKind::Submit, Method::Post, self.address(url, notes)?);
        call.headers
            .insert(CONTENT_TYPE, HeaderValue::from_static(FHIR_JSON));
        call.headers
            .insert("prefer", HeaderValue::from_static("respond-async"));
        let key = format!("{}-{}", self.order.run, step.id);
        if let Ok(key) = HeaderValue::from_str(&key) {
            call.headers
                .insert(HeaderName::from_static("idempotency-key"), key);
        }
        let body = bodies::build(body, self.order.member.map(|(member, _)| member));
        call.body = Bytes::from(body.unwrap_or_default().to_string());
        self.authorise(&mut call, token, timeout, notes).await?;
        let answer = self.ask(notes, timeout, call).await?;
        let (location, findings) = job::accepted(&answer);
        if findings
            .iter()
            .any(|finding| finding.cause == Cause::Throttled && finding.breaks())
        {
            self.own_job_open = self.others_open().await;
        }
        let Some(location) = location else {
            return notes.judge(findings);
        };
        if !absolute(&location).is_some_and(|url| self.is_home(&url)) {
            // No token may travel there, so the job could neither be polled nor released.
            let (expected, seen) = ("a status URL at the partner's own origin", "one elsewhere");
            return notes.judge([catalogue::CONTENT_LOCATION.find(false, expected, seen)]);
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
        self.values
            .captured
            .insert((step.id.clone(), "location".to_owned()), location);
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
        if !self.is_home(&url) {
            // Whoever is there, a partner must not aim our DELETE at it.
            self.tell_released(job.location).await?;
            let expected = "a status URL at the partner's own origin";
            return notes.judge([catalogue::RELEASED.find(false, expected, "one elsewhere")]);
        }
        let shown = format!("{{{job_of}.location}}");
        let mut call = self.call(RequestKind::Release, Method::Delete, Address { url, shown });
        self.authorise(&mut call, token, timeout, notes).await?;
        let answer = self.ask(notes, timeout, call).await?;
        let finding = job::released(&answer);
        // Gone is as good as released: nothing is left behind.
        if finding.held || matches!(answer.status, 404 | 410) {
            self.tell_released(job.location).await?;
        }
        notes.judge([finding])
    }

    async fn tell_released(&self, location: String) -> Result<(), Halt> {
        let told = self.order.jobs.send(JobNote::Released { location }).await;
        told.map_err(|_| {
            let why = "the ledger did not take the release".to_owned();
            Halt::CouldNotLook(AgentFault::Ledger, why)
        })
    }

    fn is_home(&self, url: &Uri) -> bool {
        absolute(&self.order.partner.base_url).is_some_and(|home| same_origin(&home, url))
    }

    fn check(&self, checks: &[Check], notes: &mut Notes) -> Result<(), Halt> {
        let Some((member, _)) = self.order.member else {
            return Ok(());
        };
        let seen = business::Seen {
            member,
            matches: self.matches.as_ref(),
            records: self.records.as_ref(),
        };
        // Every check is asked, so that a disclosure is not hidden behind a missing record.
        notes.judge(
            checks
                .iter()
                .flat_map(|check| business::check(*check, &seen)),
        )
    }

    async fn download(
        &mut self,
        step: &Step,
        manifest: &StepId,
        read: Read,
        token: &StepId,
        timeout: Duration,
        notes: &mut Notes,
    ) -> Result<(), Halt> {
        let manifest = self.manifests.get(manifest).cloned();
        let Some((manifest, (member, set))) = manifest.zip(self.order.member) else {
            return Ok(());
        };
        let needs_token = manifest.requires_access_token;
        let token = needs_token.then_some(token);
        match read {
            Read::MatchResult => {
                let mut seen = MatchSeen::new(&member.patient);
                let done = self
                    .files(&manifest.match_result(), token, timeout, notes, &mut seen)
                    .await;
                if let Some(group) = seen.matched_group.clone() {
                    self.values
                        .captured
                        .insert((step.id.clone(), "group".to_owned()), group);
                }
                self.matches = Some(seen);
                done
            }
            Read::MemberData => {
                // A second download adds to what the first one saw.
                let seen = self.records.take();
                let mut seen = seen.unwrap_or_else(|| RecordsSeen::new(member, set));
                let done = self
                    .files(&manifest.output, token, timeout, notes, &mut seen)
                    .await;
                self.records = Some(seen);
                self.read_by = Some(step.id.clone());
                done
            }
        }
    }

    async fn files<L: Lines>(
        &mut self,
        files: &[File],
        token: Option<&StepId>,
        timeout: Duration,
        notes: &mut Notes,
        lines: &mut L,
    ) -> Result<(), Halt> {
        for (place, file) in files.iter().enumerate() {
            let Some(url) = absolute(&file.url) else {
                continue;
            };
            let shown = format!("{{file {}: {}}}", place + 1, known_type(&file.kind));
            let mut call = self.call(RequestKind::File, Method::Get, Address { url, shown });
            let accept = "application/fhir+ndjson, application/ndjson";
            call.headers
                .insert(ACCEPT, HeaderValue::from_static(accept));
            if let Some(token) = token {
                self.authorise(&mut call, token, timeout, notes).await?;
            }
            self.file(file, call, timeout, notes, lines).await?;
        }
        Ok(())
    }

    async fn file<L: Lines>(
        &mut self,
        file: &File,
        mut call: Call,
        timeout: Duration,
        notes: &mut Notes,
        lines: &mut L,
    ) -> Result<(), Halt> {
        for _ in 0..=REDIRECTS_MAX {
            let mut fold = FileFold::new(file.kind.as_str());
            let mut sink = Sink::File {
                fold: &mut fold,
                lines: &mut *lines,
                other: Vec::new(),
                values: JsonValues::default(),
                is_file: false,
            };
            let sent = self.send(notes, timeout, call.clone(), &mut sink).await;
            let document = sink.document();
            let head = match sent {
                Ok(head) => head,
                Err(halt) => {
                    fold.break_off(lines);
                    return Err(halt);
                }
            };
            let answer = answer(head, &document);
            if is_redirect(answer.status) {
                redirect(&mut call, &answer, notes)?;
                continue;
            }
            let found = judge_answer::expected(
                &crate::model::Expect {
                    status: vec![200],
                    ..Default::default()
                },
                &answer,
            );
            notes.judge(found)?;
            let media = answer.media.as_deref().unwrap_or("none");
            let held = media == "application/fhir+ndjson";
            let seen = if held { "just that" } else { "another type" };
            notes.judge([catalogue::NDJSON_MEDIA.find(held, "application/fhir+ndjson", seen)])?;
            return notes.judge(fold.finish(file.count, lines));
        }
        notes.judge([too_many_redirects()])
    }

    /// Sends a call and follows redirects of a GET, leaving the token behind at another origin.
    async fn ask_following(
        &mut self,
        notes: &mut Notes,
        timeout: Duration,
        mut call: Call,
    ) -> Result<Answer, Halt> {
        for _ in 0..=REDIRECTS_MAX {
            let answer = self.ask(notes, timeout, call.clone()).await?;
            if !is_redirect(answer.status) || call.method != Method::Get {
                return Ok(answer);
            }
            redirect(&mut call, &answer, notes)?;
        }
        notes.judge([too_many_redirects()])?;
        Err(Halt::Broken)
    }
}

/// The ledger's answer; none in time is a no.
async fn is_yes(answer: oneshot::Receiver<bool>) -> bool {
    matches!(
        tokio::time::timeout(LEDGER_TIME, answer).await,
        Ok(Ok(true))
    )
}

fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

fn too_many_redirects() -> crate::model::Finding {
    let expected = format!("at most {REDIRECTS_MAX} {}", Limit::Redirects);
    catalogue::REDIRECT.find(false, expected, "one more")
}

fn redirect(call: &mut Call, answer: &Answer, notes: &mut Notes) -> Result<(), Halt> {
    let next = answer
        .header(LOCATION.as_str())
        .and_then(|location| resolve(&call.to.url, location));
    let downgrade = |next: &Uri| {
        call.to.url.scheme_str() == Some("https") && next.scheme_str() != Some("https")
    };
    let Some(next) = next.filter(|next| !downgrade(next)) else {
        let seen = "one without a location, or away from TLS";
        return notes.judge([catalogue::REDIRECT.find(
            false,
            "a redirect that may be followed",
            seen,
        )]);
    };
    if !same_origin(&call.to.url, &next) {
        call.headers.remove(AUTHORIZATION);
    }
    call.to = Address {
        url: next,
        shown: "{redirect}".to_owned(),
    };
    Ok(())
}

fn resolve(base: &Uri, location: &str) -> Option<Uri> {
    if location.starts_with('/') && !location.starts_with("//") {
        let origin = format!("{}://{}", base.scheme_str()?, base.authority()?);
        return absolute(&format!("{origin}{location}"));
    }
    absolute(location)
}
