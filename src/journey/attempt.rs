//! One attempt at a request: sends it, records it, judges whether the answer is complete, and waits
//! for the next attempt by the step's rule.

use std::time::Duration;

use http::header::{ACCEPT_ENCODING, USER_AGENT};
use http::{HeaderMap, HeaderValue};
use outrider_domain::judge::retry_after::{RetryAfter, retry_after, retry_after_sane};
use outrider_domain::judge::stream::LineSink;
use outrider_domain::judge::{self, retry};
use outrider_domain::model::{Answer, Failure, Finding, RequestEvidence};

use super::body::{NoLines, Sink};
use super::call::Call;
use super::certificates::{host_of, role_of};
use super::head::Head;
use super::request_ids::SentParts;
use super::send::{ConnectionOptions, Deadlines, SendResult, send};
use super::step_log::{StepAbort, StepLog};
use super::wire::Wire;

const TOO_MANY_REQUESTS: u16 = 429;
/// Hosts whose chains are kept of one run.
const CHAINS_MAX: usize = 32;

/// The number of an attempt, and the statuses that are never retried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt<'a> {
    pub(super) number: u32,
    pub(super) expected: &'a [u16],
}

/// No complete answer came.
#[derive(Debug)]
pub(super) struct NoAnswer {
    failure: Option<Failure>,
    pub(super) bytes: u64,
    finding: Option<Finding>,
}

impl NoAnswer {
    /// Ends the step with it.
    pub(super) fn end(self, log: &mut StepLog) -> StepAbort {
        match self.failure {
            Some(Failure::Deadline(_)) => StepAbort::Deadline(Duration::ZERO),
            failure => match failure.and_then(Failure::own_fault) {
                Some((fault, words)) => StepAbort::CouldNotLook(fault, words.to_owned()),
                None => log.break_with(self.finding),
            },
        }
    }
}

impl Wire<'_> {
    /// Sends a call within the step's time, records it, and judges whether a complete answer came.
    pub(super) async fn send<L: LineSink>(
        &mut self,
        mut call: Call,
        attempt: u32,
        sink: &mut Sink<'_, L>,
        log: &mut StepLog,
    ) -> Result<Head, NoAnswer> {
        let run = self.run;
        self.long_turn = None;
        call.headers.extend(self.common_headers());
        let deadlines = Deadlines {
            run_began: self.began,
            timeout: self.step.timeout,
            deadline: self.step.deadline,
            extension_max: run.deadline,
        };
        let options = ConnectionOptions {
            connection: self.step.connection,
            http: run.journey.http,
            family: run.family,
            pool: &mut self.pool,
            lag: &self.lag,
            own_delay_max: run.own_delay_max,
        };
        let host = (role_of(call.kind, &call.to.url), host_of(&call.to.url));
        let parts = SentParts::of(&call);
        let sent = send(run.client, run.clock, deadlines, call, options, sink);
        let SendResult {
            mut evidence,
            head,
            certificates,
            request_id,
            long_turn,
        } = sent.await;
        self.long_turn = long_turn;
        evidence.attempt = attempt;
        evidence.request_id =
            request_id.and_then(|id| self.kept_request_id(&id, &evidence, &parts));
        self.certificate_expires_at = certificates.first_end().or(self.certificate_expires_at);
        if let Some(end) = certificates
            .chain
            .filter(|_| self.chains.len() < CHAINS_MAX)
        {
            self.chains.insert(host, end);
        }
        if evidence.status == Some(TOO_MANY_REQUESTS) {
            self.asked_too_much |= run.client.is_above_rate(run.clock.instant());
        }
        let (failure, bytes) = (evidence.failure, evidence.bytes);
        let finding = judge::wire::whole_answer(&evidence);
        log.add_request(evidence);
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
        attempt: Attempt<'_>,
        sent: &Result<Head, NoAnswer>,
        log: &mut StepLog,
    ) -> Option<()> {
        let clock = self.run.clock;
        let retry = self.step.retry.as_ref()?;
        let (failure, status) = match sent {
            Ok(head) => (None, Some(head.status)),
            Err(broken) => (broken.failure, None),
        };
        if status.is_some_and(|status| attempt.expected.contains(&status)) {
            return None;
        }
        // What our own delay may have broken says nothing about the partner, also as a first attempt.
        let last = log.last_request();
        if failure.is_some() && last.is_some_and(RequestEvidence::is_inconclusive) {
            return None;
        }
        let seen = retry::transient(failure, status)?;
        let wish = match sent {
            Ok(head) => {
                let field = head.headers.get("retry-after");
                let field = field.and_then(|values| values.first());
                retry_after(field.map(String::as_str), clock.system())
            }
            Err(_) => RetryAfter::Absent,
        };
        // What is odd about it is told once; that it is a warning breaks nothing.
        let odd = retry_after_sane(wish).filter(|one| !one.passed);
        let odd = odd.filter(|one| !log.has_finding_like(one));
        log.judge(odd).ok();
        let wait = retry::wait(retry, seen, attempt.number, wish)?;
        if clock.instant() + wait >= self.deadline() {
            return None;
        }
        log.add_retried(match sent {
            Ok(head) => Some(retry::asked_again(head.status, attempt.number)),
            Err(broken) => broken.finding.clone(),
        });
        self.long_turn = None;
        tokio::time::sleep(wait).await;
        Some(())
    }

    /// Makes one attempt at a call whose answer is a document; `None` when it should be retried now.
    pub(super) async fn request_once(
        &mut self,
        call: Call,
        attempt: Attempt<'_>,
        log: &mut StepLog,
    ) -> Result<Option<Answer>, StepAbort> {
        let mut sink: Sink<'_, NoLines> = Sink::document_of_json();
        let sent = self.send(call, attempt.number, &mut sink, log).await;
        if self.wait_for_retry(attempt, &sent, log).await.is_some() {
            return Ok(None);
        }
        let head = sent.map_err(|broken| broken.end(log))?;
        let answer = head.into_answer(sink.document());
        let mark = judge::answer::byte_order_mark(&answer);
        log.judge(mark.filter(|one| !log.has_finding_like(one)))?;
        Ok(Some(answer))
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
