//! Tokens of a run: asked for, taken over from an earlier run, renewed, put on calls.

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use http::header::AUTHORIZATION;
use outrider_domain::judge::capture::CapturedValue;
use outrider_domain::judge::{catalogue, token};
use outrider_domain::model::{ASSERTION, Fresh, RequestKind, StepId};
use outrider_domain::secret::Secret;

use super::ask::Asked;
use super::auth::{self, Held};
use super::bind::{Address, absolute};
use super::tokens::Place;
use super::walk::{Halt, Notes, Walker};
use super::wire::Call;

const UNAUTHORIZED: u16 = 401;

/// Which token.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) endpoint: Address,
    pub(super) scope: Vec<String>,
    pub(super) fresh: Fresh,
}

impl Walker<'_> {
    /// Puts a token on a call, another one when it is due. It never travels to another origin.
    pub(super) async fn authorise(
        &mut self,
        call: &mut Call,
        token: &StepId,
        timeout: Duration,
        notes: &mut Notes,
    ) -> Result<(), Halt> {
        if !self.is_trusted(call) {
            return Ok(());
        }
        let Some(held) = self.tokens.get(token) else {
            return Ok(());
        };
        if held.is_due(self.order.clock.instant()) {
            self.renew(token, timeout, notes).await?;
        }
        let held = self.tokens.get(token);
        if let Some(value) = held.and_then(|held| auth::bearer(&held.token)) {
            call.headers.insert(AUTHORIZATION, value);
            call.token = Some(token.clone());
        }
        Ok(())
    }

    /// Whether our token may travel there: the partner's own origin, or one that its file names.
    fn is_trusted(&self, call: &Call) -> bool {
        let is_of_job = matches!(call.kind, RequestKind::Poll | RequestKind::Release);
        self.is_home(&call.to.url) || (is_of_job && self.may_hold_jobs(&call.to.url))
    }

    async fn renew(
        &mut self,
        token: &StepId,
        timeout: Duration,
        notes: &mut Notes,
    ) -> Result<(), Halt> {
        let Some(held) = self.tokens.get(token) else {
            return Ok(());
        };
        let wanted = Wanted {
            endpoint: held.endpoint.clone(),
            scope: held.scope.clone(),
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
    ) -> Result<bool, Halt> {
        let Some(token) = call.token.clone().filter(|_| status == UNAUTHORIZED) else {
            return Ok(false);
        };
        let Some(held) = self.tokens.get(&token).filter(|held| held.is_kept).cloned() else {
            return Ok(false);
        };
        let (expected, seen) = ("a token is good until it ends", "status 401 before that");
        notes.judge([catalogue::KEPT_TOKEN.finding(false, expected, seen)])?;
        self.place(&held.endpoint, &held.scope).refused(&held);
        self.renew(&token, timeout, notes).await?;
        if let Some(held) = self.tokens.get_mut(&token) {
            // Once: even one that another run asked for meanwhile is not doubted again.
            held.is_kept = false;
        }
        self.authorise(call, &token, timeout, notes).await?;
        Ok(true)
    }

    pub(super) async fn sign_in(
        &mut self,
        step: &StepId,
        wanted: &Wanted,
        timeout: Duration,
        notes: &mut Notes,
    ) -> Result<(), Halt> {
        let order = self.order;
        let fixed = auth::fixed_token(&order.partner.auth)
            .map_err(|(fault, why)| Halt::CouldNotLook(fault, why))?;
        if let Some(token) = fixed {
            let held = Held {
                token,
                since: order.clock.instant(),
                lifetime: Duration::MAX,
                endpoint: wanted.endpoint.clone(),
                scope: wanted.scope.clone(),
                is_kept: false,
            };
            self.tokens.insert(step.clone(), held);
            return Ok(());
        }
        let is_tls = |url: &Uri| url.scheme_str() == Some("https");
        if absolute(&order.partner.base_url).is_some_and(|home| is_tls(&home))
            && !is_tls(&wanted.endpoint.url)
        {
            let seen = "one away from TLS";
            let finding =
                catalogue::SMART_CONFIGURATION.finding(false, "a token_endpoint over TLS", seen);
            return notes.judge([finding]);
        }
        let place = self.place(&wanted.endpoint, &wanted.scope);
        let mut turn = None;
        if !place.is_forced(wanted.fresh, order.clock.instant()) {
            if self.take_over(step, &place, notes) {
                return Ok(());
            }
            // One run asks, the others wait for what it gets, as long as their own deadline lets them.
            let end = tokio::time::Instant::from_std(self.deadline);
            let taken = tokio::time::timeout_at(end, place.turn()).await;
            turn = Some(taken.map_err(|_| Halt::Deadline)?);
            if self.take_over(step, &place, notes) {
                return Ok(());
            }
        }
        let (held, assertion) = self.ask_token(wanted, timeout, notes).await?;
        if let Some(assertion) = assertion {
            self.values
                .keep(step, ASSERTION, CapturedValue::Secret(assertion));
        }
        place.keep(held.clone(), held.since);
        drop(turn);
        self.tokens.insert(step.clone(), held);
        Ok(())
    }

    /// Takes over a token that is good from an earlier run.
    fn take_over(&mut self, step: &StepId, place: &Place, notes: &mut Notes) -> bool {
        let Some(held) = place.good(self.order.clock.instant()) else {
            return false;
        };
        notes.cached_token = true;
        let held = Held {
            is_kept: true,
            ..held
        };
        self.tokens.insert(step.clone(), held);
        true
    }

    fn place(&self, endpoint: &Address, scope: &[String]) -> Arc<Place> {
        let (partner, endpoint) = (self.order.partner, endpoint.url.to_string());
        self.order
            .tokens
            .place(&partner.id, &partner.auth, &endpoint, scope)
    }

    async fn ask_token(
        &mut self,
        wanted: &Wanted,
        timeout: Duration,
        notes: &mut Notes,
    ) -> Result<(Held, Option<Secret>), Halt> {
        let order = self.order;
        let mut attempt = 1;
        let (since, answer, assertion) = loop {
            // An assertion is good for one attempt.
            let auth = &order.partner.auth;
            let signed = auth::token_call(auth, order.clock, &wanted.endpoint, &wanted.scope);
            let (call, assertion) =
                signed.map_err(|(fault, why)| Halt::CouldNotLook(fault, why))?;
            let since = order.clock.instant();
            let asked = Asked {
                attempt,
                expected: &[],
            };
            if let Some(answer) = self.ask_once(notes, timeout, call, asked).await? {
                break (since, answer, assertion);
            }
            attempt += 1;
        };
        let (granted, findings) = token::granted(&answer);
        notes.judge(findings)?;
        let granted = granted.ok_or(Halt::Broken)?;
        let held = Held {
            token: granted.token,
            since,
            lifetime: granted.lifetime,
            endpoint: wanted.endpoint.clone(),
            scope: wanted.scope.clone(),
            is_kept: false,
        };
        Ok((held, assertion))
    }
}
