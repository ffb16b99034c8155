//! Releases a job that an earlier process of the agent left open at a partner.

use std::time::Duration;

use http::header::AUTHORIZATION;
use outrider_domain::clock::{Clock, Lag};
use outrider_domain::judge::{job, token};
use outrider_domain::model::{
    Answer, ConnectionPolicy, FamilyWanted, HttpWanted, Job, Method, Partner, RequestKind,
};
use outrider_domain::secret::Secret;

use super::auth;
use super::body::{NoLines, Sink};
use super::call::Call;
use super::client::Client;
use super::origins::may_hold_jobs;
use super::pool::Pool;
use super::send::{ConnectionOptions, Deadlines, send};
use super::template::{Address, absolute};

/// The time of each of the two requests.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Signs in again and releases the job. True when it is released or gone.
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
    request(client, clock, call)
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
    let answer = request(client, clock, call).await?;
    token::granted(&answer).0.map(|granted| granted.token)
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
    Some(head.into_answer(&sink.document()))
}
