//! Exchanges as JSON, for their clients.

use exchange_kit::clock::rfc3339;
use exchange_kit::pdex::Bucket;
use serde_json::{Value, json};

use crate::clocks::Pace;
use crate::exchange::{Exchange, Member, Missing, Reason, State, Step};
use crate::store::{Payload, Role};

/// The status of an exchange.
pub fn status(exchange: &Exchange, members: &[Member], pace: Pace, now_ms: i64) -> Value {
    let time = |at: Option<i64>| at.map(rfc3339);
    let count = |state: State| members.iter().filter(|one| one.state == state).count();
    let counts: serde_json::Map<String, Value> = State::ALL
        .into_iter()
        .map(|state| (state.name().to_owned(), json!(count(state))))
        .collect();
    json!({
        "id": exchange.id,
        "state": exchange.state.name(),
        "is_terminal": exchange.state.is_terminal(),
        "reason": exchange.reason.map(Reason::name),
        "next_step": exchange.step.name(),
        "next_at": time(exchange.due_ms),
        "waits_for": waits_for(exchange),
        "metadata": exchange.metadata,
        "idempotency_key": exchange.key,
        "redrive_of": exchange.redrive_of,
        "created_at": rfc3339(exchange.created_ms),
        "deadline_at": rfc3339(exchange.deadline_ms),
        "settled_at": time(exchange.outcome_ms),
        "retries": exchange.retries,
        "follow_ups": exchange.follow_ups,
        "has_follow_up": exchange.is_following_up(),
        "callback": format!("/v1/callbacks/{}", exchange.callback),
        "members": counts,
        "member_count": members.len(),
        "clocks": pace.clocks(exchange, now_ms),
    })
}

/// What an exchange waits for: `in_review` is work of partner or core, and never of a person.
fn waits_for(exchange: &Exchange) -> &'static str {
    match exchange.step {
        Step::Done if exchange.is_following_up() => "core",
        Step::Done => "nobody",
        Step::Match | Step::Manifest if exchange.is_running => "partner",
        Step::KickOff
        | Step::Match
        | Step::Export
        | Step::Manifest
        | Step::Fetch
        | Step::Outcome
        | Step::Release => "core",
    }
}

/// The line of an exchange in a list.
pub fn line(exchange: &Exchange) -> Value {
    json!({
        "id": exchange.id,
        "state": exchange.state.name(),
        "reason": exchange.reason.map(Reason::name),
        "target_payer": exchange.metadata.target_payer,
        "trigger": exchange.metadata.trigger.name(),
        "correlation_id": exchange.metadata.correlation_id,
        "traffic": exchange.metadata.traffic.name(),
        "created_at": rfc3339(exchange.created_ms),
        "settled_at": exchange.outcome_ms.map(rfc3339),
    })
}

/// By what members are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberNames {
    /// By the requester's ids, for the requester.
    Ids,
    /// By their keys, for everybody else.
    Keys,
}

/// What came of an exchange. Of one in quarantine no payload is named.
pub fn result(
    exchange: &Exchange,
    members: &[Member],
    payloads: &[Payload],
    names: MemberNames,
) -> Value {
    let name = |member: &Member| match names {
        MemberNames::Ids => member.id.clone(),
        MemberNames::Keys => member.key.clone(),
    };
    let by_name = |missing: &Missing| {
        let own = members
            .iter()
            .find(|one| Some(&one.key) == missing.member.as_ref());
        let member = own.map_or_else(|| missing.member.clone(), |own| Some(name(own)));
        json!(Missing {
            member,
            ..missing.clone()
        })
    };
    let shown = |member: &Member| {
        let missing: Vec<Value> = exchange
            .missing
            .iter()
            .filter(|one| one.member.as_deref() == Some(member.key.as_str()))
            .map(by_name)
            .collect();
        json!({
            "n": member.n,
            "id": name(member),
            "key": member.key,
            "state": member.state.name(),
            "reason": member.reason.map(Reason::name),
            "bucket": member.bucket.map(Bucket::code),
            "patient": member.patient,
            "tied_by": member.tied_by,
            "records": member.records,
            "missing": missing,
        })
    };
    let named = payloads.iter().filter(|one| may_be_told(exchange, one));
    json!({
        "id": exchange.id,
        "state": exchange.state.name(),
        "reason": exchange.reason.map(Reason::name),
        "score": exchange.score_milli.map(|milli| f64::from(milli) / 1_000.0),
        "members": members.iter().map(shown).collect::<Vec<Value>>(),
        "missing": exchange.missing.iter().map(by_name).collect::<Vec<Value>>(),
        "missing_count": exchange.missing_count,
        "payloads": named.map(payload).collect::<Vec<Value>>(),
    })
}

fn payload(payload: &Payload) -> Value {
    json!({
        "n": payload.n,
        "role": payload.role.name(),
        "type": payload.kind,
        "counted": payload.counted,
        "sha256": payload.sha256,
        "bytes": payload.bytes,
        "is_lost": payload.is_lost,
        "purged_at": payload.purged_ms.map(rfc3339),
    })
}

/// Whether a payload may be listed: none before a person has looked at records of unmatched patients, and no file
/// that was not checked for them.
pub(super) fn may_be_told(exchange: &Exchange, payload: &Payload) -> bool {
    let is_checked = payload.role != Role::Data || payload.n < exchange.checked_files;
    exchange.reason != Some(Reason::Quarantined) && is_checked
}

/// Whether a payload of that hash may be served: those that may be listed, except the partner's error files.
pub(super) fn may_have(exchange: &Exchange, payloads: &[Payload], sha256: &str) -> bool {
    payloads.iter().any(|one| {
        one.sha256.as_deref() == Some(sha256)
            && one.role != Role::Errors
            && may_be_told(exchange, one)
    })
}

/// The media type of a payload of that hash: a data file of a partner is FHIR NDJSON, whatever else it may be.
pub(super) fn media_type(payloads: &[Payload], sha256: &str) -> &'static str {
    let is_data = |one: &Payload| one.role == Role::Data && one.sha256.as_deref() == Some(sha256);
    if payloads.iter().any(is_data) {
        "application/fhir+ndjson"
    } else {
        "application/octet-stream"
    }
}
