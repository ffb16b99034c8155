//! The status of a job, and its release.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use http::StatusCode;
use http::header::{CONTENT_TYPE, EXPIRES, RETRY_AFTER};
use serde::Deserialize;
use serde_json::{Value, json};

use super::headers::Caller;
use super::outcome::{Refusal, TooMuch};
use super::scope::Grant;
use super::state::{Partner, lock};
use super::token;
use crate::persona::{
    DeleteStyle, ExpiredStyle, ExpiresStyle, PartialStyle, RetryAfterStyle, StatusPlace, TokenRule,
};
use crate::store::{FileList, Job, JobFile, JobKind};
use exchange_kit::clock::rfc3339;

/// The job in a query.
#[derive(Deserialize)]
pub(crate) struct JobQuery {
    #[serde(rename = "_jobId")]
    job: String,
}

/// `GET` of a status address with the job in the query.
pub(crate) async fn status_by_query(
    state: State<Arc<Partner>>,
    Query(by): Query<JobQuery>,
    caller: Caller,
) -> Result<Response, Refusal> {
    status(state, Path(by.job), caller).await
}

/// `DELETE` of a status address with the job in the query.
pub(crate) async fn release_by_query(
    state: State<Arc<Partner>>,
    Query(by): Query<JobQuery>,
    caller: Caller,
) -> Result<Response, Refusal> {
    release(state, Path(by.job), caller).await
}

/// `GET` of a status address: 202 while the job runs, then 200 with the manifest.
pub(crate) async fn status(
    State(partner): State<Arc<Partner>>,
    Path(id): Path<String>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let job = owned(&partner, &id, &caller)?;
    let now_ms = partner.clock.now_millis();
    lock(&partner.polls)
        .one_more(&job.id, now_ms)
        .map_err(|seconds| Refusal::too_much(TooMuch::Polls(seconds), "polled too often"))?;
    partner.count(|stats| stats.polls += 1);
    if now_ms < job.ready_ms {
        let headers = [
            (
                RETRY_AFTER.as_str(),
                partner.retry_after(job.ready_ms - now_ms),
            ),
            ("x-progress", "in progress".to_owned()),
        ];
        return Ok((StatusCode::ACCEPTED, headers).into_response());
    }
    let mut response = (
        [(CONTENT_TYPE, "application/json")],
        manifest(&partner, &job)?.to_string(),
    )
        .into_response();
    if let Some(expires) = expires(partner.behaviour().expires, job.until_ms) {
        let value = http::HeaderValue::try_from(expires)
            .map_err(|_| Refusal::internal("Expires does not fit a header"))?;
        response.headers_mut().insert(EXPIRES, value);
    }
    Ok(response)
}

/// `DELETE` of a status address, as the persona has it.
pub(crate) async fn release(
    State(partner): State<Arc<Partner>>,
    Path(id): Path<String>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let job = owned(&partner, &id, &caller)?;
    match partner.behaviour().delete {
        DeleteStyle::Releases => released(&partner, &job),
        DeleteStyle::RunningOnly if partner.clock.now_millis() < job.ready_ms => {
            released(&partner, &job)
        }
        DeleteStyle::RunningOnly => Err(Refusal::not_found("running job")),
        DeleteStyle::Elsewhere => Err(Refusal::method()),
    }
}

/// The cancel address of its own, where a persona has one.
pub(crate) async fn cancel(
    State(partner): State<Arc<Partner>>,
    Path(id): Path<String>,
    caller: Caller,
) -> Result<Response, Refusal> {
    released(&partner, &owned(&partner, &id, &caller)?)
}

fn released(partner: &Partner, job: &Job) -> Result<Response, Refusal> {
    partner.store.release(&job.id, partner.clock.now_millis())?;
    partner.count(|stats| stats.deletes += 1);
    Ok(StatusCode::ACCEPTED.into_response())
}

/// The client's own job that is neither released nor over; another's is as good as none.
pub(crate) fn owned(partner: &Partner, id: &str, caller: &Caller) -> Result<Job, Refusal> {
    let session = token::session(partner, caller)?;
    // To look at a job, one of the two rights is needed whichever job it is.
    if session.must(Grant::MatchResult).is_err() {
        session.must(Grant::SomeData)?;
    }
    let job = partner
        .store
        .job(partner.payer.id, id)?
        .filter(|job| job.client == session.client || partner.has_issued(&job.id, &session.client))
        .ok_or_else(|| Refusal::not_found("job"))?;
    match job.kind {
        JobKind::Match => session.must(Grant::MatchResult)?,
        JobKind::Export => session.must(Grant::SomeData)?,
    }
    kept(partner, job)
}

/// The job of a file that needs no token: who knows its id may have it.
pub(crate) fn open_to_all(partner: &Partner, id: &str) -> Result<Option<Job>, Refusal> {
    let Some(job) = partner.store.job(partner.payer.id, id)? else {
        return Ok(None);
    };
    if needs_token(partner, job.kind) {
        return Ok(None);
    }
    kept(partner, job).map(Some)
}

/// The job, while it is neither released nor over.
fn kept(partner: &Partner, job: Job) -> Result<Job, Refusal> {
    if job.released_ms.is_some() {
        return Err(Refusal::not_found("job"));
    }
    if partner.clock.now_millis() > job.until_ms {
        return Err(match partner.behaviour().expired {
            ExpiredStyle::NotFound => Refusal::not_found("job"),
            ExpiredStyle::Gone => Refusal::gone("the job's files are no longer kept"),
        });
    }
    Ok(job)
}

fn needs_token(partner: &Partner, kind: JobKind) -> bool {
    match (partner.behaviour().token, kind) {
        (TokenRule::Always, _) | (TokenRule::DataOnly, JobKind::Export) => true,
        (TokenRule::DataOnly, JobKind::Match) | (TokenRule::Never, _) => false,
    }
}

fn manifest(partner: &Partner, job: &Job) -> Result<Value, Refusal> {
    let files = partner.store.files(&job.id)?;
    let listed = |list: FileList| -> Vec<Value> {
        let own = files.iter().filter(|file| file.list == list);
        own.map(|file| partner.file_entry(job, file)).collect()
    };
    let mut manifest = json!({
        "transactionTime": rfc3339(job.created_ms),
        "request": job.request,
        "requiresAccessToken": needs_token(partner, job.kind),
        "output": listed(FileList::Output),
    });
    match partner.behaviour().partial {
        PartialStyle::Never => manifest["error"] = json!(listed(FileList::Error)),
        PartialStyle::Silent => {}
    }
    Ok(manifest)
}

impl Partner {
    /// The status URL of a job.
    pub(crate) fn status_url(&self, job: &str) -> String {
        let base = &self.base_url;
        match self.behaviour().status {
            StatusPlace::Path => format!("{base}/jobs/{job}"),
            StatusPlace::Query => format!("{base}/$export-poll-status?_jobId={job}"),
            StatusPlace::Operation => format!("{base}/Group/$bulk-member-match-status/{job}"),
        }
    }

    fn file_entry(&self, job: &Job, file: &JobFile) -> Value {
        json!({
            "type": file.kind,
            "url": format!("{}/jobs/{}/files/{}", self.base_url, job.id, file.name),
            "count": file.count,
        })
    }

    /// `Retry-After` of a job that needs `left_ms` more: whole seconds, never 0, since a client that obeys
    /// must not spin; or what the persona says instead.
    pub(crate) fn retry_after(&self, left_ms: i64) -> String {
        match self.behaviour().retry_after {
            RetryAfterStyle::Remaining => ((left_ms + 999) / 1_000).max(1).to_string(),
            RetryAfterStyle::Fixed(seconds) => seconds.to_string(),
            RetryAfterStyle::EpochMillis => (self.clock.now_millis() + left_ms).to_string(),
        }
    }
}

/// The text of `Expires`, if there is one.
fn expires(style: ExpiresStyle, until_ms: i64) -> Option<String> {
    let at = DateTime::<Utc>::from_timestamp_millis(until_ms).unwrap_or_default();
    match style {
        ExpiresStyle::HttpDate => Some(httpdate::fmt_http_date(UNIX_EPOCH + since_epoch(until_ms))),
        ExpiresStyle::GoTime => Some(at.format("%Y-%m-%d %H:%M:%S%.9f +0000 UTC").to_string()),
        ExpiresStyle::Absent => None,
    }
}

fn since_epoch(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::Request;
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::member::member_set;
    use crate::partner::scope::BULK_MEMBER_MATCH;
    use crate::partner::test_support::TestPartner;
    use crate::partner::{bulk, export};

    /// Every member of the set, as one match request.
    fn match_body(test: &TestPartner) -> Value {
        let bundles: Vec<Value> = member_set(test.partner.payer, "s", 7, 12)
            .members
            .into_iter()
            .map(|member| {
                json!({"name": "MemberBundle", "part": [
                    {"name": "MemberPatient", "resource": member.request.patient},
                    {"name": "CoverageToMatch", "resource": member.request.coverage_to_match},
                    {"name": "Consent", "resource": member.request.consent},
                ]})
            })
            .collect();
        json!({"resourceType": "Parameters", "parameter": bundles})
    }

    fn request(caller: &Caller, body: &Value) -> Request {
        let mut request = Request::new(Body::from(body.to_string()));
        *request.headers_mut() = caller.headers.clone();
        request
    }

    /// Kicks a match off; the job's id.
    async fn matched(test: &TestPartner, headers: &Caller) -> String {
        let request = request(headers, &match_body(test));
        let response = bulk::bulk_member_match(State(Arc::clone(&test.partner)), request)
            .await
            .unwrap();
        last_segment(&response)
    }

    fn last_segment(response: &Response) -> String {
        let location = response.headers()["content-location"].to_str().unwrap();
        location.rsplit('/').next().unwrap().to_owned()
    }

    async fn status_of(test: &TestPartner, id: &str, headers: &Caller) -> u16 {
        let path = Path(id.to_owned());
        match status(State(Arc::clone(&test.partner)), path, headers.clone()).await {
            Ok(response) => response.status().as_u16(),
            Err(refusal) => refusal.status.as_u16(),
        }
    }

    #[tokio::test]
    async fn a_job_runs_is_done_and_is_released_for_its_owner_only() {
        let test = TestPartner::new();
        let own = test.bearer("outrider", BULK_MEMBER_MATCH);
        let rival = test.bearer("rival", BULK_MEMBER_MATCH);
        let id = matched(&test, &own).await;
        assert_eq!(status_of(&test, &id, &own).await, 202);
        test.partner.clock.advance(200);
        assert_eq!(status_of(&test, &id, &own).await, 200);
        assert_eq!(status_of(&test, &id, &rival).await, 404);
        assert_eq!(status_of(&test, "made-up", &own).await, 404);
        let path = Path(id.clone());
        let released = release(State(Arc::clone(&test.partner)), path, own.clone()).await;
        assert_eq!(released.unwrap().status(), 202);
        assert_eq!(status_of(&test, &id, &own).await, 404);
        let late = matched(&test, &own).await;
        test.partner
            .clock
            .advance((test.partner.behaviour().kept_seconds + 1) * 1_000);
        assert_eq!(status_of(&test, &late, &own).await, 404);
    }

    /// The lines of an export's Patient file; nothing when there is no such file.
    async fn exported_patients(test: &TestPartner, group: &str) -> u64 {
        let data = test.bearer("outrider", "system/*.rs");
        let request = request(&data, &json!({"resourceType": "Parameters"}));
        let path = Path(group.to_owned());
        let response = export::data_export(State(Arc::clone(&test.partner)), path, request)
            .await
            .unwrap();
        let files = test.partner.store.files(&last_segment(&response)).unwrap();
        files
            .iter()
            .find(|file| file.kind == "Patient")
            .map_or(0, |file| file.count)
    }

    #[tokio::test]
    async fn consents_are_judged_again_at_export() {
        let test = TestPartner::new();
        let own = test.bearer("outrider", BULK_MEMBER_MATCH);
        let id = matched(&test, &own).await;
        let files = test.partner.store.files(&id).unwrap();
        assert_eq!(files.len(), 3);
        let body = test
            .partner
            .store
            .piece(&id, "matched.ndjson", 0)
            .unwrap()
            .unwrap();
        let group: Value = serde_json::from_slice(&body).unwrap();
        let group = group["id"].as_str().unwrap();
        assert_eq!(exported_patients(&test, group).await, 9);
        // Past the end of every consent; the group itself is swept only by age, so keep it young.
        let years = 10 * 365 * 86_400_000;
        test.partner.clock.advance(years);
        let stale = test
            .partner
            .store
            .group("keystone", group)
            .unwrap()
            .unwrap();
        let now_ms = test.partner.clock.now_millis();
        test.partner.store.reset("keystone").unwrap();
        test.partner
            .store
            .keep_group("keystone", &stale, now_ms)
            .unwrap();
        assert_eq!(exported_patients(&test, group).await, 0);
    }

    #[tokio::test]
    async fn refusals_are_operation_outcomes() {
        let test = TestPartner::new();
        let nobody = Caller::default();
        let path = Path("made-up".to_owned());
        let outcome = status(State(Arc::clone(&test.partner)), path, nobody).await;
        let response = outcome.unwrap_err().into_response();
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()["content-type"], "application/fhir+json");
        assert!(response.headers().contains_key("www-authenticate"));
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["resourceType"], "OperationOutcome");
    }
}
