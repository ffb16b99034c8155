//! JSON for machines.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, Request};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use outrider_domain::config::{self, QueryMistake};
use outrider_domain::model::names::WATCHDOG;
use outrider_domain::model::{Deed, DocketWish, JourneyId, PartnerId, ProbeId, Refusal};
use outrider_domain::view;
use serde::Deserialize;
use serde_json::json;

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

#[derive(Debug, Deserialize)]
pub(super) struct ResumeRequest {
    partner: String,
    journey: String,
    #[serde(default)]
    by: String,
    #[serde(default)]
    note: String,
}

pub(super) async fn resume(
    handle: Handle,
    request: Result<Json<ResumeRequest>, JsonRejection>,
) -> Response {
    if let Err(refusal) = handle.may(Deed::Resume) {
        return refused(refusal);
    }
    let request = match request {
        Ok(Json(request)) => request,
        Err(why) => {
            let help = "send JSON with partner, journey, by and note";
            return problem(why.status(), "the request cannot be read", help);
        }
    };
    let probe = ProbeId {
        partner: PartnerId::new(request.partner),
        journey: JourneyId::new(request.journey),
    };
    let resumed = handle.resume(probe.clone(), request.by, request.note);
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

/// Adds to the docket of a partner.
pub(super) async fn docket(
    handle: Handle,
    wish: Result<Json<DocketWish>, JsonRejection>,
) -> Response {
    if let Err(refusal) = handle.may(Deed::Record) {
        return refused(refusal);
    }
    let wish = match wish {
        Ok(Json(wish)) => wish,
        Err(why) => {
            let help = "send it with `outrider incident`, `exclusion`, `dispute` or `report`";
            return problem(why.status(), "the request cannot be read", help);
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

/// What Alertmanager sends to a webhook, as far as it matters here.
#[derive(Debug, Deserialize)]
pub(super) struct Notification {
    status: String,
    alerts: Vec<Notified>,
}

#[derive(Debug, Deserialize)]
struct Notified {
    labels: BTreeMap<String, String>,
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
pub(super) async fn watchdog(
    handle: Handle,
    notification: Result<Json<Notification>, JsonRejection>,
) -> Response {
    if let Err(refusal) = handle.may(Deed::Watchdog) {
        return refused(refusal);
    }
    let told = match notification {
        Ok(Json(told)) => told,
        Err(why) => {
            let help = "let Alertmanager send it, as the generated alertmanager.yml says";
            return problem(why.status(), "that is no notification of alerts", help);
        }
    };
    let is_watchdog = |one: &Notified| {
        let name = one.labels.get("alertname").map(String::as_str);
        name == Some(WATCHDOG)
    };
    if told.status != "firing" || !told.alerts.iter().any(is_watchdog) {
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
