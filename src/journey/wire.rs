//! What the requests of one run are made of and sent with: values, tokens, connections, time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};
use outrider_domain::clock::Lag;
use outrider_domain::judge::catalogue;
use outrider_domain::model::{
    Body, CertificateRole, ChainEnd, ConnectionPolicy, Headers, RawJson, RequestKind, Retry, Step,
    StepId, Template,
};

use tokio::sync::SemaphorePermit;

use super::auth::CachedToken;
use super::bodies;
use super::call::Call;
use super::pool::Pool;
use super::run_request::RunRequest;
use super::step_log::{StepAbort, StepLog};
use super::template::{Address, Values};

/// How long steps that always run may take after a run broke or ran out of time.
const CLEANUP_TIME: Duration = Duration::from_secs(10);

const FORM: &str = "application/x-www-form-urlencoded";
const FHIR_JSON: &str = "application/fhir+json";
const JSON: &str = "application/json";

/// Makes and sends the requests of one run.
pub(super) struct Wire<'a> {
    pub(super) run: &'a RunRequest<'a>,
    /// When the run began.
    pub(super) began: Instant,
    /// When the last step that decides the verdict must end.
    run_deadline: Instant,
    /// How the current step sends its requests.
    pub(super) step: StepOptions,
    /// What templates may name.
    pub(super) values: Values,
    /// The token of each token step.
    pub(super) tokens: BTreeMap<StepId, CachedToken>,
    /// The open connections.
    pub(super) pool: Pool,
    /// The delays that this machine caused.
    pub(super) lag: Lag,
    /// The turn at the long document that is being judged; it ends before the run waits for anything.
    pub(super) long_turn: Option<SemaphorePermit<'static>>,
    /// A 429 came while the agent sent more requests than the limit allows.
    pub(super) asked_too_much: bool,
    /// When the certificate that the partner served last expires.
    pub(super) certificate_expires_at: Option<DateTime<Utc>>,
    /// The chains that hosts showed, by role and host.
    pub(super) chains: BTreeMap<(CertificateRole, String), ChainEnd>,
}

/// How a step sends its requests.
#[derive(Debug)]
pub(super) struct StepOptions {
    /// The time of one request.
    pub(super) timeout: Duration,
    /// When the step must end, without the extension by our own delay.
    pub(super) deadline: Instant,
    pub(super) connection: ConnectionPolicy,
    /// When a request is retried.
    pub(super) retry: Option<Retry>,
}

impl<'a> Wire<'a> {
    pub(super) fn new(run: &'a RunRequest<'a>, lag: Lag) -> Self {
        let began = run.clock.instant();
        let deadline = began + run.deadline;
        Self {
            run,
            began,
            run_deadline: deadline,
            step: StepOptions {
                timeout: run.timeout,
                deadline,
                connection: run.journey.connection,
                retry: None,
            },
            values: Values {
                base_url: run.partner.base_url.clone(),
                run: run.id.to_string(),
                started_at: run.clock.now().to_rfc3339_opts(SecondsFormat::Secs, true),
                member: run
                    .member
                    .map(|(member, _)| member.id.to_string())
                    .unwrap_or_default(),
                captured: BTreeMap::new(),
            },
            tokens: BTreeMap::new(),
            pool: Pool::default(),
            lag,
            long_turn: None,
            asked_too_much: false,
            certificate_expires_at: None,
            chains: BTreeMap::new(),
        }
    }

    /// A step begins: from now on requests are sent as it says.
    pub(super) fn begin(&mut self, step: &Step, now: Instant) {
        let deadline = if step.is_always() {
            self.run_deadline.max(now + CLEANUP_TIME)
        } else {
            self.run_deadline
        };
        self.long_turn = None;
        self.step = StepOptions {
            timeout: step.timeout.unwrap_or(self.run.timeout),
            deadline,
            connection: step.connection.unwrap_or(self.run.journey.connection),
            retry: step.retry.clone(),
        };
    }

    /// When the step must end: its deadline, extended by our own delay in the run so far.
    pub(super) fn deadline(&self) -> Instant {
        self.step.deadline + self.lag.so_far().min(self.run.deadline)
    }

    /// Postpones the deadlines by a time that is not the partner's.
    pub(super) fn postpone_deadlines(&mut self, by: Duration) {
        self.run_deadline += by;
        self.step.deadline += by;
    }

    pub(super) fn address(
        &self,
        template: &Template,
        log: &mut StepLog,
    ) -> Result<Address, StepAbort> {
        let found = self.values.address(template);
        found.ok_or_else(|| invalid_capture(log, "an absolute http or https URL"))
    }

    pub(super) fn fill_headers(
        &self,
        call: &mut Call,
        headers: &Headers,
        log: &mut StepLog,
    ) -> Result<(), StepAbort> {
        for (name, template) in headers {
            let value = self.values.header(template);
            let value =
                value.ok_or_else(|| invalid_capture(log, "a value that a header field takes"))?;
            let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
                continue;
            };
            // A captured token goes where the partner's own tokens go, and nowhere else.
            if name != AUTHORIZATION || self.is_trusted(call) {
                call.headers.insert(name, value);
            }
        }
        Ok(())
    }

    /// The value that a template makes, to compare with.
    pub(super) fn expected_value(
        &self,
        template: &Template,
        log: &mut StepLog,
    ) -> Result<RawJson, StepAbort> {
        let text = self.values.json_text(template);
        let value = text.and_then(|text| RawJson::new(&text));
        value.ok_or_else(|| invalid_capture(log, "a value to compare with"))
    }

    pub(super) fn fill_body(
        &self,
        call: &mut Call,
        body: &Body,
        log: &mut StepLog,
    ) -> Result<(), StepAbort> {
        let (media, text) = match body {
            Body::Named(named) => {
                let body = bodies::build(*named, self.run.member, &self.values);
                let media = if named.is_for_a_core() {
                    JSON
                } else {
                    FHIR_JSON
                };
                (media, Some(body.unwrap_or_default().to_string()))
            }
            Body::Json(filling) => {
                let media = if call.kind == RequestKind::Submit {
                    FHIR_JSON
                } else {
                    JSON
                };
                (media, self.values.json(filling))
            }
            Body::Form(fields) => (FORM, self.values.form(fields)),
        };
        let text = text.ok_or_else(|| invalid_capture(log, "a value that the body takes"))?;
        call.headers
            .insert(CONTENT_TYPE, HeaderValue::from_static(media));
        call.body = Bytes::from(text);
        Ok(())
    }
}

/// A captured value that is not valid in its place; ends the step.
fn invalid_capture(log: &mut StepLog, expected: &'static str) -> StepAbort {
    let seen = "a captured value that makes none";
    log.break_with(Some(catalogue::CAPTURE.finding(false, expected, seen)))
}
