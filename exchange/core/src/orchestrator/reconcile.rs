//! A kick-off that may or may not have arrived: before it is sent again, the partner is searched for what
//! came of it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::work::Work;
use crate::adapter::{Call, CallResult, Class, MatchResult, Method, ResultMember, Shape, document};
use crate::exchange::{Event, State, Step};
use crate::store::{Result, Role};

/// Looks for a Group of today's that holds our members and belongs to no other exchange. Gives the work back when
/// the request is to be sent again.
pub(super) async fn run(mut work: Work<'_>) -> Result<Option<Work<'_>>> {
    let npi = work.exchange.metadata.source_payer.clone();
    let url = format!(
        "{}/Group?code=match&characteristic-value-reference:identifier=http://hl7.org/fhir/sid/us-npi%7C{npi}",
        work.client.partner.base
    );
    let scope = work.client.partner.dialect.match_scope();
    let call = Call::to(Method::Get, url);
    let (seen, class) = work.ask("reconcile", scope, call).await;
    let found = match (&seen, class) {
        (CallResult::Response(answer), Class::Good) => ours(&work, &answer.body)?,
        // A partner without that search: the key alone must do.
        (_, Class::Business | Class::Gone) => None,
        (_, class) => return work.again(&seen, class).map(|()| None),
    };
    let dialect = work.client.partner.dialect;
    work.note(
        "decision",
        json!({
            "about": "unanswered kick-off",
            "found_group": found.is_some(),
            "honours_keys": dialect.honours_keys,
            "action": match (&found, dialect.honours_keys) {
                (Some(_), false) => "adopt the result",
                (Some(_), true) => "send again under the same key, which gives the same job",
                (None, _) => "send again under the same key",
            },
        }),
    );
    match found {
        Some(group) if !dialect.honours_keys => {
            adopt(work, &group)?;
            Ok(None)
        }
        Some(_) | None => {
            let change = work.change(Event::Reconciled);
            work.apply(change)?;
            Ok(Some(work))
        }
    }
}

/// The newest Group of today that has at least one member, all of them ours, and belongs to no other exchange.
fn ours(work: &Work<'_>, body: &[u8]) -> Result<Option<Value>> {
    let bundle: Value = document(body).unwrap_or_default();
    let sent = work.core.store.request(&work.exchange.id)?;
    let sent = sent.as_array().cloned().unwrap_or_default();
    let ids: BTreeSet<&str> = sent
        .iter()
        .filter_map(|one| one["patient"]["id"].as_str())
        .collect();
    let since = work.exchange.submitted_ms.unwrap_or_default();
    let since = exchange_kit::clock::rfc3339(since);
    let day = since.get(..10).unwrap_or_default();
    for entry in bundle["entry"].as_array().into_iter().flatten() {
        let group = &entry["resource"];
        let Ok(result) = MatchResult::of_groups(Shape::Groups, [group], work.base()) else {
            continue;
        };
        let begins = group["characteristic"][0]["period"]["start"].as_str();
        let is_recent =
            begins.is_some_and(|start| start.get(..10).is_some_and(|start| start >= day));
        let known = |found: &ResultMember| match &found.contained {
            Some(patient) => submitted_id(patient, &ids) || ids.contains(found.submitted.as_str()),
            None => ids.contains(found.submitted.as_str()),
        };
        let are_ours = !result.found.is_empty() && result.found.iter().all(known);
        let id = result.group.unwrap_or_default();
        let owner = work.core.store.group_owner(&work.client.partner.id, &id)?;
        if is_recent && are_ours && owner.is_none() {
            return Ok(Some(group.clone()));
        }
    }
    Ok(None)
}

/// Whether a Patient carries one of our ids among its identifiers: some partners renumber what they contain.
fn submitted_id(patient: &Value, ids: &BTreeSet<&str>) -> bool {
    let mut identifiers = patient["identifier"].as_array().into_iter().flatten();
    identifiers.any(|one| {
        one["value"]
            .as_str()
            .is_some_and(|value| ids.contains(value))
    })
}

/// Takes a found Group for the result. Who is not in it may have gone anywhere: a person looks.
fn adopt(mut work: Work<'_>, group: &Value) -> Result<()> {
    let now_ms = work.now_ms();
    work.exchange.accepted_ms = Some(now_ms);
    work.exchange.is_adopted = true;
    work.exchange.go_on(Step::Match, now_ms);
    let body = group.to_string();
    let payload = work.keep(work.next_payload()?, Role::Match, "Group", body.as_bytes())?;
    let mut change = work.change(Event::Adopted);
    change.members = work.moved(State::Accepted)?;
    change.payloads = vec![payload];
    work.apply(change)
}
