//! One request to a partner: sends it, records it, judges whether the answer is complete, and retries
//! it by the step's rule.

use std::time::Duration;

use http::header::{ACCEPT_ENCODING, USER_AGENT};
use http::{HeaderMap, HeaderValue};
use outrider_domain::judge::job::{RetryAfter, retry_after};
use outrider_domain::judge::stream::Lines;
use outrider_domain::judge::{self, again};
use outrider_domain::model::{Answer, Failure, Finding};

use super::body::{NoLines, Sink};
use super::head::Head;
use super::run::{Notes, Runner, StepAbort, answer};
use super::wire::{self, Call, ConnectionOptions, Deadlines, SendResult};

const TOO_MANY_REQUESTS: u16 = 429;

/// The number of an attempt, and the statuses that are never retried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt<'a> {
    pub(super) number: u32,
    pub(super) expected: &'a [u16],
}

/// No complete answer came.
#[derive(Debug)]
pub(super) struct NoAnswer {
    pub(super) failure: Option<Failure>,
    pub(super) bytes: u64,
    finding: Option<Finding>,
}

impl NoAnswer {
    /// Ends the step with it.
    pub(super) fn end(self, notes: &mut Notes) -> StepAbort {
        match self.failure {
            Some(Failure::Deadline(_)) => StepAbort::Deadline,
            Some(Failure::Agent(fault)) => StepAbort::CouldNotLook(fault, fault.words().to_owned()),
            _ => {
                notes.findings.extend(self.finding);
                StepAbort::Broken
            }
        }
    }
}

impl Runner<'_> {
    /// Sends a call within the step's time, records it, and judges whether a complete answer came.
    pub(super) async fn send<L: Lines>(
        &mut self,
        notes: &mut Notes,
        timeout: Duration,
        attempt: u32,
        mut call: Call,
        sink: &mut Sink<'_, L>,
    ) -> Result<Head, NoAnswer> {
        call.headers.extend(self.common_headers());
        let deadlines = Deadlines {
            run_began: self.began,
            timeout,
            deadline: self.deadline,
        };
        let options = ConnectionOptions {
            connection: notes.connection,
            http: self.run.journey.http,
            family: self.run.family,
            pool: &mut self.pool,
            lag: &self.lag,
            own_delay_max: self.run.own_delay_max,
        };
        let SendResult {
            mut evidence,
            head,
            certificate_expires_at,
        } = wire::send(
            self.run.client,
            self.run.clock,
            deadlines,
            call,
            options,
            sink,
        )
        .await;
        evidence.attempt = attempt;
        self.certificate_expires_at = certificate_expires_at.or(self.certificate_expires_at);
        if evidence.status == Some(TOO_MANY_REQUESTS) {
            let now = self.run.clock.instant();
            self.asked_too_much |= self.run.client.is_above_rate(now);
        }
        let (failure, bytes) = (evidence.failure, evidence.bytes);
        let finding = judge::wire::whole_answer(&evidence);
        notes.add_request(evidence);
        match (head, failure) {
            (Some(head), None) => Ok(head),
            _ => Err(NoAnswer {
                failure,
                bytes,
                finding,
            }),
        }
    }

    /// Waits for the next attempt where the step's rule allows one, and records what broke this one.
    pub(super) async fn wait_for_retry(
        &mut self,
        notes: &mut Notes,
        attempt: Attempt<'_>,
        sent: &Result<Head, NoAnswer>,
    ) -> Option<()> {
        let retry = notes.retry.as_ref()?;
        let (failure, status) = match sent {
            Ok(head) => (None, Some(head.status)),
            Err(broken) => (broken.failure, None),
        };
        if status.is_some_and(|status| attempt.expected.contains(&status)) {
            return None;
        }
        let seen = again::transient(failure, status)?;
        let wish = match sent {
            Ok(head) => {
                let field = head.headers.get("retry-after");
                let field = field.and_then(|values| values.first());
                retry_after(field.map(String::as_str), self.run.clock.system())
            }
            Err(_) => RetryAfter::Absent,
        };
        let wait = again::wait(retry, seen, attempt.number, wish)?;
        if self.run.clock.instant() + wait >= self.deadline {
            return None;
        }
        notes.retried.extend(match sent {
            Ok(head) => Some(again::asked_again(head.status, attempt.number)),
            Err(broken) => broken.finding.clone(),
        });
        tokio::time::sleep(wait).await;
        Some(())
    }

    /// Makes one attempt; `None` when it should be retried now.
    pub(super) async fn request_once(
        &mut self,
        notes: &mut Notes,
        timeout: Duration,
        call: Call,
        attempt: Attempt<'_>,
    ) -> Result<Option<Answer>, StepAbort> {
        let mut sink: Sink<'_, NoLines> = Sink::document_of_json();
        let sent = self
            .send(notes, timeout, attempt.number, call, &mut sink)
            .await;
        if self.wait_for_retry(notes, attempt, &sent).await.is_some() {
            return Ok(None);
        }
        let head = sent.map_err(|broken| broken.end(notes))?;
        Ok(Some(answer(head, &sink.document())))
    }

    /// Sends a call whose answer is a document, and retries it by the step's rule.
    pub(super) async fn request(
        &mut self,
        notes: &mut Notes,
        timeout: Duration,
        call: Call,
    ) -> Result<Answer, StepAbort> {
        self.request_expecting(notes, timeout, call, &[]).await
    }

    /// The same, where the expected statuses are never retried.
    pub(super) async fn request_expecting(
        &mut self,
        notes: &mut Notes,
        timeout: Duration,
        mut call: Call,
        expected: &[u16],
    ) -> Result<Answer, StepAbort> {
        let mut number = 1;
        loop {
            let attempt = Attempt { number, expected };
            let answer = self
                .request_once(notes, timeout, call.clone(), attempt)
                .await?;
            let Some(answer) = answer else {
                number += 1;
                continue;
            };
            let is_wanted = expected.contains(&answer.status);
            if is_wanted
                || !self
                    .sign_in_again(&mut call, answer.status, timeout, notes)
                    .await?
            {
                return Ok(answer);
            }
        }
    }

    fn common_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let agent = format!(
            "Outrider/{} (+{}; run {})",
            env!("CARGO_PKG_VERSION"),
            self.run.client.contact,
            self.run.id
        );
        for (name, text) in [
            ("x-correlation-id", self.run.id.as_str()),
            ("x-request-id", self.run.id.as_str()),
        ] {
            if let Ok(value) = HeaderValue::from_str(text) {
                headers.insert(name, value);
            }
        }
        if let Ok(value) = HeaderValue::from_str(&agent) {
            headers.insert(USER_AGENT, value);
        }
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        headers
    }
}
