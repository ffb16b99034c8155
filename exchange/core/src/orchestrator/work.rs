//! What every step needs: to call the partner and log the result, to try again later, to end.

use exchange_kit::digest::hex_of_sha256;
use serde_json::{Value, json};

use crate::adapter::{
    Call, CallFailure, CallResult, Class, Client, PartnerResponse, Sink, class, issue_code, resolve,
};
use crate::clocks::RetryAfter;
use crate::engine::Core;
use crate::exchange::{Event, Exchange, Job, Member, Reason, State, Step, StoredUrl};
use crate::limits::{ANSWER_BYTES_MAX, RETRIES_MAX};
use crate::store::{Change, NewReview, Note, Payload, Queue, Result, Role, StoreError};

/// One step of one exchange.
pub(super) struct Work<'a> {
    pub(super) core: &'a Core,
    pub(super) client: &'a Client,
    pub(super) exchange: Exchange,
    /// What is to be written down with the next change.
    pub(super) notes: Vec<Note>,
}

impl<'a> Work<'a> {
    pub(super) fn new(core: &'a Core, client: &'a Client, exchange: Exchange) -> Self {
        Self {
            core,
            client,
            exchange,
            notes: Vec::new(),
        }
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.core.clock.now_millis()
    }

    pub(super) fn origin(&self) -> &str {
        self.client.partner.origin()
    }

    /// The FHIR base of the partner, below which its references lie.
    pub(super) fn base(&self) -> &str {
        &self.client.partner.base
    }

    /// An address that came in the answer to `asked`, as it is kept.
    pub(super) fn stored(&self, asked: &str, location: &str) -> StoredUrl {
        let whole = resolve(asked, location).unwrap_or_else(|| location.to_owned());
        StoredUrl::of(&whole, self.origin())
    }

    /// Asks with a token of that scope, and notes for the audit trail what was seen of that operation.
    pub(super) async fn ask(
        &mut self,
        operation: &'static str,
        scope: &str,
        call: Call,
    ) -> (CallResult, Class) {
        self.ask_into(operation, scope, call, in_memory).await
    }

    /// The same, with the body going elsewhere.
    pub(super) async fn ask_into(
        &mut self,
        operation: &'static str,
        scope: &str,
        call: Call,
        sink: impl Fn() -> Option<Sink>,
    ) -> (CallResult, Class) {
        let began = self.now_ms();
        let request = hex_of_sha256(&call.body);
        let seen = self.client.ask(scope, call, sink).await;
        self.noted(operation, &request, began, seen)
    }

    /// Asks without a token.
    pub(super) async fn ask_openly(
        &mut self,
        operation: &'static str,
        call: Call,
        sink: Option<Sink>,
    ) -> (CallResult, Class) {
        let began = self.now_ms();
        let request = hex_of_sha256(&call.body);
        let seen = match sink {
            Some(sink) => self.client.wire.send(call, sink).await,
            None => CallResult::Failed(CallFailure::Ours),
        };
        self.noted(operation, &request, began, seen)
    }

    fn noted(
        &mut self,
        operation: &'static str,
        request: &str,
        began: i64,
        seen: CallResult,
    ) -> (CallResult, Class) {
        let class = class(&seen);
        let mut body = json!({
            "operation": operation,
            "attempt": self.exchange.tries + 1,
            "key": self.exchange.hop_key(),
            "request_sha256": request,
            "class": class.name(),
            "took_ms": self.now_ms() - began,
            "token_kid": self.client.kid(),
        });
        match &seen {
            CallResult::Response(answer) => {
                body["status"] = json!(answer.status);
                body["response_sha256"] = json!(answer.sha256);
                body["response_bytes"] = json!(answer.bytes);
                if answer.status >= 400 {
                    body["issue"] = json!(issue_code(&answer.body));
                }
                self.odd_waits(answer);
            }
            CallResult::Failed(broken) => {
                body["broken"] = json!(broken.name());
                if let CallFailure::Coding(coding) = broken {
                    body["coding"] = json!(coding);
                }
            }
        }
        if class != Class::Dependency {
            self.core.pause(&self.client.partner.id, None);
        }
        let (partner, now_ms) = (&self.client.partner.id, self.now_ms());
        self.core
            .outages
            .see(&self.core.store, partner, class, now_ms);
        self.note("call", body);
        (seen, class)
    }

    fn odd_waits(&mut self, answer: &PartnerResponse) {
        if self.said(answer) == RetryAfter::Absurd {
            self.drift("Retry-After is no wait");
        }
    }

    pub(super) fn said(&self, answer: &PartnerResponse) -> RetryAfter {
        RetryAfter::read(answer.retry_after.as_deref(), self.core.clock.now())
    }

    pub(super) fn note(&mut self, kind: &'static str, body: Value) {
        self.notes.push(Note { kind, body });
    }

    /// Notes that the partner is not what its adapter knows it to be.
    pub(super) fn drift(&mut self, what: &str) {
        let dialect = self.client.partner.dialect;
        let body = json!({"what": what, "adapter": dialect.name, "version": dialect.version, "step": self.exchange.step.name()});
        self.exchange.drifts += 1;
        self.note("drift", body);
    }

    /// A change by that event, with all that was noted.
    pub(super) fn change(&mut self, event: Event) -> Change {
        let mut change = Change::of(self.exchange.clone(), event);
        change.notes = std::mem::take(&mut self.notes);
        change
    }

    /// A change that is no transition, with all that was noted.
    pub(super) fn record_only(&mut self) -> Change {
        let mut change = Change::record_only(self.exchange.clone());
        change.notes = std::mem::take(&mut self.notes);
        change
    }

    /// Makes a change durable and goes on from it.
    pub(super) fn apply(&mut self, change: Change) -> Result<()> {
        self.exchange = self.core.store.apply(change)?;
        Ok(())
    }

    /// The same for a job that the partner has just given us. Whoever called the exchange off meanwhile did not
    /// know of the job: it is put on the list of those to release.
    pub(super) fn apply_job(&mut self, change: Change) -> Result<()> {
        let jobs = change.exchange.jobs.clone();
        let (core, id) = (self.core, self.exchange.id.clone());
        match self.apply(change) {
            Err(StoreError::Stale) => {}
            done => return done,
        }
        let Some(mut now) = core.store.exchange(&id)? else {
            return Err(StoreError::Stale);
        };
        if !now.state.is_terminal() {
            // It is asked for again under the same key, which gives the same job.
            return Err(StoreError::Stale);
        }
        let is_new = |job: &Job| now.jobs.iter().all(|known| known.at != job.at);
        let more: Vec<Job> = jobs.into_iter().filter(is_new).collect();
        now.jobs.extend(more);
        now.go_on(Step::Release, core.clock.now_millis());
        self.exchange = now;
        let change = self.record_only();
        self.apply(change)
    }

    /// The members that are still under way, in another state.
    pub(super) fn moved(&self, to: State) -> Result<Vec<Member>> {
        let mut members = self.core.store.members(&self.exchange.id)?;
        members.retain(|member| !member.state.is_terminal() && member.state != to);
        for member in &mut members {
            member.state = to;
        }
        Ok(members)
    }

    /// Tries the step again later, or ends it when that makes no sense any more.
    pub(super) fn again(mut self, seen: &CallResult, class: Class) -> Result<()> {
        let now_ms = self.now_ms();
        let exchange = &mut self.exchange;
        let window = self.core.pace.window(exchange.metadata.criticality);
        if now_ms - exchange.step_since_ms > window {
            return self.dead(Reason::WindowPassed);
        }
        let left = exchange.deadline_ms - now_ms;
        let share = self.core.jitter();
        let tries = exchange.tries;
        exchange.tries += 1;
        exchange.retries += 1;
        let wait = match class {
            Class::Transient => {
                if exchange.tries > RETRIES_MAX {
                    return self.dead(Reason::RetriesExhausted);
                }
                self.core.pace.backoff(tries, share)
            }
            Class::Throttled => {
                let said = match seen {
                    CallResult::Response(answer) => self.said(answer),
                    CallResult::Failed(_) => RetryAfter::Nothing,
                };
                self.core.pace.throttled(&said, tries, share, left)
            }
            Class::Dependency => {
                let wait = self.core.pace.backoff(tries, share);
                self.core
                    .pause(&self.client.partner.id, Some(now_ms + wait));
                wait
            }
            Class::Good => return self.dead(Reason::NotUnderstood),
            Class::Gone => return self.end(Event::Expired, Reason::Expired, Vec::new()),
            Class::Token | Class::Business => return self.dead(refusal(seen)),
        };
        self.exchange.due_ms = Some(now_ms + wait);
        let change = self.record_only();
        self.apply(change)
    }

    /// Looks again later at a job that is under way.
    pub(super) fn wait(mut self, answer: &PartnerResponse, event: Event) -> Result<()> {
        let now_ms = self.now_ms();
        let said = self.said(answer);
        let left = self.exchange.deadline_ms - now_ms;
        let wait = self.core.pace.look(self.exchange.tries, &said, left);
        self.exchange.tries += 1;
        self.exchange.due_ms = Some(now_ms + wait);
        let change = if self.exchange.is_running {
            self.record_only()
        } else {
            self.exchange.is_running = true;
            let mut change = self.change(event);
            if self.exchange.outcome_ms.is_none() {
                change.members = self.moved(State::InReview)?;
            }
            change
        };
        self.apply(change)
    }

    /// Ends with a dead letter.
    pub(super) fn dead(self, reason: Reason) -> Result<()> {
        let review = NewReview {
            queue: Queue::DeadLetter,
            member: None,
            reason,
            opened_ms: self.now_ms(),
        };
        self.end(Event::Failed, reason, vec![review])
    }

    /// Ends the exchange, and every member that is still under way, with that event. A follow-up that fails
    /// leaves the verdict that stands.
    pub(super) fn end(
        mut self,
        event: Event,
        reason: Reason,
        reviews: Vec<NewReview>,
    ) -> Result<()> {
        let now_ms = self.now_ms();
        let has_outcome = self.exchange.state == State::PartiallyCompleted;
        let event = if has_outcome {
            Event::GapRemains
        } else {
            event
        };
        self.exchange.go_on(Step::Release, now_ms);
        self.exchange.has_follow_up = false;
        let members = if has_outcome {
            Vec::new()
        } else {
            self.exchange.outcome_ms = Some(now_ms);
            self.exchange.reason = Some(reason);
            let to = if event == Event::Expired {
                State::Expired
            } else {
                State::Failed
            };
            let mut members = self.moved(to)?;
            members
                .iter_mut()
                .for_each(|member| member.reason = Some(reason));
            members
        };
        let mut change = self.change(event);
        change.members = members;
        change.reviews = reviews;
        self.apply(change)
    }

    /// Keeps a body that is in memory as the payload of that number.
    pub(super) fn keep(&self, n: u32, role: Role, kind: &str, body: &[u8]) -> Result<Payload> {
        let sha256 = hex_of_sha256(body);
        let mut received = self.core.store.receiving()?;
        received.write(body)?;
        self.core.store.keep_blob(received, &sha256)?;
        Ok(Payload {
            n,
            role,
            at: String::new(),
            kind: kind.to_owned(),
            counted: None,
            sha256: Some(sha256),
            bytes: u64::try_from(body.len()).ok(),
            is_lost: false,
            purged_ms: None,
        })
    }

    /// The number of the next payload.
    pub(super) fn next_payload(&self) -> Result<u32> {
        let all = self.core.store.payloads(&self.exchange.id)?;
        Ok(number_after(&all))
    }

    /// Puts a member or the exchange before a person.
    pub(super) fn for_review(&self, member: Option<&Member>, reason: Reason) -> NewReview {
        NewReview {
            queue: Queue::HumanReview,
            member: member.map(|member| member.key.clone()),
            reason,
            opened_ms: self.now_ms(),
        }
    }
}

/// Why an answer that will not be different the next time ends an exchange.
fn refusal(seen: &CallResult) -> Reason {
    match seen {
        CallResult::Failed(CallFailure::Coding(_)) => Reason::ContentCoding,
        CallResult::Failed(CallFailure::TooLarge) => Reason::TooLarge,
        CallResult::Failed(CallFailure::Address) => Reason::InvalidAddress,
        CallResult::Failed(_) | CallResult::Response(_) => Reason::Refused,
    }
}

/// The number of the payload that comes after these.
pub(super) fn number_after(payloads: &[Payload]) -> u32 {
    payloads.last().map_or(0, |last| last.n + 1)
}

/// Where the body of a usual answer goes.
pub(super) fn in_memory() -> Option<Sink> {
    Some(Sink::Memory(ANSWER_BYTES_MAX))
}
