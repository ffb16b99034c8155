//! The match: looked at until it is there, read in whichever of the three shapes, and accounted for.

use exchange_kit::pdex::Bucket;
use serde_json::{Value, json};

use super::fetch::get;
use super::pages::{self, Pages};
use super::work::{Work, in_memory, number_after};
use crate::adapter::{
    Call, CallResult, Class, InvalidDocument, Manifest, ManifestFile, MatchResult, Method,
    PartnerResponse, Shape, document, documents, link,
};
use crate::exchange::{Event, Member, Reason, State, Step};
use crate::store::{Payload, Result, Role};

pub(super) async fn run(mut work: Work<'_>) -> Result<()> {
    let Some(place) = work.exchange.job.clone() else {
        return at_once(work);
    };
    let at = place.url(work.origin());
    let call = Call::to(Method::Get, at.clone());
    let scope = work.client.partner.dialect.match_scope();
    let (seen, class) = work.ask("match-status", scope, call).await;
    match (&seen, class) {
        (CallResult::Response(answer), Class::Good) if answer.status == 202 => {
            work.wait(answer, Event::Running)
        }
        (CallResult::Response(answer), Class::Good) if answer.status == 200 => {
            read(work, answer, &at).await
        }
        (_, class) => work.again(&seen, class),
    }
}

/// The result that came with the answer to the kick-off.
fn at_once(work: Work<'_>) -> Result<()> {
    let payloads = work.core.store.payloads(&work.exchange.id)?;
    let own = payloads.iter().find(|one| one.role == Role::Match);
    let sha256 = own.and_then(|one| one.sha256.clone()).unwrap_or_default();
    let text = std::fs::read(work.core.store.blob(&sha256))?;
    let document: Value = document(&text).unwrap_or_default();
    let result = if work.exchange.is_adopted {
        // Found by search: what it is says nothing of how the partner answers.
        MatchResult::of_groups(work.client.partner.dialect.shape, [&document], work.base())
    } else {
        MatchResult::of_parameters(Shape::Inline, &document, work.base())
    };
    match result {
        Ok(result) => took(work, result, Vec::new()),
        Err(unreadable) => self::unreadable(work, unreadable),
    }
}

/// Reads the manifest and the files of the result.
async fn read(mut work: Work<'_>, answer: &PartnerResponse, at: &str) -> Result<()> {
    let document: Value = document(&answer.body).unwrap_or_default();
    let first = work.next_payload()?;
    let mut payloads = vec![work.keep(first, Role::Match, "manifest", &answer.body)?];
    if !Manifest::is_one(&document) {
        return match MatchResult::of_parameters(Shape::Inline, &document, work.base()) {
            Ok(result) => took(work, result, payloads),
            Err(unreadable) => self::unreadable(work, unreadable),
        };
    }
    let scope = work.client.partner.dialect.match_scope();
    let (manifest, pages) = match pages::all(&mut work, answer, at, scope).await {
        Pages::Whole(manifest, pages) => (manifest, pages),
        Pages::Invalid(invalid) => return invalid_manifest(work, invalid),
        Pages::Again(seen, class) => return work.again(&seen, class),
    };
    for body in &pages {
        let n = number_after(&payloads);
        payloads.push(work.keep(n, Role::Match, "manifest", body)?);
    }
    for what in &manifest.drift {
        work.drift(what);
    }
    let of = |kind: &str| -> Vec<ManifestFile> {
        let own = manifest.output.iter().filter(|file| file.kind == kind);
        own.cloned().collect()
    };
    let (groups, parameters) = (of("Group"), of("Parameters"));
    let shape = match (groups.is_empty(), parameters.is_empty()) {
        (false, true) => Shape::Groups,
        (false, false) => Shape::Both,
        (true, _) => Shape::Parameters,
    };
    let mut lines = Vec::new();
    for file in if groups.is_empty() {
        &parameters
    } else {
        &groups
    } {
        let (seen, class) = fetch(&mut work, &manifest, file).await;
        let answer = match (&seen, class) {
            (CallResult::Response(answer), Class::Good) => answer,
            (CallResult::Response(answer), Class::Gone) if answer.status == 404 => {
                let what = "a file of the manifest is not where the manifest says";
                return invalid_manifest(work, InvalidDocument(what));
            }
            (_, class) => return work.again(&seen, class),
        };
        let n = number_after(&payloads);
        payloads.push(work.keep(n, Role::Match, &file.kind, &answer.body)?);
        match documents(&answer.body) {
            Some(more) => lines.extend(more),
            None => {
                return self::unreadable(work, InvalidDocument("a line of the result is no JSON"));
            }
        }
    }
    let result = match shape {
        Shape::Groups | Shape::Both => MatchResult::of_groups(shape, &lines, work.base()),
        Shape::Parameters | Shape::Inline => match lines.as_slice() {
            [one] => MatchResult::of_parameters(shape, one, work.base()),
            [] | [_, _, ..] => Err(InvalidDocument("there is not one Parameters resource")),
        },
    };
    match result {
        Ok(result) => took(work, result, payloads),
        Err(unreadable) => self::unreadable(work, unreadable),
    }
}

async fn fetch(
    work: &mut Work<'_>,
    manifest: &Manifest,
    file: &ManifestFile,
) -> (CallResult, Class) {
    let call = Call::to(Method::Get, file.url.clone());
    let scope = work.client.partner.dialect.match_scope();
    let token = manifest.needs_token.then_some(scope);
    get(work, "match-file", token, call, in_memory).await
}

/// An answer that cannot be read: ours to look at.
pub(super) fn unreadable(mut work: Work<'_>, unreadable: InvalidDocument) -> Result<()> {
    work.note(
        "decision",
        json!({"about": "match result", "unreadable": unreadable.0}),
    );
    work.dead(Reason::NotUnderstood)
}

/// A manifest that names nothing that can be fetched: the partner's, and not a refusal.
pub(super) fn invalid_manifest(mut work: Work<'_>, invalid: InvalidDocument) -> Result<()> {
    work.note(
        "decision",
        json!({"about": "manifest", "unreadable": invalid.0}),
    );
    work.dead(Reason::InvalidManifest)
}

/// Accounts for every member: each one that was sent must be in the result once, and no other person may be.
pub(super) fn took(mut work: Work<'_>, result: MatchResult, payloads: Vec<Payload>) -> Result<()> {
    let dialect = work.client.partner.dialect;
    if result.shape != dialect.shape {
        let what = format!(
            "result came as {}, not as {}",
            result.shape.name(),
            dialect.shape.name()
        );
        work.drift(&what);
    }
    let bundles = work.core.store.request(&work.exchange.id)?;
    let bundles = bundles.as_array().cloned().unwrap_or_default();
    let (tied, loose) = link(
        result.found,
        &bundles,
        &work.core.rules,
        work.core.clock.today(),
    );
    let mut members = work.core.store.members(&work.exchange.id)?;
    let is_short = tied.len() < members.len() && !work.exchange.is_adopted;
    if !loose.is_empty() || is_short {
        let decision = json!({"about": "accounting", "sent": members.len(), "tied": tied.len(), "strangers": loose.len()});
        work.note("decision", decision);
        let review = work.for_review(None, Reason::NotAccountedFor);
        return work.end(Event::Failed, Reason::NotAccountedFor, vec![review]);
    }
    for one in tied {
        if let Some(member) = members.get_mut(one.n) {
            member.bucket = Some(one.found.bucket);
            member.patient = one.found.patient;
            member.tied_by = Some(one.by);
        }
    }
    let reviews = members
        .iter_mut()
        .filter_map(|member| judged(member).map(|reason| (member.clone(), reason)))
        .map(|(member, reason)| work.for_review(Some(&member), reason))
        .collect();
    let now_ms = work.now_ms();
    let is_anybody = members
        .iter()
        .any(|member| member.bucket == Some(Bucket::Match));
    if let Some(group) = &result.group {
        work.core
            .store
            .know_group(&work.client.partner.id, group, &work.exchange.id)?;
    }
    work.exchange.group = result.group;
    work.exchange.matched_ms = Some(now_ms);
    work.exchange.job = None;
    work.exchange.asked = (Vec::new(), work.exchange.metadata.types.clone());
    work.exchange.go_on(
        if is_anybody {
            Step::Export
        } else {
            Step::Outcome
        },
        now_ms,
    );
    let mut change = work.change(Event::Matched);
    change.members = members;
    change.payloads = payloads;
    change.reviews = reviews;
    work.apply(change)
}

/// Moves a member by its bucket; the reason when a person must look.
fn judged(member: &mut Member) -> Option<Reason> {
    let (state, reason) = match member.bucket {
        Some(Bucket::Match) => (State::InReview, None),
        Some(Bucket::NoMatch) => (State::Failed, Some(Reason::NoMatch)),
        Some(Bucket::ConsentConstraint) => (State::Failed, Some(Reason::ConsentConstrained)),
        None => (State::Failed, Some(Reason::NotInFoundGroup)),
    };
    member.state = state;
    member.reason = reason;
    // A missing consent is an answer; an unknown person may be our mistake.
    reason.filter(|reason| *reason != Reason::ConsentConstrained)
}
