//! Releases a job that a former life of the agent left open at a partner.

use std::time::Duration;

use http::header::AUTHORIZATION;
use outrider_domain::clock::{Clock, Lag};
use outrider_domain::judge::{job, token};
use outrider_domain::model::{
    Answer, Connection, FamilyWanted, HttpWanted, Job, Method, Partner, RequestKind,
};
use outrider_domain::secret::Secret;

use super::auth;
use super::bind::{Address, absolute};
use super::body::{NoLines, Sink};
use super::client::Client;
use super::pool::Pool;
use super::steps::may_hold_jobs;
use super::walk::answer;
use super::wire::{self, Call, Time, Way};

/// The time of each of the two requests.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Signs in anew and releases the job. True when it is released or gone.
pub async fn release_orphan(client: &Client, clock: &Clock, partner: &Partner, job: &Job) -> bool {
    let (Some(url), Some(endpoint)) = (absolute(&job.location), absolute(&job.token_endpoint))
    else {
        return true;
    };
    if !may_hold_jobs(partner, &url) {
        return true;
    }
    let Some(token) = sign_in(client, clock, partner, address(endpoint), job).await else {
        return false;
    };
    let mut call = Call {
        kind: RequestKind::Release,
        method: Method::Delete,
        to: address(url),
        headers: http::HeaderMap::new(),
        body: bytes::Bytes::new(),
        token: None,
    };
    if let Some(value) = auth::bearer(&token) {
        call.headers.insert(AUTHORIZATION, value);
    }
    ask(client, clock, call)
        .await
        .is_some_and(|answer| job::released(&answer).passed || matches!(answer.status, 404 | 410))
}

async fn sign_in(
    client: &Client,
    clock: &Clock,
    partner: &Partner,
    endpoint: Address,
    job: &Job,
) -> Option<Secret> {
    if let Some(token) = auth::fixed_token(&partner.auth).ok()? {
        return Some(token);
    }
    let (call, _) = auth::token_call(&partner.auth, clock, &endpoint, &job.scope).ok()?;
    let answer = ask(client, clock, call).await?;
    token::granted(&answer).0.map(|granted| granted.token)
}

/// Nobody is shown what an orphan's release looked like.
fn address(url: http::Uri) -> Address {
    Address {
        url,
        shown: String::new(),
    }
}

async fn ask(client: &Client, clock: &Clock, call: Call) -> Option<Answer> {
    let now = clock.instant();
    let time = Time {
        run_began: now,
        timeout: TIMEOUT,
        deadline: now + TIMEOUT * 2,
    };
    let mut sink: Sink<'_, NoLines> = Sink::document_of_json();
    let way = Way {
        connection: Connection::New,
        http: HttpWanted::Auto,
        family: FamilyWanted::Any,
        pool: &mut Pool::default(),
        lag: &Lag::new(clock),
        own_delay_max: TIMEOUT,
    };
    let head = wire::send(client, clock, time, call, way, &mut sink)
        .await
        .head?;
    Some(answer(head, &sink.document()))
}
