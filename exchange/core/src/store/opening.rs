//! A new exchange and the members in it, before anything is known of them.

use exchange_kit::clock::Clock;

use super::apply::Note;
use crate::audit::Keys;
use crate::clocks::Pace;
use crate::exchange::{Exchange, Member, Metadata, State, Step};

/// A new exchange.
#[derive(Debug)]
pub struct Opening {
    /// The record.
    pub exchange: Exchange,
    /// The members in it.
    pub members: Vec<Member>,
    /// SHA-256 of the request's canonical form.
    pub body_hash: String,
    /// The bundles to send, as JSON.
    pub body: Vec<u8>,
    /// Notes for the audit trail that go with it.
    pub notes: Vec<Note>,
    /// Who does it.
    pub actor: String,
}

/// An exchange that was just asked for by a client of a tenant.
pub fn fresh(
    (client, tenant): (&str, &str),
    key: &str,
    metadata: Metadata,
    clock: &Clock,
    pace: Pace,
) -> Exchange {
    let now = clock.now();
    let now_ms = now.timestamp_millis();
    Exchange {
        id: format!("x-{}", uuid::Uuid::new_v4().simple()),
        client: client.to_owned(),
        tenant: tenant.to_owned(),
        key: key.to_owned(),
        redrive_of: None,
        version: 0,
        state: State::Created,
        reason: None,
        step: Step::KickOff,
        due_ms: Some(now_ms),
        is_unanswered: false,
        is_running: false,
        step_since_ms: now_ms,
        is_export_sent: false,
        has_follow_up: false,
        is_adopted: false,
        tries: 0,
        retries: 0,
        retried_well: 0,
        created_ms: now_ms,
        deadline_ms: pace.deadline(metadata.criticality, now),
        submitted_ms: None,
        accepted_ms: None,
        matched_ms: None,
        exporting_ms: None,
        fetched_ms: None,
        outcome_ms: None,
        job: None,
        jobs: Vec::new(),
        group: None,
        follow_ups: 0,
        is_follow_up: false,
        asked: (Vec::new(), metadata.types.clone()),
        missing: Vec::new(),
        missing_count: 0,
        score_milli: None,
        checked_files: 0,
        unreadable_files: 0,
        short_files: 0,
        drifts: 0,
        callback: format!("cb-{}", uuid::Uuid::new_v4().simple()),
        metadata,
    }
}

/// Members by their ids, in the order of the bundles, of a tenant.
pub fn named(ids: Vec<String>, tenant: &str, keys: &Keys) -> Vec<Member> {
    let member = |(n, id): (u32, String)| Member {
        n,
        key: keys.member(tenant, &id),
        id,
        state: State::Created,
        reason: None,
        bucket: None,
        patient: None,
        tied_by: None,
        records: std::collections::BTreeMap::new(),
    };
    (0..).zip(ids).map(member).collect()
}
