//! The outcome: reads every kept file once and gives each member a verdict.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufWriter, Write as _};

use exchange_kit::pdex::Bucket;
use serde_json::json;

use super::work::{Work, number_after};
use crate::adapter::{Expected, ExportContent, Reading, has_errors, is_type};
use crate::exchange::{Event, Member, Missing, Reason, State, Step, Why, fold};
use crate::limits::{FOLLOW_UPS_MAX, MISSING_MAX};
use crate::store::{Payload, Result, Role};

pub(super) fn run(mut work: Work<'_>) -> Result<()> {
    let mut members = work.core.store.members(&work.exchange.id)?;
    let payloads = work.core.store.payloads(&work.exchange.id)?;
    let matched: BTreeSet<String> = members
        .iter()
        .filter_map(|one| one.patient.clone())
        .collect();
    let mut missing = Vec::new();
    let mut index = Vec::new();
    let sum = sum(&work, &payloads, &matched, &mut missing, &mut index)?;
    let failed = |why: Why| {
        missing
            .iter()
            .map(|one| u64::from(one.why == why))
            .sum::<u64>()
    };
    work.exchange.unreadable_files += failed(Why::Unreadable);
    work.exchange.short_files += failed(Why::FewerLinesThanCounted);
    if !sum.unmatched_patients.is_empty() {
        return quarantine(work, sum.unmatched_patients.len());
    }
    work.exchange.checked_files = number_after(&payloads);
    let owner = owners(&members);
    for (patient, kind, id) in sum.lost() {
        if is_wanted(&work, &kind) {
            missing.push(Missing {
                member: owner.get(&patient).cloned(),
                record: Some(format!("{kind}/{id}")),
                kind: Some(kind),
                why: Why::NamedByProvenance,
            });
        }
    }
    if sum.count() > 0 && sum.with_provenance.is_empty() && is_wanted(&work, "Provenance") {
        missing.push(Missing {
            member: None,
            kind: Some("Provenance".to_owned()),
            record: None,
            why: Why::NoProvenance,
        });
    }
    if sum.corrected > 0 {
        work.note(
            "decision",
            json!({"about": "corrections", "records": sum.corrected, "action": "the newer version counts"}),
        );
    }
    judge(&work, &mut members, &sum, &mut missing);
    missing.sort();
    let lost = u64::try_from(missing.len()).unwrap_or(u64::MAX);
    work.exchange.missing_count = lost;
    work.exchange.score_milli = Some(score(sum.count(), lost));
    let index = keep_index(&work, &payloads, &index)?;
    verdict(work, members, missing, index)
}

/// Completeness in thousandths: what came, of what came and what is missing.
fn score(came: u64, lost: u64) -> u32 {
    let all = came.saturating_add(lost);
    let milli = came.saturating_mul(1_000).checked_div(all).unwrap_or(1_000);
    u32::try_from(milli).unwrap_or(1_000)
}

fn is_wanted(work: &Work<'_>, kind: &str) -> bool {
    let types = &work.exchange.metadata.types;
    types.is_empty() || types.iter().any(|one| one == kind)
}

/// The key of the member to whom the partner's Patient belongs; the first of several cards.
fn owners(members: &[Member]) -> BTreeMap<String, String> {
    let mut owners = BTreeMap::new();
    for member in members {
        if let Some(patient) = &member.patient {
            owners
                .entry(patient.clone())
                .or_insert_with(|| member.key.clone());
        }
    }
    owners
}

fn sum(
    work: &Work<'_>,
    payloads: &[Payload],
    matched: &BTreeSet<String>,
    missing: &mut Vec<Missing>,
    index: &mut Vec<u8>,
) -> Result<ExportContent> {
    let mut sum = ExportContent::default();
    let whole = |kind: &str, why| Missing {
        member: None,
        kind: Some(kind.to_owned()),
        record: None,
        why,
    };
    // A later export replaces what an earlier one could not deliver.
    let last = payloads
        .iter()
        .filter(|one| one.role == Role::Manifest)
        .map(|one| one.n)
        .max();
    for payload in payloads
        .iter()
        .filter(|one| matches!(one.role, Role::Data | Role::Errors))
    {
        let is_last = Some(payload.n) > last;
        let Some(sha256) = &payload.sha256 else {
            if is_last {
                missing.push(whole(&payload.kind, Why::FileLost));
            }
            continue;
        };
        if payload.role == Role::Errors {
            if is_last && has_errors(&work.core.store.blob(sha256))? {
                missing.push(whole("OperationOutcome", Why::ManifestError));
            }
            continue;
        }
        let mut own = BufWriter::new(&mut *index);
        writeln!(own, "{}", json!({"payload": sha256, "type": payload.kind}))?;
        let reading = sum.read(
            &work.core.store.blob(sha256),
            Expected {
                kind: &payload.kind,
                base: work.base(),
                matched,
            },
            &mut own,
        )?;
        own.flush()?;
        if is_last {
            missing.extend(gaps(payload, &reading).map(|why| whole(&payload.kind, why)));
        }
    }
    Ok(sum)
}

/// What a file lacks according to its manifest.
fn gaps(payload: &Payload, reading: &Reading) -> impl Iterator<Item = Why> {
    let is_short = payload
        .counted
        .is_some_and(|counted| reading.lines + reading.unreadable < counted);
    let short = is_short.then_some(Why::FewerLinesThanCounted);
    let is_bad = reading.unreadable > 0 || reading.unowned > 0 || reading.of_other_type > 0;
    let bad = is_bad.then_some(Why::Unreadable);
    short.into_iter().chain(bad)
}

/// Gives every matched member a verdict.
fn judge(work: &Work<'_>, members: &mut [Member], sum: &ExportContent, missing: &mut Vec<Missing>) {
    let is_patient_due = is_wanted(work, "Patient");
    let of_nobody = missing.iter().any(|one| one.member.is_none());
    // The announced files are gone: it does not mean that a member opted out.
    let is_gone = sum.count() == 0 && missing.iter().any(|one| one.why == Why::FileLost);
    // Nor does it when nothing of what came can be read.
    let is_unread = sum.count() == 0 && missing.iter().any(|one| one.why == Why::Unreadable);
    let named: BTreeSet<String> = missing
        .iter()
        .filter_map(|one| one.member.clone())
        .collect();
    for member in members
        .iter_mut()
        .filter(|one| one.bucket == Some(Bucket::Match))
    {
        let patient = member.patient.clone().unwrap_or_default();
        member.records = sum.by_patient.get(&patient).cloned().unwrap_or_default();
        let nothing = member.records.is_empty() && is_patient_due;
        let (state, reason) = if nothing {
            missing.push(Missing {
                member: Some(member.key.clone()),
                kind: None,
                record: None,
                why: Why::NothingCame,
            });
            if is_gone {
                (State::Expired, Reason::Expired)
            } else if is_unread {
                (State::PartiallyCompleted, Reason::MissingFiles)
            } else {
                (State::Failed, Reason::AbsentAtExport)
            }
        } else if is_patient_due && !member.records.contains_key("Patient") {
            missing.push(Missing {
                member: Some(member.key.clone()),
                kind: Some("Patient".to_owned()),
                record: None,
                why: Why::NoPatient,
            });
            (State::PartiallyCompleted, Reason::MissingRecords)
        } else if named.contains(&member.key) {
            (State::PartiallyCompleted, Reason::MissingRecords)
        } else if of_nobody && named.is_empty() {
            // A file is missing, and nothing says whose records were in it.
            (State::PartiallyCompleted, Reason::MissingFiles)
        } else {
            (State::Completed, Reason::Ok)
        };
        member.state = state;
        member.reason = Some(reason);
    }
}

/// Records of unmatched patients came: nothing of this exchange is served before a person has looked at it.
fn quarantine(mut work: Work<'_>, unmatched_patients: usize) -> Result<()> {
    work.note(
        "decision",
        json!({"about": "disclosure", "strangers": unmatched_patients, "action": "quarantine"}),
    );
    let reason = Reason::Quarantined;
    let review = work.for_review(None, reason);
    let now_ms = work.now_ms();
    let mut members = work.core.store.members(&work.exchange.id)?;
    members.retain(|member| member.bucket == Some(Bucket::Match));
    for member in &mut members {
        member.state = State::Failed;
        member.reason = Some(reason);
    }
    work.exchange.reason = Some(reason);
    work.exchange.outcome_ms = work.exchange.outcome_ms.or(Some(now_ms));
    work.exchange.has_follow_up = false;
    work.exchange.go_on(Step::Release, now_ms);
    let mut change = work.change(Event::Failed);
    change.members = members;
    change.reviews = vec![review];
    work.apply(change)
}

/// Keeps our index of all files next to them.
fn keep_index(work: &Work<'_>, payloads: &[Payload], index: &[u8]) -> Result<Option<Payload>> {
    if index.is_empty() {
        return Ok(None);
    }
    let earlier = payloads.iter().find(|one| one.role == Role::Normalised);
    let n = earlier.map_or_else(|| number_after(payloads), |one| one.n);
    work.keep(n, Role::Normalised, "index", index).map(Some)
}

fn verdict(
    mut work: Work<'_>,
    members: Vec<Member>,
    missing: Vec<Missing>,
    index: Option<Payload>,
) -> Result<()> {
    let now_ms = work.now_ms();
    let standing = fold(&members);
    let has_outcome = work.exchange.outcome_ms.is_some();
    let event = match (has_outcome, standing.event) {
        (false, event) => event,
        (true, Event::Completed) => Event::GapClosed,
        (true, _) => Event::GapRemains,
    };
    let can_ask = standing.event == Event::PartlyCompleted && !missing.is_empty();
    work.exchange.has_follow_up = can_ask && work.exchange.follow_ups < FOLLOW_UPS_MAX;
    if work.exchange.has_follow_up {
        work.exchange.asked = to_ask(&work, &members, &missing);
    }
    work.exchange.missing = missing.into_iter().take(MISSING_MAX).collect();
    work.exchange.reason = Some(standing.reason);
    work.exchange.outcome_ms = work.exchange.outcome_ms.or(Some(now_ms));
    work.exchange.go_on(Step::Release, now_ms);
    let mut change = work.change(event);
    change.members = members;
    change.payloads = index.into_iter().collect();
    work.apply(change)
}

/// Only the missing part: the Patients concerned, and the types where all of them are known.
fn to_ask(work: &Work<'_>, members: &[Member], missing: &[Missing]) -> (Vec<String>, Vec<String>) {
    let keys: BTreeSet<&str> = missing
        .iter()
        .filter_map(|one| one.member.as_deref())
        .collect();
    let patients: BTreeSet<String> = members
        .iter()
        .filter(|member| keys.is_empty() || keys.contains(member.key.as_str()))
        .filter_map(|member| member.patient.clone())
        .collect();
    let kinds: BTreeSet<String> = missing.iter().filter_map(|one| one.kind.clone()).collect();
    // A text of the partner that is no type never becomes our request.
    let is_known = missing.iter().all(|one| {
        one.kind
            .as_deref()
            .is_some_and(|kind| kind != "OperationOutcome" && is_type(kind))
    });
    let types = if is_known {
        kinds.into_iter().collect()
    } else {
        work.exchange.metadata.types.clone()
    };
    (patients.into_iter().collect(), types)
}
