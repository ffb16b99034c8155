//! The export: asked for, and looked at until its manifest is there.

use super::kickoff::{hop_headers, took};
use super::pages::{self, Pages};
use super::work::{Work, number_after};
use crate::adapter::{Call, CallResult, Class, ManifestFile, Method, PartnerResponse, export_body};
use crate::exchange::{Event, Reason, State, Step, StoredUrl};
use crate::store::{Payload, Result, Role};
use bytes::Bytes;

pub(super) async fn ask(mut work: Work<'_>) -> Result<()> {
    let event = if work.exchange.is_export_sent {
        Event::ExportRepeated
    } else {
        Event::ExportSent
    };
    work.exchange.is_export_sent = true;
    let change = work.change(event);
    work.apply(change)?;
    let group = work.exchange.group.clone().unwrap_or_default();
    let url = format!(
        "{}/Group/{group}/$davinci-data-export",
        work.client.partner.base
    );
    let mut call = Call::to(Method::Post, url);
    call.headers.extend(hop_headers(&work));
    let (patients, types) = &work.exchange.asked;
    call.body = Bytes::from(export_body(patients, types).to_string());
    let scope = work.client.partner.dialect.data_scope();
    let (seen, class) = work.ask("export", scope, call).await;
    match (&seen, class) {
        (CallResult::Response(answer), Class::Good) => accepted(work, answer),
        (_, class) => work.again(&seen, class),
    }
}

fn accepted(mut work: Work<'_>, answer: &PartnerResponse) -> Result<()> {
    let location = answer
        .content_location
        .as_deref()
        .filter(|_| answer.status == 202);
    let group = work.exchange.group.clone().unwrap_or_default();
    let asked = format!("{}/Group/{group}/$davinci-data-export", work.base());
    let place = location.map(|location| work.stored(&asked, location));
    let Some(place) = place.filter(StoredUrl::is_own) else {
        return work.dead(Reason::NotUnderstood);
    };
    took(&mut work, place, true);
    let now_ms = work.now_ms();
    work.exchange.exporting_ms = work.exchange.exporting_ms.or(Some(now_ms));
    work.exchange.go_on(Step::Manifest, now_ms);
    let mut change = work.change(Event::ExportAccepted);
    if work.exchange.outcome_ms.is_none() {
        change.members = work.moved(State::Accepted)?;
    }
    work.apply_job(change)
}

pub(super) async fn look(mut work: Work<'_>) -> Result<()> {
    let Some(place) = work.exchange.job.clone() else {
        return work.dead(Reason::NotUnderstood);
    };
    let at = place.url(work.origin());
    let call = Call::to(Method::Get, at.clone());
    let scope = work.client.partner.dialect.data_scope();
    let (seen, class) = work.ask("export-status", scope, call).await;
    match (&seen, class) {
        (CallResult::Response(answer), Class::Good) if answer.status == 202 => {
            work.wait(answer, Event::ExportRunning)
        }
        (CallResult::Response(answer), Class::Good) if answer.status == 200 => {
            read(work, answer, &at).await
        }
        (_, class) => work.again(&seen, class),
    }
}

async fn read(mut work: Work<'_>, answer: &PartnerResponse, at: &str) -> Result<()> {
    let scope = work.client.partner.dialect.data_scope();
    let (manifest, pages) = match pages::all(&mut work, answer, at, scope).await {
        Pages::Whole(manifest, pages) => (manifest, pages),
        Pages::Invalid(invalid) => return super::matching::invalid_manifest(work, invalid),
        Pages::Again(seen, class) => return work.again(&seen, class),
    };
    for what in &manifest.drift {
        work.drift(what);
    }
    let mut kept = Vec::new();
    let bodies = std::iter::once(&*answer.body).chain(pages.iter().map(Vec::as_slice));
    for (n, body) in (work.next_payload()?..).zip(bodies) {
        kept.push(work.keep(n, Role::Manifest, "manifest", body)?);
    }
    let first = number_after(&kept);
    let due = |list: &[ManifestFile], role: Role| -> Vec<(Role, ManifestFile)> {
        list.iter().map(|file| (role, file.clone())).collect()
    };
    let mut files = due(&manifest.output, Role::Data);
    files.extend(due(&manifest.errors, Role::Errors));
    let origin = work.origin().to_owned();
    let marked = |url: &str| {
        let place = StoredUrl::of(url, &origin).kept();
        // Whether a token goes along is the manifest's to say, and must survive with the address.
        if manifest.needs_token {
            place
        } else {
            format!("open {place}")
        }
    };
    let due = (first..).zip(files).map(|(n, (role, file))| Payload {
        n,
        role,
        at: marked(&file.url),
        kind: file.kind,
        counted: file.count,
        sha256: None,
        bytes: None,
        is_lost: false,
        purged_ms: None,
    });
    let payloads = kept.into_iter().chain(due).collect();
    let now_ms = work.now_ms();
    work.exchange.go_on(Step::Fetch, now_ms);
    let mut change = work.change(Event::Exported);
    change.payloads = payloads;
    if work.exchange.outcome_ms.is_none() {
        change.members = work.moved(State::InReview)?;
    }
    work.apply(change)
}
