//! The match request: journalled before it is sent, looked for before it is sent again.

use bytes::Bytes;

use super::reconcile;
use super::work::Work;
use crate::adapter::{Call, CallResult, Class, Method, PartnerResponse, document, match_body};
use crate::exchange::{Event, Job, Reason, State, Step, StoredUrl};
use crate::store::{Result, Role};

pub(super) async fn run(mut work: Work<'_>) -> Result<()> {
    if work.exchange.state == State::Created {
        let now_ms = work.now_ms();
        work.exchange.submitted_ms = Some(now_ms);
        work.exchange.is_unanswered = true;
        let mut change = work.change(Event::KickoffSent);
        change.members = work.moved(State::Submitted)?;
        work.apply(change)?;
    } else {
        if work.exchange.is_unanswered {
            let Some(went_on) = reconcile::run(work).await? else {
                return Ok(());
            };
            work = went_on;
        }
        work.exchange.is_unanswered = true;
        let change = work.change(Event::KickoffRepeated);
        work.apply(change)?;
    }
    send(work).await
}

async fn send(mut work: Work<'_>) -> Result<()> {
    let bundles = work.core.store.request(&work.exchange.id)?;
    let bundles = bundles.as_array().cloned().unwrap_or_default();
    let url = format!("{}/Group/$bulk-member-match", work.client.partner.base);
    let mut call = Call::to(Method::Post, url);
    call.headers.extend(hop_headers(&work));
    call.body = Bytes::from(match_body(&bundles).to_string());
    let scope = work.client.partner.dialect.match_scope();
    let (seen, class) = work.ask("match", scope, call).await;
    match (&seen, class) {
        (CallResult::Response(answer), Class::Good) => accepted(work, answer),
        (_, Class::Gone) => work.dead(Reason::Refused),
        (_, class) => {
            work.exchange.is_unanswered = !class.had_no_effect(&seen);
            work.again(&seen, class)
        }
    }
}

/// The headers of every kick-off: one key through all hops, and the correlation id.
pub(super) fn hop_headers(work: &Work<'_>) -> Vec<(&'static str, String)> {
    vec![
        ("content-type", "application/fhir+json".to_owned()),
        ("prefer", "respond-async".to_owned()),
        ("idempotency-key", work.exchange.hop_key()),
        (
            "x-correlation-id",
            work.exchange.metadata.correlation_id.clone(),
        ),
        ("x-request-id", work.exchange.id.clone()),
    ]
}

fn accepted(mut work: Work<'_>, answer: &PartnerResponse) -> Result<()> {
    let now_ms = work.now_ms();
    let event = match (answer.status, &answer.content_location) {
        (202, Some(location)) => {
            let asked = format!("{}/Group/$bulk-member-match", work.client.partner.base);
            let place = work.stored(&asked, location);
            if !place.is_own() {
                // No token may travel to another origin.
                return work.dead(Reason::NotUnderstood);
            }
            took(&mut work, place, false);
            Event::Accepted
        }
        (200, _) if document(&answer.body).is_some() => Event::AnsweredAtOnce,
        (_, _) => return work.dead(Reason::NotUnderstood),
    };
    let payload = if event == Event::AnsweredAtOnce {
        let n = work.next_payload()?;
        Some(work.keep(n, Role::Match, "Parameters", &answer.body)?)
    } else {
        None
    };
    work.exchange.accepted_ms = Some(now_ms);
    work.exchange.go_on(Step::Match, now_ms);
    let mut change = work.change(event);
    change.payloads = payload.into_iter().collect();
    change.members = work.moved(State::Accepted)?;
    work.apply_job(change)
}

/// Remembers a job: what is looked at, and what must be released one day.
pub(super) fn took(work: &mut Work<'_>, place: StoredUrl, is_export: bool) {
    let exchange = &mut work.exchange;
    exchange.job = Some(place.clone());
    if exchange.jobs.iter().all(|job| job.at != place) {
        exchange.jobs.push(Job {
            at: place,
            is_export,
            is_over: false,
            tries: 0,
        });
    }
}
