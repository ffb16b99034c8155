//! What a person does about an item of the queues: resolve it, try again, give it up.

use exchange_kit::clock::Clock;
use exchange_kit::digest::hex_of_sha256;
use serde_json::Value;

use super::exchange::{Exchange, Member, State};
use super::free_text::TextFault;
use super::store::{Closing, Opened, Opening, Result, Review, ReviewState, Store, fresh, named};
use super::text_check;
use crate::clocks::Pace;

/// The result of an action on a review item.
#[derive(Debug)]
pub enum ReviewResult {
    /// It is done; the exchange that came of it, when it was tried again.
    Done(Option<Box<Exchange>>),
    /// There is no such item.
    Unknown,
    /// It was closed before.
    Closed,
    /// The reason is not one that may be written down.
    Text(TextFault),
}

/// The person who acts, and the reason.
pub struct ReviewAuthor<'a> {
    /// The actor, as the audit trail names it.
    pub actor: &'a str,
    /// The reason.
    pub note: &'a str,
}

/// Closes an item as resolved or abandoned.
///
/// # Errors
/// When the store fails.
pub fn close(
    store: &Store,
    clock: &Clock,
    id: &str,
    state: ReviewState,
    by: &ReviewAuthor<'_>,
) -> Result<ReviewResult> {
    let Some(review) = store.review(id)? else {
        return Ok(ReviewResult::Unknown);
    };
    if let Some(fault) = fault(store, &review, by)? {
        return Ok(ReviewResult::Text(fault));
    }
    finish(store, clock, &review, state, by, None)
}

/// Tries again: the member, or all members that have not come through, as a new exchange with the same correlation id.
///
/// # Errors
/// When the store fails.
pub fn redrive(
    store: &Store,
    clock: &Clock,
    pace: Pace,
    id: &str,
    by: &ReviewAuthor<'_>,
) -> Result<ReviewResult> {
    let Some(review) = store.review(id)? else {
        return Ok(ReviewResult::Unknown);
    };
    if review.state != ReviewState::Open.name() {
        return Ok(ReviewResult::Closed);
    }
    if let Some(fault) = fault(store, &review, by)? {
        return Ok(ReviewResult::Text(fault));
    }
    let Some(old) = store.exchange(&review.exchange)? else {
        return Ok(ReviewResult::Unknown);
    };
    let bundles = store.request(&old.id)?;
    let members = store.members(&old.id)?;
    let again: Vec<&Member> = members
        .iter()
        .filter(|member| match &review.member {
            Some(key) => member.key == *key,
            None => member.state != State::Completed,
        })
        .collect();
    let body: Vec<Value> = again
        .iter()
        .filter_map(|member| bundles.get(usize::try_from(member.n).ok()?).cloned())
        .collect();
    let ids = again.iter().map(|member| member.id.clone()).collect();
    // The item's id makes the key: an item that is tried again twice is one exchange.
    let exchange = Exchange {
        key: format!("{}.r{}", old.key, review.id.get(2..10).unwrap_or_default()),
        redrive_of: Some(old.id.clone()),
        ..fresh((&old.client, &old.tenant), "", old.metadata, clock, pace)
    };
    let body = Value::from(body).to_string();
    let opening = Opening {
        members: named(ids, &exchange.tenant, store.keys()),
        body_hash: hex_of_sha256(body.as_bytes()),
        body: body.into_bytes(),
        notes: Vec::new(),
        actor: by.actor.to_owned(),
        exchange,
    };
    match store.open_exchange(opening)? {
        Opened::New(exchange) | Opened::Same(exchange) => finish(
            store,
            clock,
            &review,
            ReviewState::Redriven,
            by,
            Some(exchange),
        ),
        Opened::Other => Ok(ReviewResult::Closed),
    }
}

/// What is wrong with the reason.
fn fault(store: &Store, review: &Review, by: &ReviewAuthor<'_>) -> Result<Option<TextFault>> {
    let Some(exchange) = store.exchange(&review.exchange)? else {
        return Ok(None);
    };
    Ok(text_check::about_exchange(store, &exchange, by.note)?.err())
}

fn finish(
    store: &Store,
    clock: &Clock,
    review: &Review,
    state: ReviewState,
    by: &ReviewAuthor<'_>,
    led_to: Option<Box<Exchange>>,
) -> Result<ReviewResult> {
    let closing = Closing {
        state,
        by: by.actor.to_owned(),
        note: by.note.to_owned(),
        at_ms: clock.now_millis(),
        led_to: led_to.as_ref().map(|exchange| exchange.id.clone()),
    };
    Ok(if store.close_review(&review.id, &closing)? {
        ReviewResult::Done(led_to)
    } else {
        ReviewResult::Closed
    })
}
