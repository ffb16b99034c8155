//! One question to a partner: sent, noted, judged for being whole, and asked again by the step's rule.

use std::time::Duration;

use http::header::{ACCEPT_ENCODING, USER_AGENT};
use http::{HeaderMap, HeaderValue};
use outrider_domain::judge::job::{RetryAfter, retry_after};
use outrider_domain::judge::stream::LineSink;
use outrider_domain::judge::{self, retry};
use outrider_domain::model::{Answer, Failure, Finding};

use super::body::{NoLines, Sink};
use super::head::Head;
use super::walk::{Halt, Notes, Walker, answer};
use super::wire::{self, Call, Sent, Time, Way};

const TOO_MANY_REQUESTS: u16 = 429;

/// Which attempt of a question it is, and which statuses are answers to it whatever they are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) attempt: u32,
    pub(super) expected: &'a [u16],
}

/// No whole answer came.
#[derive(Debug)]
pub(super) struct Unanswered {
    pub(super) failure: Option<Failure>,
    pub(super) bytes: u64,
    finding: Option<Finding>,
}

impl Unanswered {
    /// Ends the step with it.
    pub(super) fn end(self, notes: &mut Notes) -> Halt {
        match self.failure {
            Some(Failure::Deadline(_)) => Halt::Deadline,
            Some(Failure::Agent(fault)) => Halt::CouldNotLook(fault, fault.words().to_owned()),
            _ => {
                notes.findings.extend(self.finding);
                Halt::Broken
            }
        }
    }
}

impl Walker<'_> {
    /// Sends a call within the step's time, notes it, and judges whether a whole answer came.
    pub(super) async fn send<L: LineSink>(
        &mut self,
        notes: &mut Notes,
        timeout: Duration,
        attempt: u32,
        mut call: Call,
        sink: &mut Sink<'_, L>,
    ) -> Result<Head, Unanswered> {
        call.headers.extend(self.common_headers());
        let time = Time {
            run_began: self.began,
            timeout,
            deadline: self.deadline,
        };
        let way = Way {
            connection: notes.connection,
            http: self.order.journey.http,
            family: self.order.family,
            pool: &mut self.pool,
            lag: &self.lag,
            own_delay_max: self.order.own_delay_max,
        };
        let Sent {
            mut evidence,
            head,
            certificate_expires_at,
        } = wire::send(self.order.client, self.order.clock, time, call, way, sink).await;
        evidence.attempt = attempt;
        self.certificate_expires_at = certificate_expires_at.or(self.certificate_expires_at);
        if evidence.status == Some(TOO_MANY_REQUESTS) {
            let now = self.order.clock.instant();
            self.asked_too_much |= self.order.client.is_above_rate(now);
        }
        let (failure, bytes) = (evidence.failure, evidence.bytes);
        let finding = judge::wire::whole_answer(&evidence);
        notes.request(evidence);
        match (head, failure) {
            (Some(head), None) => Ok(head),
            _ => Err(Unanswered {
                failure,
                bytes,
                finding,
            }),
        }
    }

    /// Waits for another attempt where the step's rule has one; what broke this one is noted apart.
    pub(super) async fn again(
        &mut self,
        notes: &mut Notes,
        asked: Asked<'_>,
        sent: &Result<Head, Unanswered>,
    ) -> Option<()> {
        let retry = notes.retry.as_ref()?;
        let (failure, status) = match sent {
            Ok(head) => (None, Some(head.status)),
            Err(broken) => (broken.failure, None),
        };
        if status.is_some_and(|status| asked.expected.contains(&status)) {
            return None;
        }
        let seen = retry::transient(failure, status)?;
        let wish = match sent {
            Ok(head) => {
                let field = head.headers.get("retry-after");
                let field = field.and_then(|values| values.first());
                retry_after(field.map(String::as_str), self.order.clock.system())
            }
            Err(_) => RetryAfter::Absent,
        };
        let wait = retry::wait(retry, seen, asked.attempt, wish)?;
        if self.order.clock.instant() + wait >= self.deadline {
            return None;
        }
        notes.retried.extend(match sent {
            Ok(head) => Some(retry::asked_again(head.status, asked.attempt)),
            Err(broken) => broken.finding.clone(),
        });
        tokio::time::sleep(wait).await;
        Some(())
    }

    /// Asks once; none when it should be asked again now.
    pub(super) async fn ask_once(
        &mut self,
        notes: &mut Notes,
        timeout: Duration,
        call: Call,
        asked: Asked<'_>,
    ) -> Result<Option<Answer>, Halt> {
        let mut sink: Sink<'_, NoLines> = Sink::document_of_json();
        let sent = self
            .send(notes, timeout, asked.attempt, call, &mut sink)
            .await;
        if self.again(notes, asked, &sent).await.is_some() {
            return Ok(None);
        }
        let head = sent.map_err(|broken| broken.end(notes))?;
        Ok(Some(answer(head, &sink.document())))
    }

    /// Sends a call whose answer is a document, again by the step's rule.
    pub(super) async fn ask(
        &mut self,
        notes: &mut Notes,
        timeout: Duration,
        call: Call,
    ) -> Result<Answer, Halt> {
        self.ask_for(notes, timeout, call, &[]).await
    }

    /// The same, where these statuses are answers whatever they are.
    pub(super) async fn ask_for(
        &mut self,
        notes: &mut Notes,
        timeout: Duration,
        mut call: Call,
        expected: &[u16],
    ) -> Result<Answer, Halt> {
        let mut attempt = 1;
        loop {
            let asked = Asked { attempt, expected };
            let answer = self.ask_once(notes, timeout, call.clone(), asked).await?;
            let Some(answer) = answer else {
                attempt += 1;
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
            self.order.client.contact,
            self.order.run
        );
        for (name, text) in [
            ("x-correlation-id", self.order.run.as_str()),
            ("x-request-id", self.order.run.as_str()),
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
