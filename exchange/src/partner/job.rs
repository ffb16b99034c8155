//! The status of a job, and its release.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SecondsFormat, Utc};
use http::header::{CONTENT_TYPE, EXPIRES, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::outcome::Refusal;
use super::scope::Grant;
use super::{Partner, token};
use crate::fault::Fault;
use crate::store::{Job, JobKind};

/// `GET jobs/{job}`: 202 while it runs, then 200 with the manifest.
pub(crate) async fn status(
    State(partner): State<Arc<Partner>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let job = owned(&partner, &id, &headers)?;
    partner.count(|stats| stats.polls += 1);
    let now_ms = partner.clock.now_millis();
    let stuck = job.kind == JobKind::Match && partner.fault() == Some(Fault::JobNeverCompletes);
    if stuck || now_ms < job.ready_ms {
        // Whole seconds, never 0: a client that obeys must not spin.
        let seconds = if stuck {
            1
        } else {
            ((job.ready_ms - now_ms + 999) / 1_000).max(1)
        };
        let headers = [
            (RETRY_AFTER.as_str(), seconds.to_string()),
            ("x-progress", "in progress".to_owned()),
        ];
        return Ok((StatusCode::ACCEPTED, headers).into_response());
    }
    let manifest = manifest(&partner, &job)?;
    let headers = [
        (CONTENT_TYPE, "application/json".to_owned()),
        (
            EXPIRES,
            httpdate::fmt_http_date(UNIX_EPOCH + since_epoch(job.until_ms)),
        ),
    ];
    Ok((headers, manifest.to_string()).into_response())
}

/// `DELETE jobs/{job}`: 202; from then on the job is unknown.
pub(crate) async fn release(
    State(partner): State<Arc<Partner>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let job = owned(&partner, &id, &headers)?;
    partner.store.release(&job.id, partner.clock.now_millis())?;
    partner.count(|stats| stats.deletes += 1);
    Ok(StatusCode::ACCEPTED.into_response())
}

/// The client's own job that is neither released nor over; another's is as good as none.
pub(crate) fn owned(partner: &Partner, id: &str, headers: &HeaderMap) -> Result<Job, Refusal> {
    let client = token::authorise(partner, headers, Grant::MatchResult)?;
    let job = partner
        .store
        .job(partner.payer.id, id)?
        .filter(|job| job.client == client && job.released_ms.is_none())
        .ok_or_else(|| Refusal::not_found("job"))?;
    match job.kind {
        JobKind::Match => {}
        JobKind::Export => {
            token::authorise(partner, headers, Grant::Data)?;
        }
    }
    if partner.clock.now_millis() > job.until_ms {
        return Err(Refusal::gone("the job's files are no longer kept"));
    }
    Ok(job)
}

fn manifest(partner: &Partner, job: &Job) -> Result<Value, Refusal> {
    let status_url = partner.status_url(&job.id);
    let output: Vec<Value> = partner
        .store
        .files(&job.id)?
        .into_iter()
        .map(|file| {
            json!({
                "type": file.kind,
                "url": format!("{status_url}/files/{}", file.name),
                "count": file.count,
            })
        })
        .collect();
    Ok(json!({
        "transactionTime": rfc3339(job.created_ms),
        "request": job.request,
        "requiresAccessToken": true,
        "output": output,
        "error": [],
    }))
}

/// A stored time as an instant with milliseconds, in UTC.
pub(crate) fn rfc3339(millis: i64) -> String {
    DateTime::<Utc>::from_timestamp_millis(millis)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Millis, true)
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
    use crate::partner::bench::Bench;
    use crate::partner::scope::BULK_MEMBER_MATCH;
    use crate::partner::{export, kickoff, limits};

    /// Every member of the set, as one match request.
    fn match_body(bench: &Bench) -> Value {
        let bundles: Vec<Value> = member_set(bench.partner.payer, "s", 7, 12)
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

    fn request(headers: &HeaderMap, body: &Value) -> Request {
        let mut request = Request::new(Body::from(body.to_string()));
        *request.headers_mut() = headers.clone();
        request
    }

    /// Kicks a match off; the job's id.
    async fn matched(bench: &Bench, headers: &HeaderMap) -> String {
        let request = request(headers, &match_body(bench));
        let response = kickoff::bulk_member_match(State(Arc::clone(&bench.partner)), request)
            .await
            .unwrap();
        last_segment(&response)
    }

    fn last_segment(response: &Response) -> String {
        let location = response.headers()["content-location"].to_str().unwrap();
        location.rsplit('/').next().unwrap().to_owned()
    }

    async fn status_of(bench: &Bench, id: &str, headers: &HeaderMap) -> u16 {
        let path = Path(id.to_owned());
        match status(State(Arc::clone(&bench.partner)), path, headers.clone()).await {
            Ok(response) => response.status().as_u16(),
            Err(refusal) => refusal.status.as_u16(),
        }
    }

    #[tokio::test]
    async fn a_job_runs_is_done_and_is_released_for_its_owner_only() {
        let bench = Bench::new();
        let own = bench.bearer("outrider", BULK_MEMBER_MATCH);
        let rival = bench.bearer("rival", BULK_MEMBER_MATCH);
        let id = matched(&bench, &own).await;
        assert_eq!(status_of(&bench, &id, &own).await, 202);
        bench.partner.clock.advance(200);
        assert_eq!(status_of(&bench, &id, &own).await, 200);
        assert_eq!(status_of(&bench, &id, &rival).await, 404);
        assert_eq!(status_of(&bench, "made-up", &own).await, 404);
        bench.partner.set_fault(Some(Fault::JobNeverCompletes));
        assert_eq!(status_of(&bench, &id, &own).await, 202);
        bench.partner.set_fault(None);
        let path = Path(id.clone());
        let released = release(State(Arc::clone(&bench.partner)), path, own.clone()).await;
        assert_eq!(released.unwrap().status(), 202);
        assert_eq!(status_of(&bench, &id, &own).await, 404);
        let late = matched(&bench, &own).await;
        bench
            .partner
            .clock
            .advance((limits::FILES_KEPT_SECONDS + 1) * 1_000);
        assert_eq!(status_of(&bench, &late, &own).await, 410);
    }

    /// The lines of an export's Patient file; nothing when there is no such file.
    async fn exported_patients(bench: &Bench, group: &str) -> usize {
        let data = bench.bearer("outrider", "system/*.rs");
        let request = request(&data, &json!({"resourceType": "Parameters"}));
        let path = Path(group.to_owned());
        let response = export::kick_off(State(Arc::clone(&bench.partner)), path, request)
            .await
            .unwrap();
        let files = bench.partner.store.files(&last_segment(&response)).unwrap();
        files
            .iter()
            .find(|file| file.kind == "Patient")
            .map_or(0, |file| file.count)
    }

    #[tokio::test]
    async fn consents_are_judged_again_at_export() {
        let bench = Bench::new();
        let own = bench.bearer("outrider", BULK_MEMBER_MATCH);
        let id = matched(&bench, &own).await;
        let files = bench.partner.store.files(&id).unwrap();
        assert_eq!(files.len(), 3);
        let body = bench
            .partner
            .store
            .file_body(&id, "matched.ndjson")
            .unwrap()
            .unwrap();
        let group: Value = serde_json::from_slice(&body).unwrap();
        let group = group["id"].as_str().unwrap();
        assert_eq!(exported_patients(&bench, group).await, 9);
        // Past the end of every consent; the group itself is swept only by age, so keep it young.
        let years = 10 * 365 * 86_400_000;
        bench.partner.clock.advance(years);
        let stale = bench
            .partner
            .store
            .group("keystone", group)
            .unwrap()
            .unwrap();
        let now_ms = bench.partner.clock.now_millis();
        bench.partner.store.reset("keystone").unwrap();
        bench
            .partner
            .store
            .keep_group("keystone", &stale, now_ms)
            .unwrap();
        assert_eq!(exported_patients(&bench, group).await, 0);
    }

    #[tokio::test]
    async fn refusals_are_operation_outcomes() {
        let bench = Bench::new();
        let nobody = HeaderMap::new();
        let path = Path("made-up".to_owned());
        let outcome = status(State(Arc::clone(&bench.partner)), path, nobody).await;
        let response = outcome.unwrap_err().into_response();
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()["content-type"], "application/fhir+json");
        assert!(response.headers().contains_key("www-authenticate"));
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["resourceType"], "OperationOutcome");
    }
}
