//! Kick-offs: the checks that all of them share, and the job that they create.

use axum::body::Body;
use axum::response::Response;
use http::header::CONTENT_LOCATION;
use http::{HeaderValue, StatusCode};

use super::consent::Disclosure;
use super::headers::{self, Caller};
use super::limits;
use super::outcome::{Refusal, TooMuch};
use super::scope::Grant;
use super::state::{Partner, lock};
use super::token::{self, Session};
use crate::fault::Operation;
use crate::persona::JobReuse;
use crate::store::{Claim, FileWriter, IdempotencyKey, Job, JobFile, JobKind};

/// The checks of every kick-off: the token, `Prefer`, and the number of open jobs.
pub(crate) fn admit(
    partner: &Partner,
    caller: &Caller,
    grant: Grant<'_>,
) -> Result<Session, Refusal> {
    let session = token::authorise(partner, caller, grant)?;
    check_new_job(partner, caller, &session)?;
    Ok(session)
}

/// Checks `Prefer` and the number of open jobs.
pub(crate) fn check_new_job(
    partner: &Partner,
    caller: &Caller,
    session: &Session,
) -> Result<(), Refusal> {
    if !headers::prefers_async(&caller.headers) {
        return Err(Refusal::bad_request(
            "required",
            "the header Prefer: respond-async is needed",
        ));
    }
    let now_ms = partner.clock.now_millis();
    let before_ms = now_ms - limits::ROWS_KEPT_SECONDS * 1_000;
    partner.store.sweep(before_ms)?;
    let open = partner
        .store
        .open_jobs(partner.payer.id, &session.client, now_ms)?;
    if open >= usize::try_from(partner.settings.jobs_open_max).unwrap_or(usize::MAX) {
        let text = "too many open jobs; release those that are done";
        return Err(too_many_jobs(text));
    }
    Ok(())
}

/// 429, or what the persona says instead.
pub(crate) fn too_many_jobs(text: &str) -> Refusal {
    Refusal::too_much(TooMuch::Jobs(limits::THROTTLED_RETRY_SECONDS), text)
}

/// A request that creates a job.
pub(crate) struct JobRequest<'a> {
    pub(crate) session: &'a Session,
    pub(crate) operation: Operation,
    /// `Idempotency-Key`.
    pub(crate) key: Option<String>,
    /// SHA-256 of the request's content.
    pub(crate) hash: String,
    pub(crate) kind: JobKind,
    /// The requested URL, for the manifest.
    pub(crate) request: String,
}

/// Answers 202 with the job of this request: the earlier job when the client repeats its key, else a new one
/// with the files that `make` writes. The same key with another request is 422.
pub(crate) fn answer(
    partner: &Partner,
    job_request: JobRequest<'_>,
    make: impl FnOnce(FileWriter<'_>) -> Result<Vec<JobFile>, Refusal>,
) -> Result<Response, Refusal> {
    let reuse = match (&job_request.key, partner.behaviour().reuse) {
        (Some(key), _) => Some(format!("key {key}")),
        (None, JobReuse::SameQuestion) => Some(format!("question {}", job_request.hash)),
        (None, JobReuse::ByKey) => None,
    };
    let Some(key) = reuse else {
        let job = job(partner, &job_request);
        keep(partner, &job, make)?;
        return accepted(partner, &job.id);
    };
    // Two at once with one key: the second finds what the first has made.
    let _one_at_a_time = lock(&partner.kickoff_lock);
    let key = IdempotencyKey {
        partner: partner.payer.id,
        client: &job_request.session.client,
        operation: job_request.operation.name(),
        key: &key,
    };
    match partner.store.claim(key, partner.clock.now_millis())? {
        Some(claim) if claim.hash == job_request.hash => accepted(partner, &claim.job),
        Some(_) => Err(Refusal::unprocessable(
            "duplicate",
            "this Idempotency-Key was used for another request",
        )),
        None => {
            let job = job(partner, &job_request);
            keep(partner, &job, make)?;
            let claim = Claim {
                hash: job_request.hash,
                job: job.id.clone(),
            };
            partner.store.keep_claim(key, &claim, job.until_ms)?;
            accepted(partner, &job.id)
        }
    }
}

fn job(partner: &Partner, job_request: &JobRequest<'_>) -> Job {
    let created_ms = partner.clock.now_millis();
    let ready_ms = created_ms + i64::from(partner.settings.job_ms);
    Job {
        id: uuid::Uuid::new_v4().to_string(),
        client: job_request.session.client.clone(),
        kind: job_request.kind,
        request: job_request.request.clone(),
        created_ms,
        ready_ms,
        until_ms: ready_ms + partner.behaviour().kept_seconds * 1_000,
        released_ms: None,
    }
}

fn keep(
    partner: &Partner,
    job: &Job,
    make: impl FnOnce(FileWriter<'_>) -> Result<Vec<JobFile>, Refusal>,
) -> Result<(), Refusal> {
    let files = make(FileWriter::new(&partner.store, &job.id))?;
    Ok(partner.store.keep_job(partner.payer.id, job, &files)?)
}

fn accepted(partner: &Partner, job: &str) -> Result<Response, Refusal> {
    let location = HeaderValue::try_from(partner.status_url(job))
        .map_err(|_| Refusal::internal("the status URL does not fit a header"))?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::ACCEPTED;
    response.headers_mut().insert(CONTENT_LOCATION, location);
    Ok(response)
}

impl Partner {
    /// Whether a fault has issued another client's job to this one.
    pub(crate) fn has_issued(&self, job: &str, client: &str) -> bool {
        lock(&self.issued).contains(&(job.to_owned(), client.to_owned()))
    }

    /// The parties and date of a disclosure to this requester today.
    pub(crate) fn disclosure(&self, requester_npi: &'static str) -> Disclosure<'_> {
        Disclosure {
            responder_npi: self.payer.npi,
            requester_npi,
            today: self.clock.today(),
            rule: self.behaviour().consent,
        }
    }
}
