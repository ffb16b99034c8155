//! The files of an export: each is kept as received before the next one is asked for.

use super::work::Work;
use crate::adapter::{Call, CallFailure, CallResult, Class, Method, Sink, resolve};
use crate::exchange::{Event, Step, StoredUrl};
use crate::limits::{FILE_BYTES_MAX, RETRIES_MAX};
use crate::store::{Payload, Result};

/// Most redirects that are followed.
const REDIRECTS_MAX: u32 = 3;

pub(super) async fn run(mut work: Work<'_>) -> Result<()> {
    let all = work.core.store.payloads(&work.exchange.id)?;
    for payload in all.into_iter().filter(Payload::is_due) {
        let (place, needs_token) = match payload.at.strip_prefix("open ") {
            Some(place) => (StoredUrl::from_kept(place), false),
            None => (StoredUrl::from_kept(&payload.at), true),
        };
        let call = Call::to(Method::Get, place.url(work.origin()));
        let scope = work.client.partner.dialect.data_scope();
        let token = (needs_token && place.is_own()).then_some(scope);
        let core = work.core;
        let (seen, class) = get(&mut work, "file", token, call, || {
            let received = core.store.receiving().ok()?;
            Some(Sink::File(received, FILE_BYTES_MAX))
        })
        .await;
        match (seen, class) {
            (CallResult::Response(mut answer), Class::Good) => {
                let Some(received) = answer.file.take() else {
                    return work.again(&CallResult::Response(answer), Class::Business);
                };
                work.core.store.keep_blob(received, &answer.sha256)?;
                keep(
                    &mut work,
                    Payload {
                        sha256: Some(answer.sha256),
                        bytes: Some(answer.bytes),
                        ..payload
                    },
                )?;
            }
            (_, Class::Gone | Class::Business | Class::Token) => lose(&mut work, payload)?,
            (_, Class::Transient) if work.exchange.tries >= RETRIES_MAX => {
                lose(&mut work, payload)?
            }
            (seen, class) => return work.again(&seen, class),
        }
    }
    let now_ms = work.now_ms();
    work.exchange.fetched_ms = work.exchange.fetched_ms.or(Some(now_ms));
    work.exchange.go_on(Step::Outcome, now_ms);
    let change = work.change(Event::Fetched);
    work.apply(change)
}

fn keep(work: &mut Work<'_>, payload: Payload) -> Result<()> {
    if work.exchange.tries > 0 {
        work.exchange.retried_well += 1;
        work.exchange.tries = 0;
    }
    let mut change = work.record_only();
    change.payloads = vec![payload];
    work.apply(change)
}

fn lose(work: &mut Work<'_>, payload: Payload) -> Result<()> {
    work.exchange.tries = 0;
    let mut change = work.record_only();
    change.payloads = vec![Payload {
        is_lost: true,
        ..payload
    }];
    work.apply(change)
}

/// Fetches a file, by way of redirects where there are any: with a token of that scope where it needs one, which
/// goes to the partner's own origin only.
pub(super) async fn get(
    work: &mut Work<'_>,
    operation: &'static str,
    token: Option<&str>,
    call: Call,
    sink: impl Fn() -> Option<Sink>,
) -> (CallResult, Class) {
    let origin = format!("{}/", work.origin());
    let mut call = call;
    let mut token = token.filter(|_| call.url.starts_with(&origin));
    for _ in 0..=REDIRECTS_MAX {
        let (seen, class) = match token {
            Some(scope) => work.ask_into(operation, scope, call.clone(), &sink).await,
            None => work.ask_openly(operation, call.clone(), sink()).await,
        };
        let location = match &seen {
            CallResult::Response(answer) if (300..400).contains(&answer.status) => {
                answer.location.clone()
            }
            CallResult::Response(_) | CallResult::Failed(_) => None,
        };
        let Some(location) = location else {
            return (seen, class);
        };
        let Some(location) = resolve(&call.url, &location) else {
            break;
        };
        token = token.filter(|_| location.starts_with(&origin));
        call = Call::to(Method::Get, location);
    }
    (CallResult::Failed(CallFailure::Address), Class::Business)
}
