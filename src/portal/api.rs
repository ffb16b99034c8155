//! JSON for machines.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use outrider_domain::config::{self, QueryMistake};
use outrider_domain::model::names::WATCHDOG;
use outrider_domain::model::{Deed, DocketRequest, JourneyId, PartnerId, ProbeId, Refusal};
use outrider_domain::view;
use serde_json::{Value, json};

use super::document::Document;
use super::handle::{Handle, RefusedText};

/// Runs in one answer, at most.
const RUNS_MAX: u32 = 1_000;
/// Runs in an answer to a query that names no limit.
const RUNS_DEFAULT: u32 = 50;
/// Entries of the action log in one answer, at most, and where no limit is given.
const ACTIONS_MAX: u32 = 1_000;
const ACTIONS_DEFAULT: u32 = 50;

fn away() -> Response {
    problem(
        StatusCode::SERVICE_UNAVAILABLE,
        "the agent does not answer",
        "look at /readyz and its log",
    )
}

fn problem(status: StatusCode, error: &str, help: &str) -> Response {
    (status, Json(view::problem_json(error, help))).into_response()
}

/// What a viewer hears who may not do something. Where they may not even know of it, the answer is that to a path that
/// there is not.
fn refused(why: Refusal) -> Response {
    match why {
        Refusal::Hidden => StatusCode::NOT_FOUND.into_response(),
        Refusal::Role(needed) => {
            let help = format!("make one: outrider token new --role {needed}");
            let error = format!("that takes a token with the role {needed}");
            problem(StatusCode::FORBIDDEN, &error, &help)
        }
        Refusal::NoToken => {
            let scheme = [(header::WWW_AUTHENTICATE, "Bearer realm=\"outrider\"")];
            let help = "send `authorization: Bearer …` with the token in the file that ends in .token next to the \
                        ledger; `outrider resume` finds it by itself";
            let answer = problem(StatusCode::UNAUTHORIZED, "that takes a token", help);
            (scheme, answer).into_response()
        }
    }
}

pub(super) async fn partners(handle: Handle) -> Response {
    match handle.overview().await {
        Some(overview) => Json(view::overview_json(&overview)).into_response(),
        None => away(),
    }
}

/// Parameters of a query in the order in which they came.
type Parameters = Result<Query<Vec<(String, String)>>, QueryRejection>;

pub(super) async fn runs(handle: Handle, query: Parameters) -> Response {
    let Ok(Query(parameters)) = query else {
        return unreadable();
    };
    let pairs = parameters.iter();
    let pairs = pairs.map(|(name, value)| (name.as_str(), value.as_str()));
    let filter = match config::run_filter(pairs, handle.now(), RUNS_DEFAULT, RUNS_MAX) {
        Ok(filter) => filter,
        Err(why) => return mistake(StatusCode::BAD_REQUEST, &why),
    };
    match handle.runs(filter).await {
        Some(Ok(page)) => {
            // A page of a thousand runs takes milliseconds: not on the thread that keeps the schedule.
            let text = tokio::task::spawn_blocking(move || view::runs_json(&page).to_string());
            match text.await {
                Ok(text) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
                Err(_) => away(),
            }
        }
        Some(Err(why)) if handle.sees_one_partner() => mistake(StatusCode::NOT_FOUND, &why),
        Some(Err(why)) => mistake(StatusCode::BAD_REQUEST, &why),
        None => away(),
    }
}

/// Refuses a request with parameters where a path takes none: nobody should believe that they chose something.
pub(super) async fn refuse_parameters(request: Request, next: Next) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let name = query.split(['&', '=']).find(|name| !name.is_empty());
    match name {
        Some(name) => mistake(StatusCode::BAD_REQUEST, &config::no_parameters(name)),
        None => next.run(request).await,
    }
}

fn unreadable() -> Response {
    problem(
        StatusCode::BAD_REQUEST,
        "the query cannot be read",
        "write name=value, joined by &",
    )
}

fn mistake(status: StatusCode, why: &QueryMistake) -> Response {
    let told = json!({
        "error": format!("{}: {}", why.parameter, why.message),
        "cure": why.help,
        "parameter": why.parameter,
        "known": why.known,
    });
    (status, Json(told)).into_response()
}

pub(super) async fn run(handle: Handle, Path(run): Path<String>) -> Response {
    match handle.run(run).await {
        Some(Some(found)) => {
            let mut whole = view::run_whole(Some(found.seq), &found.run);
            whole["asides"] = found
                .follow_up_runs
                .iter()
                .map(view::follow_up_run_json)
                .collect();
            Json(whole).into_response()
        }
        Some(None) => problem(StatusCode::NOT_FOUND, "no such run", "look at /v1/runs"),
        None => away(),
    }
}

/// The last entries of the action log.
pub(super) async fn actions(handle: Handle, query: Parameters) -> Response {
    if let Err(refusal) = handle.may(Deed::ReadAll) {
        return refused(refusal);
    }
    let Ok(Query(parameters)) = query else {
        return unreadable();
    };
    let pairs = parameters.iter();
    let pairs = pairs.map(|(name, value)| (name.as_str(), value.as_str()));
    let filter = config::action_filter(pairs, handle.now(), ACTIONS_DEFAULT, ACTIONS_MAX);
    let filter = match filter {
        Ok(filter) => filter,
        Err(why) => return mistake(StatusCode::BAD_REQUEST, &why),
    };
    match handle.actions(filter).await {
        Some(Ok(actions)) => Json(view::actions_json(&actions)).into_response(),
        Some(Err(refusal)) => refused(refusal),
        None => away(),
    }
}

pub(super) async fn resume(handle: Handle, sent: Result<Document, StatusCode>) -> Response {
    if let Err(refusal) = handle.may(Deed::Resume) {
        return refused(refusal);
    }
    let texts = sent.map(|document| {
        let texts = document.texts(["partner", "journey", "by", "note"]);
        texts.map(|texts| texts.map(str::to_owned))
    });
    let [partner, journey, by, note] = match texts {
        Ok(Some(texts)) => texts,
        Ok(None) => return unread_resume(StatusCode::UNPROCESSABLE_ENTITY),
        Err(status) => return unread_resume(status),
    };
    let probe = ProbeId {
        partner: PartnerId::new(partner),
        journey: JourneyId::new(journey),
    };
    let resumed = handle.resume(probe.clone(), by, note);
    match resumed.await {
        Some(Ok(Ok(true))) => Json(json!({"resumed": probe.to_string()})).into_response(),
        Some(Ok(Ok(false))) => problem(
            StatusCode::NOT_FOUND,
            "that journey is not paused",
            "look at /v1/partners",
        ),
        Some(Ok(Err(RefusedText { field, fault }))) => problem(
            StatusCode::UNPROCESSABLE_ENTITY,
            &format!("`{field}` {fault}"),
            "say in one line who resumes and why, without data of members",
        ),
        Some(Err(refusal)) => refused(refusal),
        None => away(),
    }
}

fn unread_resume(status: StatusCode) -> Response {
    let help = "send one JSON object with the texts partner, journey, by and note, each once, and nothing else";
    problem(status, "the request cannot be read", help)
}

/// Adds to the docket of a partner.
pub(super) async fn docket(handle: Handle, sent: Result<Document, StatusCode>) -> Response {
    if let Err(refusal) = handle.may(Deed::Record) {
        return refused(refusal);
    }
    let wish = sent.and_then(|document| {
        let wish = document.read::<DocketRequest>();
        wish.ok_or(StatusCode::UNPROCESSABLE_ENTITY)
    });
    let wish = match wish {
        Ok(wish) => wish,
        Err(status) => {
            let help = "send it with `outrider incident`, `exclusion`, `dispute` or `report`";
            return problem(status, "the request cannot be read", help);
        }
    };
    match handle.docket(wish).await {
        Some(Ok(Ok(number))) => Json(json!({"recorded": number})).into_response(),
        Some(Ok(Err(why))) => problem(
            StatusCode::UNPROCESSABLE_ENTITY,
            &why.to_string(),
            "nothing was recorded",
        ),
        Some(Err(refusal)) => refused(refusal),
        None => away(),
    }
}

/// The public halves of the keys that we sign with (RFC 7517).
pub(super) async fn keys(handle: Handle) -> Response {
    // A partner that keeps them this long still has a new key before the old one is forgotten.
    let head = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "max-age=300"),
    ];
    match handle.keys().await {
        Some(keys) => (head, keys.to_string()).into_response(),
        None => away(),
    }
}

/// The watchdog came back: agent → Prometheus → Alertmanager → agent.
pub(super) async fn watchdog(handle: Handle, sent: Result<Document, StatusCode>) -> Response {
    if let Err(refusal) = handle.may(Deed::Watchdog) {
        return refused(refusal);
    }
    let notification = match sent {
        Ok(notification) => notification,
        Err(status) => {
            let help = "let Alertmanager send it, as the generated alertmanager.yml says";
            return problem(status, "that is no notification of alerts", help);
        }
    };
    let is_watchdog = |alert: &Value| alert["labels"]["alertname"] == WATCHDOG;
    let is_firing = notification.text("status") == Some("firing");
    if !is_firing || !notification.list("alerts").iter().any(is_watchdog) {
        return problem(
            StatusCode::UNPROCESSABLE_ENTITY,
            "that is no firing watchdog",
            "route only OutriderWatchdog here, as the generated alertmanager.yml does",
        );
    }
    match handle.watchdog().await {
        Some(Ok(())) => StatusCode::NO_CONTENT.into_response(),
        Some(Err(refusal)) => refused(refusal),
        None => away(),
    }
}
