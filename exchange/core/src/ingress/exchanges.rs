//! Opening exchanges, looking at them, and calling them off.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State as Of};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use exchange_kit::digest::hex_of_sha256;
use http::header::{CONTENT_LOCATION, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::app_state::AppState;
use super::auth::Session;
use super::json::{self, MemberNames};
use super::problem::{Mistake, Problem};
use super::validate::{self, ExchangeRequest, Parties};
use crate::adapter::Partner;
use crate::exchange::{Exchange, State, Step};
use crate::free_text::{MemberData, TextFault};
use crate::grants::Scope;
use crate::limits::{KEY_BYTES_MAX, MEMBERS_MAX, PAGE_MAX};
use crate::store::{Change, Note, Opened, Opening, Payload, Search, StoreError, fresh, named};

type Answer = Result<Response, Problem>;
type Parameters = Query<BTreeMap<String, String>>;

/// `POST /v1/exchanges`.
pub(super) async fn open(
    Of(state): Of<Arc<AppState>>,
    session: Session,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    session.must(Scope::Write)?;
    let opened = opened(&state, &session, &headers, body);
    if let Err(problem) = &opened {
        state.core.store.count_refused(problem.code)?;
    }
    let (status, exchange) = match opened? {
        Opened::New(exchange) => (StatusCode::ACCEPTED, exchange),
        Opened::Same(exchange) => (StatusCode::OK, exchange),
        Opened::Other => {
            state.core.store.count_refused("key-reused")?;
            let what = "this Idempotency-Key was used for another request";
            let help = "send the same body, or another key";
            return Err(Problem::of(
                StatusCode::UNPROCESSABLE_ENTITY,
                "key-reused",
                what,
                help,
            ));
        }
    };
    state.core.follow();
    state.core.wake();
    let location = format!("/v1/exchanges/{}", exchange.id);
    let manifest = format!("{}{location}/manifest", state.base);
    Ok((
        status,
        [(LOCATION, location), (CONTENT_LOCATION, manifest)],
        Json(seen(&state, &exchange)?),
    )
        .into_response())
}

fn opened(
    state: &AppState,
    session: &Session,
    headers: &HeaderMap,
    body: Bytes,
) -> Result<Opened, Problem> {
    let key = key(headers)?;
    let document: Value = exchange_kit::json::parse(&body).map_err(|error| {
        let what = format!(
            "the body is not JSON, or an object in it has a key twice (line {}, column {})",
            error.line(),
            error.column()
        );
        Problem::of(
            StatusCode::BAD_REQUEST,
            "not-json",
            what,
            "send a JSON object",
        )
    })?;
    let count = document["members"].as_array().map_or(0, Vec::len);
    if count > MEMBERS_MAX {
        let what = format!(
            "there are {count} members, and {MEMBERS_MAX} are the most; nothing was opened"
        );
        let help = "split the batch";
        return Err(Problem::of(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-many-members",
            what,
            help,
        ));
    }
    let partners: BTreeMap<String, &Partner> = state
        .core
        .clients
        .iter()
        .map(|(id, client)| (id.clone(), &client.partner))
        .collect();
    let parties = Parties {
        grant: &session.grant,
        partners: &partners,
    };
    let request = validate::read(&document, &parties).map_err(Problem::mistakes)?;
    if request.bundles.len() > MEMBERS_MAX {
        let what = format!("there are more than {MEMBERS_MAX} cards; nothing was opened");
        return Err(Problem::of(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-many-members",
            what,
            "split the batch",
        ));
    }
    names_nobody(&key, &request)?;
    let people = masked(state, &session.grant.tenant, &request.bundles);
    let opening = Opening {
        exchange: fresh(
            (&session.grant.id, &session.grant.tenant),
            &key,
            request.metadata,
            &state.core.clock,
            state.core.pace,
        ),
        members: named(request.ids, &session.grant.tenant, state.core.store.keys()),
        body_hash: hex_of_sha256(document.to_string().as_bytes()),
        body: Value::from(request.bundles).to_string().into_bytes(),
        notes: vec![Note {
            kind: "request",
            body: json!({"body_sha256": hex_of_sha256(&body), "people": people}),
        }],
        actor: format!("client:{}", session.grant.id),
    };
    Ok(state.core.store.open_exchange(opening)?)
}

/// The key is written into the trail and sent to the partner in clear.
fn names_nobody(key: &str, request: &ExchangeRequest) -> Result<(), Problem> {
    let ids = request.ids.iter().map(String::as_str);
    if MemberData::of(&request.bundles, ids).is_in(key) {
        return Err(Problem::mistakes(vec![Mistake {
            at: "Idempotency-Key".to_owned(),
            what: TextFault::Member.to_string(),
            help: "send a key that is a number or name of your own".to_owned(),
        }]));
    }
    Ok(())
}

/// Who is asked about, as it may be written down.
fn masked(state: &AppState, tenant: &str, bundles: &[Value]) -> Vec<Value> {
    let keys = state.core.store.keys();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    bundles
        .iter()
        .map(|bundle| {
            let patient = &bundle["patient"];
            let name = format!(
                "{} {}",
                text(&patient["name"][0]["given"][0]),
                text(&patient["name"][0]["family"])
            );
            json!({
                "member": keys.member(tenant, &text(&patient["id"])),
                "name": keys.token("name", &name),
                "birth_date": keys.token("birth-date", &text(&patient["birthDate"])),
            })
        })
        .collect()
}

fn key(headers: &HeaderMap) -> Result<String, Problem> {
    let mut keys = headers.get_all("idempotency-key").iter();
    let key = keys.next().and_then(|key| key.to_str().ok());
    let fits = |key: &&str| {
        (1..=KEY_BYTES_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
    };
    match (key.filter(fits), keys.next()) {
        (Some(key), None) => Ok(key.to_owned()),
        (_, _) => {
            let what = "Idempotency-Key is missing, came twice, or is no key";
            let help = format!("send one with 1 to {KEY_BYTES_MAX} visible ASCII characters");
            Err(Problem::of(
                StatusCode::BAD_REQUEST,
                "key-missing",
                what,
                help,
            ))
        }
    }
}

pub(super) fn seen(state: &AppState, exchange: &Exchange) -> Result<Value, Problem> {
    let members = state.core.store.members(&exchange.id)?;
    Ok(json::status(
        exchange,
        &members,
        state.core.pace,
        state.core.clock.now_millis(),
    ))
}

/// The client's own exchange; another client's is reported as not found.
pub(super) fn own(state: &AppState, session: &Session, id: &str) -> Result<Exchange, Problem> {
    let found = state.core.store.exchange(id)?;
    found
        .filter(|one| one.client == session.grant.id)
        .ok_or_else(|| Problem::not_found("exchange"))
}

/// `GET /v1/exchanges/{id}`.
pub(super) async fn status(
    Of(state): Of<Arc<AppState>>,
    session: Session,
    Path(id): Path<String>,
) -> Answer {
    session.must(Scope::Read)?;
    let exchange = own(&state, &session, &id)?;
    Ok(Json(seen(&state, &exchange)?).into_response())
}

/// `GET /v1/exchanges?...`: the client's own, the oldest first.
pub(super) async fn search(
    Of(state): Of<Arc<AppState>>,
    session: Session,
    Query(mut asked): Parameters,
) -> Answer {
    session.must(Scope::Read)?;
    let wanted = match asked.remove("state") {
        Some(name) => Some(State::named(&name).ok_or_else(|| {
            Problem::parameter(
                "state",
                format!("one of: {}", State::ALL.map(State::name).join(", ")),
            )
        })?),
        None => None,
    };
    let limit = number(&mut asked, "limit", 100)?;
    let search = Search {
        client: Some(session.grant.id),
        state: wanted,
        partner: asked.remove("target_payer"),
        correlation: asked.remove("correlation_id"),
        trigger: asked.remove("trigger"),
        after: asked.remove("after"),
        limit: usize::try_from(limit)
            .unwrap_or(PAGE_MAX)
            .clamp(1, PAGE_MAX),
    };
    known(&asked)?;
    let found = state.core.store.search(&search)?;
    let lines: Vec<Value> = found.iter().map(json::line).collect();
    Ok(Json(json!({"exchanges": lines})).into_response())
}

/// A number of a query, which is taken out of it.
pub(super) fn number(
    asked: &mut BTreeMap<String, String>,
    name: &str,
    default: u64,
) -> Result<u64, Problem> {
    asked.remove(name).map_or(Ok(default), |text| {
        let number = text
            .parse()
            .ok()
            .filter(|number| *number <= i64::MAX.unsigned_abs());
        number.ok_or_else(|| Problem::parameter(name, "give a whole number"))
    })
}

/// Refuses what was not taken out of a query: passing it over would answer another question.
pub(super) fn known(rest: &BTreeMap<String, String>) -> Result<(), Problem> {
    match rest.keys().next() {
        Some(name) => {
            let name: String = name.chars().take(40).collect();
            Err(Problem::parameter(
                &name,
                "leave it out; see GET /v1/openapi.json",
            ))
        }
        None => Ok(()),
    }
}

/// `GET /v1/exchanges/{id}/result`: 409 before there is a verdict.
pub(super) async fn result(
    Of(state): Of<Arc<AppState>>,
    session: Session,
    Path(id): Path<String>,
) -> Answer {
    session.must(Scope::Read)?;
    let exchange = own(&state, &session, &id)?;
    if !exchange.state.is_terminal() {
        let what = format!("the exchange is {}", exchange.state.name());
        let help = "look at its status until it is terminal";
        return Err(Problem::of(StatusCode::CONFLICT, "not-yet", what, help));
    }
    let members = state.core.store.members(&id)?;
    let payloads = state.core.store.payloads(&id)?;
    receive(&state, &session, &exchange, None)?;
    let result = json::result(&exchange, &members, &payloads, MemberNames::Ids);
    Ok(Json(result).into_response())
}

/// Notes that the client was given a payload, or the result.
pub(super) fn receive(
    state: &AppState,
    session: &Session,
    exchange: &Exchange,
    sha256: Option<&str>,
) -> Result<(), Problem> {
    let actor = format!("client:{}", session.grant.id);
    let now_ms = state.core.clock.now_millis();
    let store = &state.core.store;
    match store.note_receipt(exchange, sha256, (&actor, now_ms)) {
        // What was kept may be read although nothing can be written any more.
        Err(StoreError::Broken(_) | StoreError::Full) => Ok(()),
        noted => Ok(noted?),
    }
}

/// `GET /v1/exchanges/{id}/payloads/{sha256}`: as it was received.
pub(super) async fn payload(
    Of(state): Of<Arc<AppState>>,
    session: Session,
    Path((id, sha256)): Path<(String, String)>,
) -> Answer {
    session.must(Scope::Read)?;
    let exchange = own(&state, &session, &id)?;
    let payloads = state.core.store.payloads(&id)?;
    if !json::may_have(&exchange, &payloads, &sha256) {
        return Err(Problem::not_found("payload"));
    }
    let is_purged = |one: &Payload| one.purged_ms.is_some() && one.sha256.as_ref() == Some(&sha256);
    if payloads.iter().any(is_purged) {
        return Err(Problem::purged());
    }
    let bytes = tokio::task::block_in_place(|| {
        let kept = std::fs::read(state.core.store.blob(&sha256)).ok();
        kept.filter(|bytes| hex_of_sha256(bytes) == sha256)
    });
    let bytes = bytes.ok_or_else(|| {
        tracing::error!(exchange = %id, "a kept payload is gone or changed");
        let what = "the payload is not what was received any more";
        let help = "the operator of the core must put a good copy back";
        Problem::of(
            StatusCode::INTERNAL_SERVER_ERROR,
            "payload-damaged",
            what,
            help,
        )
    })?;
    receive(&state, &session, &exchange, Some(&sha256))?;
    Ok((
        [(CONTENT_TYPE, json::media_type(&payloads, &sha256))],
        bytes,
    )
        .into_response())
}

/// `POST /v1/exchanges/{id}/follow-up`: asks for what is missing, and for nothing else, now.
pub(super) async fn follow_up(
    Of(state): Of<Arc<AppState>>,
    session: Session,
    Path(id): Path<String>,
) -> Answer {
    session.must(Scope::Write)?;
    let mut exchange = own(&state, &session, &id)?;
    let can = exchange.state == State::PartiallyCompleted
        && exchange.group.is_some()
        && !exchange.missing.is_empty();
    let payloads = state.core.store.payloads(&exchange.id)?;
    if payloads.iter().any(|one| one.purged_ms.is_some()) {
        return Err(Problem::purged());
    }
    if !can {
        let what = "nothing is missing that could be asked for";
        let help = "see missing in the result";
        return Err(Problem::of(
            StatusCode::CONFLICT,
            "nothing-missing",
            what,
            help,
        ));
    }
    let now_ms = state.core.clock.now_millis();
    if exchange.step == Step::Done {
        exchange.deadline_ms = state
            .core
            .pace
            .deadline(exchange.metadata.criticality, state.core.clock.now());
        exchange.follow_up(now_ms);
    } else {
        exchange.due_ms = Some(now_ms);
    }
    let change = Change::record_only(exchange)
        .by(&format!("client:{}", session.grant.id))
        .note(
            "decision",
            json!({"about": "follow-up", "action": "asked for by the client"}),
        );
    let exchange = state.core.store.apply(change)?;
    state.core.wake();
    Ok((StatusCode::ACCEPTED, Json(seen(&state, &exchange)?)).into_response())
}

/// `POST /v1/callbacks/{id}`: a partner says that there is something to look at. What it says is not believed: we
/// look, at once. Who knows the address may call.
pub(super) async fn callback(Of(state): Of<Arc<AppState>>, Path(id): Path<String>) -> Answer {
    let found = state.core.store.called_back(&id)?;
    let exchange = found.ok_or_else(|| Problem::not_found("callback"))?;
    if matches!(exchange.step, Step::Match | Step::Manifest) {
        let actor = format!("partner:{}", exchange.metadata.target_payer);
        let now_ms = state.core.clock.now_millis();
        if state.core.store.hasten(&exchange, &actor, now_ms)? {
            state.core.wake();
        }
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `GET /v1/events?after=N`: CloudEvents, one a line, the oldest first.
pub(super) async fn events(
    Of(state): Of<Arc<AppState>>,
    session: Session,
    Query(mut asked): Parameters,
) -> Answer {
    session.must(Scope::Events)?;
    let after = number(&mut asked, "after", 0)?;
    let limit = number(&mut asked, "limit", 1_000)?;
    known(&asked)?;
    let limit = usize::try_from(limit)
        .unwrap_or(PAGE_MAX)
        .clamp(1, PAGE_MAX);
    let events = state
        .core
        .store
        .events(Some(&session.grant.tenant), after, limit)?;
    let text: String = events.iter().map(|(_, body)| format!("{body}\n")).collect();
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], text).into_response())
}
