//! `POST /v1/identity/resolve|explain|decide|replay` and `GET /v1/identity/kpis`, on the control listener.
//!
//! That listener is plain HTTP on loopback and asks for no token: whoever may run a program on this machine may
//! ask. No message repeats what a request says of a person.

use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use chrono::NaiveDate;
use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::compare::compare;
use super::decide::{judge, to_verify};
use super::explain;
use super::keep::KeepError;
use super::normalise;
use super::person::Person;
use super::record::{ALTERNATES_MAX, CELL_BYTES_MAX, Written};
use super::resolve::CANDIDATES_MAX;
use super::rules::{self, Rules, Sensitivity};
use super::service::{Decided, Question, REPLAY_MAX, Shared};
use super::verdict::{Proposal, Refusal};

/// Largest request body, in bytes; more is answered with 413.
pub const BODY_BYTES_MAX: usize = 512 * 1024;
/// Longest name of a cohort.
const COHORT_BYTES_MAX: usize = 64;

/// What the service will not or cannot do.
#[derive(Debug)]
struct Problem {
    status: StatusCode,
    problems: Vec<(String, String)>,
}

impl Problem {
    fn of(status: StatusCode, error: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            status,
            problems: vec![(error.into(), help.into())],
        }
    }

    fn wrong(error: impl Into<String>, help: impl Into<String>) -> Self {
        Self::of(StatusCode::UNPROCESSABLE_ENTITY, error, help)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (error, help) = self.problems.first().cloned().unwrap_or_default();
        let problems: Vec<Value> = self
            .problems
            .iter()
            .map(|(error, help)| json!({"error": error, "cure": help}))
            .collect();
        let body = json!({"error": error, "cure": help, "problems": problems});
        (self.status, Json(body)).into_response()
    }
}

impl From<KeepError> for Problem {
    fn from(error: KeepError) -> Self {
        tracing::error!(%error, "the identity service failed");
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self::of(status, error.to_string(), "look at the exchange's log")
    }
}

type Answer = Result<Json<Value>, Problem>;
/// A body, or why it is not read to its end.
type Body = Result<Bytes, BytesRejection>;

/// The routes.
pub fn router(service: Shared) -> Router {
    Router::new()
        .route("/v1/identity/resolve", post(resolve))
        .route("/v1/identity/explain", post(explain_one))
        .route("/v1/identity/decide", post(decide))
        .route("/v1/identity/replay", post(replay))
        .route("/v1/identity/kpis", get(kpis))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(service)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resolve {
    person: Written,
    candidates: Vec<Written>,
    #[serde(default)]
    sensitivity: Option<String>,
    #[serde(default)]
    exhausted: bool,
    #[serde(default)]
    expected: Option<Expected>,
}

/// The candidate that is right; none when `candidate` is null.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    candidate: Option<String>,
}

async fn resolve(State(service): State<Shared>, body: Body) -> Answer {
    let shape = r#"send {"person": {"given": "...", "family": "...", "birth_date": "1980-12-31", ...}, "candidates": [{"id": "...", ...}], "sensitivity": "regular"}; people have the columns of the files"#;
    let asked: Resolve = read(body, shape)?;
    if asked.candidates.len() > CANDIDATES_MAX {
        let error = format!("there are more than {CANDIDATES_MAX} candidates");
        return Err(Problem::of(
            StatusCode::PAYLOAD_TOO_LARGE,
            error,
            "narrow them down by birth date first",
        ));
    }
    let mut ids: Vec<&str> = asked.candidates.iter().map(|one| one.id.as_str()).collect();
    ids.sort_unstable();
    if ids.first().is_some_and(|id| id.is_empty()) || ids.windows(2).any(|pair| pair[0] == pair[1])
    {
        return Err(Problem::wrong(
            "two candidates share an id, or one has none",
            "give every candidate an `id` of its own",
        ));
    }
    let mut problems = Vec::new();
    let today = service.today();
    let person = meant("person", &asked.person, today, &mut problems);
    let candidates: Vec<Person> = asked
        .candidates
        .iter()
        .enumerate()
        .map(|(place, one)| meant(&format!("candidates[{place}]"), one, today, &mut problems))
        .collect();
    let sensitivity = sensitivity(asked.sensitivity.as_deref());
    let cohort = cohort(&asked.person.cohort);
    let (sensitivity, cohort) = match (sensitivity, cohort) {
        (Ok(sensitivity), Ok(cohort)) if problems.is_empty() => (sensitivity, cohort),
        (sensitivity, cohort) => {
            problems.extend(sensitivity.err());
            problems.extend(cohort.err());
            return Err(Problem {
                status: StatusCode::UNPROCESSABLE_ENTITY,
                problems,
            });
        }
    };
    let question = Question {
        person,
        candidates,
        ids: asked.candidates.into_iter().map(|one| one.id).collect(),
        sensitivity,
        cohort,
        exhausted: asked.exhausted,
        expected: asked.expected.map(|expected| expected.candidate),
    };
    Ok(Json(service.resolve(&question)?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Explain {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    person: Option<Written>,
    #[serde(default)]
    candidate: Option<Written>,
    #[serde(default)]
    sensitivity: Option<String>,
}

async fn explain_one(State(service): State<Shared>, body: Body) -> Answer {
    let shape = r#"send {"id": "<id of a decision>"} or {"person": {...}, "candidate": {...}}"#;
    let asked: Explain = read(body, shape)?;
    match (asked.id, asked.person, asked.candidate) {
        (Some(id), None, None) => {
            let kept = service.kept(&id)?;
            let kept = kept.ok_or_else(|| {
                let help = "resolve answers with the id; the oldest decisions are forgotten";
                Problem::of(
                    StatusCode::NOT_FOUND,
                    "there is no decision of that id",
                    help,
                )
            })?;
            Ok(Json(kept))
        }
        (None, Some(person), Some(candidate)) => {
            let mut problems = Vec::new();
            let today = service.today();
            let person = meant("person", &person, today, &mut problems);
            let candidate = meant("candidate", &candidate, today, &mut problems);
            let sensitivity = match sensitivity(asked.sensitivity.as_deref()) {
                Ok(sensitivity) if problems.is_empty() => sensitivity,
                other => {
                    problems.extend(other.err());
                    return Err(Problem {
                        status: StatusCode::UNPROCESSABLE_ENTITY,
                        problems,
                    });
                }
            };
            let rules = service.active();
            let evidence = compare(&person, &candidate);
            let judged = judge(
                rules,
                rules.thresholds(sensitivity),
                rules.vector(&evidence),
            );
            let mut explanation = explain::pair(rules, sensitivity, &evidence, &judged);
            explanation["settled_by"] = Value::from(to_verify(&judged.vector));
            Ok(Json(explanation))
        }
        _ => Err(Problem::wrong("there is nothing to explain", shape)),
    }
}

async fn decide(State(service): State<Shared>, body: Body) -> Answer {
    let shape = r#"send {"id": "<id of a decision>", "decision": "match", "by": "...", "note": "...", "identifier": {"system": "...", "person": "...", "candidate": "..."}}"#;
    let proposal: Proposal = read(body, shape)?;
    match service.decide(&proposal)? {
        Decided::Kept(answer) => Ok(Json(answer)),
        Decided::Refused(refusal) => {
            let status = match refusal {
                Refusal::NotInReview => StatusCode::CONFLICT,
                Refusal::Word
                | Refusal::Author
                | Refusal::NeedsIdentifier
                | Refusal::NoIdentifier
                | Refusal::Disagrees => StatusCode::UNPROCESSABLE_ENTITY,
            };
            Err(Problem::of(status, refusal.to_string(), refusal.help()))
        }
        Decided::Before => Err(Problem::of(
            StatusCode::CONFLICT,
            "somebody has decided this before",
            "explain shows who and why",
        )),
        Decided::Unknown => Err(Problem::of(
            StatusCode::NOT_FOUND,
            "there is no decision of that id",
            "resolve answers with the id; the oldest decisions are forgotten",
        )),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Replay {
    /// A rules file's text.
    rules: String,
    #[serde(default)]
    after: i64,
    #[serde(default)]
    limit: Option<usize>,
}

async fn replay(State(service): State<Shared>, body: Body) -> Answer {
    let shape = r#"send {"rules": "<text of a rules file>", "after": 0, "limit": 1000}"#;
    let asked: Replay = read(body, shape)?;
    let rules: Rules = rules::read("rules", &asked.rules).map_err(|complaints| Problem {
        status: StatusCode::UNPROCESSABLE_ENTITY,
        problems: complaints
            .list()
            .iter()
            .map(|one| (format!("{}: {}", one.place, one.what), one.help.clone()))
            .collect(),
    })?;
    let limit = asked.limit.unwrap_or(REPLAY_MAX);
    // Thousands of decisions are judged again: not on a thread that serves others.
    let replayed = tokio::task::spawn_blocking(move || service.replay(&rules, asked.after, limit));
    match replayed.await {
        Ok(diff) => Ok(Json(diff?)),
        Err(error) => Err(Problem::of(
            StatusCode::INTERNAL_SERVER_ERROR,
            error.to_string(),
            "look at the exchange's log",
        )),
    }
}

async fn kpis(State(service): State<Shared>) -> Json<Value> {
    Json(service.kpis())
}

/// The body as it is asked for. What serde says of it could repeat a name, and is reduced to a place.
fn read<T: DeserializeOwned>(body: Body, shape: &str) -> Result<T, Problem> {
    let body = body.map_err(|rejection| {
        let error = format!("the body cannot be read, or has more than {BODY_BYTES_MAX} bytes");
        Problem::of(rejection.status(), error, shape)
    })?;
    serde_json::from_slice(&body).map_err(|error| {
        let what = if error.is_data() {
            "says something else than asked for"
        } else {
            "is not JSON"
        };
        let (line, column) = (error.line(), error.column());
        Problem::wrong(
            format!("the body {what} (line {line}, column {column})"),
            shape,
        )
    })
}

/// The person that is meant; what is wrong goes to `problems`.
fn meant(
    name: &str,
    written: &Written,
    today: NaiveDate,
    problems: &mut Vec<(String, String)>,
) -> Person {
    let long = written
        .cells()
        .iter()
        .any(|cell| cell.len() > CELL_BYTES_MAX);
    let mut alternates = written.alternates.iter();
    let alternates_long =
        alternates.any(|one| one.system.len() > CELL_BYTES_MAX || one.value.len() > CELL_BYTES_MAX);
    if long || alternates_long {
        let what = format!("{name}: a value is longer than {CELL_BYTES_MAX} bytes");
        problems.push((what, "shorten it".to_owned()));
        return Person::default();
    }
    if written.alternates.len() > ALTERNATES_MAX {
        let what = format!("{name}: there are more than {ALTERNATES_MAX} alternates");
        problems.push((what, "send the newest".to_owned()));
        return Person::default();
    }
    normalise::person(written, today).unwrap_or_else(|error| {
        let help = "write it as 1980-12-31, or leave it out".to_owned();
        problems.push((format!("{name}: birth_date {error}"), help));
        Person::default()
    })
}

fn sensitivity(word: Option<&str>) -> Result<Sensitivity, (String, String)> {
    let Some(word) = word else {
        return Ok(Sensitivity::Regular);
    };
    Sensitivity::named(word).ok_or_else(|| {
        let known = Sensitivity::ALL.map(Sensitivity::name).join(", ");
        (
            "there is no such sensitivity".to_owned(),
            format!("one of: {known}"),
        )
    })
}

fn cohort(word: &str) -> Result<String, (String, String)> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    match word {
        "" => Ok("all".to_owned()),
        word if word.len() <= COHORT_BYTES_MAX && word.chars().all(plain) => Ok(word.to_owned()),
        _ => Err((
            "the cohort is not a plain name".to_owned(),
            "use up to 64 letters, digits, - _ and .".to_owned(),
        )),
    }
}
