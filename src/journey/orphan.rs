//! Releases a job that a former life of the agent left open at a partner.

use std::time::Duration;

use http::header::AUTHORIZATION;

use super::auth;
use super::bind::{Address, absolute, same_origin};
use super::body::{NoLines, Sink};
use super::client::Client;
use super::walk::answer;
use super::wire::{self, Call, Time};
use crate::clock::Clock;
use crate::judge::{job, token};
use crate::model::{Answer, Job, Method, Partner, RequestKind};

/// The time of each of the two requests.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Signs in anew and releases the job. True when it is released or gone.
pub async fn release_orphan(client: &Client, clock: &Clock, partner: &Partner, job: &Job) -> bool {
    let (Some(url), Some(endpoint)) = (absolute(&job.location), absolute(&job.token_endpoint))
    else {
        return true;
    };
    if !absolute(&partner.base_url).is_some_and(|home| same_origin(&home, &url)) {
        return true;
    }
    let Ok(call) = auth::token_call(&partner.auth, clock, &address(endpoint), &job.scope) else {
        return false;
    };
    let Some(granted) = ask(client, clock, call)
        .await
        .and_then(|answer| token::granted(&answer).0)
    else {
        return false;
    };
    let mut call = Call {
        kind: RequestKind::Release,
        method: Method::Delete,
        to: address(url),
        headers: http::HeaderMap::new(),
        body: bytes::Bytes::new(),
    };
    if let Some(value) = auth::bearer(&granted.token) {
        call.headers.insert(AUTHORIZATION, value);
    }
    ask(client, clock, call)
        .await
        .is_some_and(|answer| job::released(&answer).held || matches!(answer.status, 404 | 410))
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
    let head = wire::send(client, clock, time, call, &mut sink)
        .await
        .head?;
    Some(answer(head, &sink.document()))
}
