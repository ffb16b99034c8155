//! Kick-offs: what both operations ask first, and the bulk match itself.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::header::CONTENT_LOCATION;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::consent::Disclosure;
use super::outcome::Refusal;
use super::scope::Grant;
use super::{Partner, body, group, limits, matching, token};
use crate::fault::Fault;
use crate::member::REQUESTER_NPI;
use crate::store::{Job, JobFile, JobKind};

/// `POST Group/$bulk-member-match`.
pub(crate) async fn bulk_member_match(
    State(partner): State<Arc<Partner>>,
    request: Request,
) -> Result<Response, Refusal> {
    partner.count(|stats| *stats.kickoffs.entry(JobKind::Match.name()).or_default() += 1);
    if partner.fault() == Some(Fault::SlowHeaders) {
        // Dropped with its connection when the peer gives up first.
        tokio::time::sleep(limits::SLOW_HEADERS).await;
    }
    let client = admit(&partner, request.headers(), Grant::Match)?;
    let parameters = body::json(request).await?;
    let bundles = matching::bundles(&parameters)?;
    let today = partner.clock.today();
    let disclosure = partner.disclosure();
    let decided: Vec<_> = bundles
        .iter()
        .map(|bundle| {
            (
                bundle,
                matching::decide(bundle, &partner.roster, disclosure),
            )
        })
        .collect();
    let groups = group::of_decisions(&partner, &client, &decided, today)?;
    let files = groups
        .iter()
        .map(|(name, body)| JobFile {
            name: format!("{name}.ndjson"),
            kind: "Group".to_owned(),
            count: 1,
            body: format!("{body}\n").into_bytes(),
        })
        .collect::<Vec<_>>();
    let request_url = format!("{}/Group/$bulk-member-match", partner.base_url);
    accept(&partner, client, JobKind::Match, request_url, &files)
}

/// What both kick-offs ask: the faults, the token, `Prefer`, and room for one more job.
pub(crate) fn admit(
    partner: &Partner,
    headers: &HeaderMap,
    grant: Grant,
) -> Result<String, Refusal> {
    refuse_when_told(partner)?;
    let client = token::authorise(partner, headers, grant)?;
    let asynchronous = headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split([',', ';']))
        .any(|part| part.trim().eq_ignore_ascii_case("respond-async"));
    if !asynchronous {
        return Err(Refusal::bad_request(
            "required",
            "the header Prefer: respond-async is needed",
        ));
    }
    let now_ms = partner.clock.now_millis();
    partner
        .store
        .sweep(now_ms - limits::ROWS_KEPT_SECONDS * 1_000)?;
    if partner.store.open_jobs(partner.payer.id, &client, now_ms)? >= limits::JOBS_OPEN_MAX {
        let text = "too many open jobs; release those that are done";
        return Err(Refusal::throttled(limits::THROTTLED_RETRY_SECONDS, text));
    }
    Ok(client)
}

/// Keeps the job and answers 202 with its status URL.
pub(crate) fn accept(
    partner: &Partner,
    client: String,
    kind: JobKind,
    request: String,
    files: &[JobFile],
) -> Result<Response, Refusal> {
    let created_ms = partner.clock.now_millis();
    let ready_ms = created_ms + i64::from(partner.settings.job_ms);
    let job = Job {
        id: uuid::Uuid::new_v4().to_string(),
        client,
        kind,
        request,
        created_ms,
        ready_ms,
        until_ms: ready_ms + limits::FILES_KEPT_SECONDS * 1_000,
        released_ms: None,
    };
    partner.store.keep_job(partner.payer.id, &job, files)?;
    let location = HeaderValue::try_from(partner.status_url(&job.id))
        .map_err(|_| Refusal::internal("the status URL does not fit a header"))?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::ACCEPTED;
    response.headers_mut().insert(CONTENT_LOCATION, location);
    Ok(response)
}

impl Partner {
    /// The status URL of a job.
    pub(crate) fn status_url(&self, job: &str) -> String {
        format!("{}/jobs/{job}", self.base_url)
    }

    /// Who would disclose to whom today.
    pub(crate) fn disclosure(&self) -> Disclosure<'_> {
        Disclosure {
            responder_npi: self.payer.npi,
            requester_npi: REQUESTER_NPI,
            today: self.clock.today(),
        }
    }
}

fn refuse_when_told(partner: &Partner) -> Result<(), Refusal> {
    match partner.fault() {
        Some(Fault::ServerError) => Err(Refusal::internal("told to fail")),
        Some(Fault::Throttled) => Err(Refusal::throttled(
            limits::THROTTLED_RETRY_SECONDS,
            "told to slow clients down",
        )),
        None
        | Some(
            Fault::ConnectionRefused
            | Fault::ResetMidBody
            | Fault::SlowHeaders
            | Fault::SlowBody
            | Fault::TokenRefused
            | Fault::JobNeverCompletes
            | Fault::RecordsMissing
            | Fault::ForeignRecord,
        ) => Ok(()),
    }
}
