//! The tokens of a run: requests them, reuses those of earlier runs, renews them, and adds them to
//! requests.

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use http::header::AUTHORIZATION;
use outrider_domain::judge::capture::CapturedValue;
use outrider_domain::judge::{catalogue, token};
use outrider_domain::model::{ASSERTION, AuthKind, Fresh, RequestKind, StepId};
use outrider_domain::secret::Secret;

use super::attempt::Attempt;
use super::auth::{self, CachedToken};
use super::call::Call;
use super::extended_wait::until;
use super::origins::{is_partner_origin, may_hold_jobs};
use super::step_log::{StepAbort, StepLog};
use super::template::{Address, absolute};
use super::tokens::TokenSlot;
use super::wire::Wire;

const UNAUTHORIZED: u16 = 401;

/// Which token to request, and where.
#[derive(Clone, Debug)]
pub(super) struct TokenRequest {
    pub(super) endpoint: Address,
    pub(super) scope: Vec<String>,
    pub(super) fresh: Fresh,
}

impl Wire<'_> {
    /// Adds a token to a call, after renewing it when it is due. No token goes to another origin.
    pub(super) async fn authorise(
        &mut self,
        call: &mut Call,
        token: Option<&StepId>,
        log: &mut StepLog,
    ) -> Result<(), StepAbort> {
        let Some(token) = token.filter(|_| self.is_trusted(call)) else {
            return Ok(());
        };
        let Some(cached) = self.tokens.get(token) else {
            return Ok(());
        };
        if cached.is_due(self.run.clock.instant()) {
            self.renew(token, log).await?;
        }
        let cached = self.tokens.get(token);
        if let Some(value) = cached.and_then(|cached| auth::bearer(&cached.token)) {
            call.headers.insert(AUTHORIZATION, value);
            call.token = Some(token.clone());
        }
        Ok(())
    }

    /// Whether a token may go there: to the partner's own origin, or to one that its file names.
    pub(super) fn is_trusted(&self, call: &Call) -> bool {
        let (partner, url) = (self.run.partner, &call.to.url);
        let is_of_job = matches!(call.kind, RequestKind::Poll | RequestKind::Release);
        is_partner_origin(partner, url) || (is_of_job && may_hold_jobs(partner, url))
    }

    async fn renew(&mut self, token: &StepId, log: &mut StepLog) -> Result<(), StepAbort> {
        let Some(cached) = self.tokens.get(token) else {
            return Ok(());
        };
        let wanted = TokenRequest {
            endpoint: cached.endpoint.clone(),
            scope: cached.scope.clone(),
            fresh: Fresh::Never,
        };
        self.sign_in(token, &wanted, log).await
    }

    /// After a 401 to a token from an earlier run: forgets it and adds a new one to the call. True when
    /// the call should be sent again. The release of a job never costs another token: one that refuses it for ever
    /// would make each run ask for one.
    pub(super) async fn sign_in_again(
        &mut self,
        call: &mut Call,
        status: u16,
        log: &mut StepLog,
    ) -> Result<bool, StepAbort> {
        let may_ask = status == UNAUTHORIZED && call.kind != RequestKind::Release;
        let Some(token) = call.token.clone().filter(|_| may_ask) else {
            return Ok(false);
        };
        let Some(cached) = self
            .tokens
            .get(&token)
            .filter(|cached| cached.is_reused)
            .cloned()
        else {
            return Ok(false);
        };
        let (expected, seen) = ("a token is good until it ends", "status 401 before that");
        log.judge([catalogue::KEPT_TOKEN.finding(false, expected, seen)])?;
        self.slot(&cached.endpoint, &cached.scope)
            .forget_refused(&cached);
        self.renew(&token, log).await?;
        if let Some(cached) = self.tokens.get_mut(&token) {
            // Only once: a second refusal counts, even of a token that another run got meanwhile.
            cached.is_reused = false;
        }
        self.authorise(call, Some(&token), log).await?;
        Ok(true)
    }

    /// Gets the token of a token step: a fixed one, one from an earlier run, or a new one.
    pub(super) async fn sign_in(
        &mut self,
        step: &StepId,
        wanted: &TokenRequest,
        log: &mut StepLog,
    ) -> Result<(), StepAbort> {
        let run = self.run;
        if run.partner.auth.kind == AuthKind::None {
            // A journey for several partners may sign in where one of them knows no sign-in.
            return Ok(());
        }
        let fixed = auth::fixed_token(&run.partner.auth)
            .map_err(|(fault, why)| StepAbort::CouldNotLook(fault, why))?;
        if let Some(token) = fixed {
            let cached = CachedToken {
                token,
                since: run.clock.instant(),
                lifetime: Duration::MAX,
                endpoint: wanted.endpoint.clone(),
                scope: wanted.scope.clone(),
                is_reused: false,
            };
            self.tokens.insert(step.clone(), cached);
            return Ok(());
        }
        let is_tls = |url: &Uri| url.scheme_str() == Some("https");
        if absolute(&run.partner.base_url).is_some_and(|home| is_tls(&home))
            && !is_tls(&wanted.endpoint.url)
        {
            let seen = "one away from TLS";
            let finding =
                catalogue::SMART_CONFIGURATION.finding(false, "a token_endpoint over TLS", seen);
            return log.judge([finding]);
        }
        let slot = self.slot(&wanted.endpoint, &wanted.scope);
        let mut turn = None;
        if !slot.is_forced(wanted.fresh, run.clock.instant()) {
            if self.take_over(step, &slot, log) {
                return Ok(());
            }
            // One run requests the token; the others wait for it until their own deadline.
            let end = || self.deadline();
            let taken = until(slot.turn(), end, &self.lag, self.run.clock).await;
            turn = Some(taken.ok_or(StepAbort::Deadline(Duration::ZERO))?);
            if self.take_over(step, &slot, log) {
                return Ok(());
            }
        }
        let (cached, assertion) = self.request_token(wanted, log).await?;
        if let Some(assertion) = assertion {
            self.values
                .keep(step, ASSERTION, CapturedValue::Secret(assertion));
        }
        slot.keep(cached.clone(), cached.since);
        drop(turn);
        self.tokens.insert(step.clone(), cached);
        Ok(())
    }

    /// Takes over a token that is good from an earlier run.
    fn take_over(&mut self, step: &StepId, slot: &TokenSlot, log: &mut StepLog) -> bool {
        let Some(cached) = slot.valid(self.run.clock.instant()) else {
            return false;
        };
        log.set_cached_token();
        let cached = CachedToken {
            is_reused: true,
            ..cached
        };
        self.tokens.insert(step.clone(), cached);
        true
    }

    fn slot(&self, endpoint: &Address, scope: &[String]) -> Arc<TokenSlot> {
        let (partner, endpoint) = (self.run.partner, endpoint.url.to_string());
        self.run
            .tokens
            .slot(&partner.id, &partner.auth, &endpoint, scope)
    }

    async fn request_token(
        &mut self,
        wanted: &TokenRequest,
        log: &mut StepLog,
    ) -> Result<(CachedToken, Option<Secret>), StepAbort> {
        let run = self.run;
        let mut number = 1;
        let (since, answer, assertion) = loop {
            // An assertion is good for one attempt.
            let auth = &run.partner.auth;
            let signed = auth::token_call(auth, run.clock, &wanted.endpoint, &wanted.scope);
            let (call, assertion) =
                signed.map_err(|(fault, why)| StepAbort::CouldNotLook(fault, why))?;
            let since = run.clock.instant();
            let attempt = Attempt {
                number,
                expected: &[],
            };
            if let Some(answer) = self.request_once(call, attempt, log).await? {
                break (since, answer, assertion);
            }
            number += 1;
        };
        let (granted, findings) = token::granted(&answer);
        log.judge(findings)?;
        let granted = granted.ok_or(StepAbort::Broken)?;
        let cached = CachedToken {
            token: granted.token,
            since,
            lifetime: granted.lifetime,
            endpoint: wanted.endpoint.clone(),
            scope: wanted.scope.clone(),
            is_reused: false,
        };
        Ok((cached, assertion))
    }
}
