//! The tokens of a run: requests them, reuses those of earlier runs, renews them, and adds them to
//! requests.

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use http::header::AUTHORIZATION;
use outrider_domain::judge::capture::Captured;
use outrider_domain::judge::{catalogue, token};
use outrider_domain::model::{ASSERTION, Fresh, RequestKind, StepId};
use outrider_domain::secret::Secret;

use super::auth::{self, CachedToken};
use super::request::Attempt;
use super::run::{Notes, Runner, StepAbort};
use super::template::{Address, absolute};
use super::tokens::TokenSlot;
use super::wire::Call;

const UNAUTHORIZED: u16 = 401;

/// Which token to request, and where.
#[derive(Clone, Debug)]
pub(super) struct TokenRequest {
    pub(super) endpoint: Address,
    pub(super) scope: Vec<String>,
    pub(super) fresh: Fresh,
}

impl Runner<'_> {
    /// Puts a token on a call, another one when it is due. It never travels to another origin.
    pub(super) async fn authorise(
        &mut self,
        call: &mut Call,
        token: &StepId,
        timeout: Duration,
        notes: &mut Notes,
    ) -> Result<(), StepAbort> {
        if !self.is_trusted(call) {
            return Ok(());
        }
        let Some(cached) = self.tokens.get(token) else {
            return Ok(());
        };
        if cached.is_due(self.run.clock.instant()) {
            self.renew(token, timeout, notes).await?;
        }
        let cached = self.tokens.get(token);
        if let Some(value) = cached.and_then(|cached| auth::bearer(&cached.token)) {
            call.headers.insert(AUTHORIZATION, value);
            call.token = Some(token.clone());
        }
        Ok(())
    }

    /// Whether our token may travel there: the partner's own origin, or one that its file names.
    fn is_trusted(&self, call: &Call) -> bool {
        let is_of_job = matches!(call.kind, RequestKind::Poll | RequestKind::Release);
        self.is_partner_origin(&call.to.url) || (is_of_job && self.may_hold_jobs(&call.to.url))
    }

    async fn renew(
        &mut self,
        token: &StepId,
        timeout: Duration,
        notes: &mut Notes,
    ) -> Result<(), StepAbort> {
        let Some(cached) = self.tokens.get(token) else {
            return Ok(());
        };
        let wanted = TokenRequest {
            endpoint: cached.endpoint.clone(),
            scope: cached.scope.clone(),
            fresh: Fresh::Never,
        };
        self.sign_in(token, &wanted, timeout, notes).await
    }

    /// After a 401 to a token from an earlier run: forgets it and puts another one on the call. True
    /// when the call should be sent once more.
    pub(super) async fn sign_in_again(
        &mut self,
        call: &mut Call,
        status: u16,
        timeout: Duration,
        notes: &mut Notes,
    ) -> Result<bool, StepAbort> {
        let Some(token) = call.token.clone().filter(|_| status == UNAUTHORIZED) else {
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
        notes.judge([catalogue::KEPT_TOKEN.find(false, expected, seen)])?;
        self.slot(&cached.endpoint, &cached.scope).refused(&cached);
        self.renew(&token, timeout, notes).await?;
        if let Some(cached) = self.tokens.get_mut(&token) {
            // Once: even one that another run asked for meanwhile is not doubted again.
            cached.is_reused = false;
        }
        self.authorise(call, &token, timeout, notes).await?;
        Ok(true)
    }

    pub(super) async fn sign_in(
        &mut self,
        step: &StepId,
        wanted: &TokenRequest,
        timeout: Duration,
        notes: &mut Notes,
    ) -> Result<(), StepAbort> {
        let run = self.run;
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
                catalogue::SMART_CONFIGURATION.find(false, "a token_endpoint over TLS", seen);
            return notes.judge([finding]);
        }
        let slot = self.slot(&wanted.endpoint, &wanted.scope);
        let mut turn = None;
        if !slot.is_forced(wanted.fresh, run.clock.instant()) {
            if self.take_over(step, &slot, notes) {
                return Ok(());
            }
            // One run asks, the others wait for what it gets, as long as their own deadline lets them.
            let end = tokio::time::Instant::from_std(self.deadline);
            let taken = tokio::time::timeout_at(end, slot.turn()).await;
            turn = Some(taken.map_err(|_| StepAbort::Deadline)?);
            if self.take_over(step, &slot, notes) {
                return Ok(());
            }
        }
        let (cached, assertion) = self.request_token(wanted, timeout, notes).await?;
        if let Some(assertion) = assertion {
            self.values
                .keep(step, ASSERTION, Captured::Secret(assertion));
        }
        slot.keep(cached.clone(), cached.since);
        drop(turn);
        self.tokens.insert(step.clone(), cached);
        Ok(())
    }

    /// Takes over a token that is good from an earlier run.
    fn take_over(&mut self, step: &StepId, slot: &TokenSlot, notes: &mut Notes) -> bool {
        let Some(cached) = slot.good(self.run.clock.instant()) else {
            return false;
        };
        notes.cached_token = true;
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
        timeout: Duration,
        notes: &mut Notes,
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
            if let Some(answer) = self.request_once(notes, timeout, call, attempt).await? {
                break (since, answer, assertion);
            }
            number += 1;
        };
        let (granted, findings) = token::granted(&answer);
        notes.judge(findings)?;
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
