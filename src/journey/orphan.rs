//! Releases a job that an earlier process of the agent left open at a partner.

use std::time::Duration;

use http::header::AUTHORIZATION;
use outrider_domain::clock::{Clock, Lag};
use outrider_domain::judge::retry_after::{RetryAfter, retry_after};
use outrider_domain::judge::{job, token};
use outrider_domain::model::{
    Answer, AuthKind, ConnectionPolicy, FamilyWanted, HttpWanted, Job, Method, Partner, RequestKind,
};
use outrider_domain::secret::Secret;

use super::auth::{self, CachedToken};
use super::body::{NoLines, Sink};
use super::call::Call;
use super::client::Client;
use super::origins::may_hold_jobs;
use super::pool::Pool;
use super::send::{ConnectionOptions, Deadlines, send};
use super::template::{Address, absolute};
use super::tokens::Tokens;

/// The time of each of the two requests.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Which token a release may be made with.
#[derive(Clone, Copy, Debug)]
pub struct TokenAllowance<'a> {
    /// Those that runs were given.
    pub tokens: &'a Tokens,
    /// Whether another one may be asked for.
    pub may_ask: bool,
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrphanRelease {
    /// The job is released or gone.
    Released,
    /// It may still be open.
    Failed(FailedRelease),
}

/// What is known of an attempt that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FailedRelease {
    /// Whether a token was asked for.
    pub has_asked: bool,
    /// How long the partner asks to wait (`Retry-After`); zero where it does not.
    pub wait: Duration,
}

/// Releases the job, with a token that is good from a run, or else with a new one where that is allowed.
pub async fn release_orphan(
    client: &Client,
    clock: &Clock,
    partner: &Partner,
    job: &Job,
    allowance: TokenAllowance<'_>,
) -> OrphanRelease {
    let Some(url) = absolute(&job.location) else {
        return OrphanRelease::Released;
    };
    if !may_hold_jobs(partner, &url) {
        return OrphanRelease::Released;
    }
    let (token, has_asked) = token_for(client, clock, partner, job, allowance).await;
    let mut failed = FailedRelease {
        has_asked,
        ..FailedRelease::default()
    };
    let needs_none = matches!(partner.auth.kind, AuthKind::None);
    if token.is_none() && !needs_none {
        return OrphanRelease::Failed(failed);
    }
    let mut call = Call {
        kind: RequestKind::Release,
        method: Method::Delete,
        to: address(url),
        headers: http::HeaderMap::new(),
        body: bytes::Bytes::new(),
        token: None,
    };
    if let Some(value) = token.as_ref().and_then(auth::bearer) {
        call.headers.insert(AUTHORIZATION, value);
    }
    let answer = request(client, clock, call).await;
    let is_gone =
        |answer: &Answer| job::released(answer).passed || matches!(answer.status, 404 | 410);
    if answer.as_ref().is_some_and(is_gone) {
        return OrphanRelease::Released;
    }
    let asked = answer.map(|answer| retry_after(answer.header("retry-after"), clock.system()));
    failed.wait = asked.and_then(RetryAfter::wait).unwrap_or_default();
    OrphanRelease::Failed(failed)
}

/// The token, and whether it was asked for now.
async fn token_for(
    client: &Client,
    clock: &Clock,
    partner: &Partner,
    job: &Job,
    allowance: TokenAllowance<'_>,
) -> (Option<Secret>, bool) {
    match auth::fixed_token(&partner.auth) {
        Ok(Some(token)) => return (Some(token), false),
        Ok(None) => {}
        Err(_) => return (None, false),
    }
    let Some(endpoint) = absolute(&job.token_endpoint) else {
        return (None, false);
    };
    let tokens = allowance.tokens;
    let slot = tokens.slot(
        &partner.id,
        &partner.auth,
        &endpoint.to_string(),
        &job.scope,
    );
    if let Some(cached) = slot.valid(clock.instant()) {
        return (Some(cached.token), false);
    }
    if !allowance.may_ask {
        return (None, false);
    }
    let since = clock.instant();
    let endpoint = address(endpoint);
    let Ok((call, _)) = auth::token_call(&partner.auth, clock, &endpoint, &job.scope) else {
        return (None, false);
    };
    let answer = request(client, clock, call).await;
    let Some(granted) = answer.and_then(|answer| token::granted(&answer).0) else {
        return (None, true);
    };
    let cached = CachedToken {
        token: granted.token.clone(),
        since,
        lifetime: granted.lifetime,
        endpoint,
        scope: job.scope.clone(),
        is_reused: false,
    };
    slot.keep(cached, since);
    (Some(granted.token), true)
}

/// The release of an orphan is recorded nowhere, so its address needs no display form.
fn address(url: http::Uri) -> Address {
    Address {
        url,
        shown: String::new(),
    }
}

async fn request(client: &Client, clock: &Clock, call: Call) -> Option<Answer> {
    let now = clock.instant();
    let deadlines = Deadlines {
        run_began: now,
        timeout: TIMEOUT,
        deadline: now + TIMEOUT * 2,
        extension_max: Duration::ZERO,
    };
    let mut sink: Sink<'_, NoLines> = Sink::document_of_json();
    let options = ConnectionOptions {
        connection: ConnectionPolicy::New,
        http: HttpWanted::Auto,
        family: FamilyWanted::Any,
        pool: &mut Pool::default(),
        lag: &Lag::new(clock),
        own_delay_max: TIMEOUT,
    };
    let head = send(client, clock, deadlines, call, options, &mut sink)
        .await
        .head?;
    Some(head.into_answer(sink.document()))
}
