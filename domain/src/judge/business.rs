//! The named checks of the business layer: what a run gathered against the member's oracle.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::files_read::Unknown;
use super::matches::{self, MatchResult};
use super::records::{ExportedRecords, Person, WholeRecords};
use super::references::{Reference, ResourceName};
use crate::model::{
    Baseline, Bucket, Cause, Check, Finding, Member, Quirk, RecordCheck, UnknownKind, UnknownValue,
    catalogue,
};
use crate::secret::HashKey;

/// The times of one export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportTimes {
    /// When it was kicked off.
    pub kicked_off: DateTime<Utc>,
    /// When its manifest was read.
    pub read: DateTime<Utc>,
    /// The manifest's `transactionTime`; none when it is no time.
    pub transaction_time: Option<DateTime<Utc>>,
}

/// What the run has gathered when a check step judges it.
#[derive(Debug)]
pub struct CheckInput<'a> {
    /// The member that was submitted.
    pub member: &'a Member,
    /// The match result, when one was read.
    pub matches: Option<&'a MatchResult>,
    /// The Patients that an exchange core's result names as matched, where one was read.
    pub named: Option<&'a [String]>,
    /// The exported records, when some were read.
    pub records: Option<&'a ExportedRecords>,
    /// The exports that brought them.
    pub exports: &'a [ExportTimes],
    /// Status URLs of the kick-offs that were sent with one key, in order.
    pub same_key: &'a [String],
    /// The shape that records had when it was recorded.
    pub baseline: Option<&'a Baseline>,
    /// What the partner declares.
    pub declared: &'a BTreeSet<Quirk>,
    /// The FHIR base of the partner.
    pub base: &'a str,
    /// What values are hashed by that the oracle does not know.
    pub key: &'a HashKey,
}

/// The findings of one named check. A check without anything to judge fails.
pub fn check(check: RecordCheck, input: &CheckInput<'_>) -> Vec<Finding> {
    let whole = |rule, judge: fn(&WholeRecords) -> Finding| vec![on_whole(rule, input, judge)];
    let matched =
        |rule, judge: &dyn Fn(&MatchResult) -> Finding| vec![on_matches(rule, input, judge)];
    match check {
        RecordCheck::MatchGroups => matched(&catalogue::MATCH_GROUPS, &matches::match_groups),
        RecordCheck::AccountingIdentity => matched(&catalogue::ACCOUNTING_IDENTITY, &|one| {
            matches::accounting_identity(one, input.key)
        }),
        RecordCheck::PatientUnchanged => matched(&catalogue::PATIENT_UNCHANGED, &|one| {
            matches::patient_unchanged(one, input.declared)
        }),
        RecordCheck::MatchParameters => matched(&catalogue::MATCH_PARAMETERS, &|one| {
            matches::match_parameters(one, input.key)
        }),
        RecordCheck::MatchCoverage => matched(&catalogue::MATCH_COVERAGE, &matches::match_coverage),
        RecordCheck::ExpectedBucket => matched(&catalogue::EXPECTED_BUCKET, &|one| {
            expected_bucket(one, input.member)
        }),
        RecordCheck::NoReason => matched(&catalogue::NO_REASON, &matches::no_reason),
        RecordCheck::Characteristic => {
            matched(&catalogue::CHARACTERISTIC, &matches::characteristic)
        }
        RecordCheck::RightMember => {
            vec![on_records(&catalogue::RIGHT_MEMBER, input, |one| {
                right_member(one, input.key)
            })]
        }
        RecordCheck::NobodyElse => nobody_else(input),
        RecordCheck::Completeness => completeness(input),
        RecordCheck::NoDuplicates => {
            vec![on_records(&catalogue::NO_DUPLICATES, input, no_duplicates)]
        }
        RecordCheck::References => whole(&catalogue::REFERENCES, |one| one.references.finding()),
        RecordCheck::ServiceDates => {
            whole(&catalogue::SERVICE_DATES, |one| one.claims.service_dates())
        }
        RecordCheck::Since => whole(&catalogue::SINCE, |one| one.provenance.since()),
        RecordCheck::NothingLost => vec![nothing_lost(input)],
        RecordCheck::NoMoney => whole(&catalogue::NO_MONEY, |one| one.claims.no_money()),
        RecordCheck::Authorizations => whole(&catalogue::AUTHORIZATIONS, |one| {
            one.authorizations.authorizations()
        }),
        RecordCheck::AuthorizationDocuments => whole(&catalogue::AUTHORIZATION_DOCUMENTS, |one| {
            one.authorizations.documents()
        }),
        RecordCheck::ClaimParties => {
            whole(&catalogue::CLAIM_PARTIES, |one| one.claims.claim_parties())
        }
        RecordCheck::CodeSystems => whole(&catalogue::CODE_SYSTEMS, |one| one.codes.finding()),
        RecordCheck::MustSupport => {
            whole(&catalogue::MUST_SUPPORT, |one| one.structure.must_support())
        }
        RecordCheck::ResourcesValid => whole(&catalogue::RESOURCES_VALID, |one| {
            one.structure.resources_valid()
        }),
        RecordCheck::Drift => drift(input),
        RecordCheck::Provenance => whole(&catalogue::PROVENANCE, |one| {
            one.provenance.provenance_finding(&one.references.present)
        }),
        RecordCheck::Labels => whole(&catalogue::LABELS, |one| one.provenance.labels()),
        RecordCheck::OptOut => vec![on_records(&catalogue::OPT_OUT, input, |one| {
            opt_out(one, input.member)
        })],
        RecordCheck::Umb => vec![on_records(&catalogue::UMB, input, |one| {
            umb(one, input.key)
        })],
        RecordCheck::OneJob => vec![one_job(input)],
        RecordCheck::TransactionTime => transaction_time(input),
    }
}

fn on_whole(rule: &Check, input: &CheckInput<'_>, judge: fn(&WholeRecords) -> Finding) -> Finding {
    let whole = input.records.and_then(|records| records.whole.as_deref());
    whole.map_or_else(|| rule.finding(false, "exported records", "none"), judge)
}

fn on_matches(
    rule: &Check,
    input: &CheckInput<'_>,
    judge: impl FnOnce(&MatchResult) -> Finding,
) -> Finding {
    input
        .matches
        .map_or_else(|| rule.finding(false, "a match result", "none"), judge)
}

fn on_records(
    rule: &Check,
    input: &CheckInput<'_>,
    judge: impl FnOnce(&ExportedRecords) -> Finding,
) -> Finding {
    input
        .records
        .map_or_else(|| rule.finding(false, "exported records", "none"), judge)
}

/// Another birth date or UMB is another person, and so a disclosure; a name alone may be misspelt.
fn right_member(records: &ExportedRecords, key: &HashKey) -> Finding {
    let rule = &catalogue::RIGHT_MEMBER;
    let unknown = not_right(records, key);
    if records.identities().next().is_none() {
        let (none, cause) = (records.patients.is_empty(), Cause::Disclosure);
        let seen = if none { "none" } else { "some" };
        let finding = rule.finding_as(cause, none, "no Patient: none is due", seen);
        return finding.with_unknown(unknown);
    }
    let all = records.patients.len();
    let of = |person: &Person| records.identities().find(|one| person.is(one)).cloned();
    let same: Vec<_> = records
        .patients
        .iter()
        .filter_map(|person| Some((person, of(person)?)))
        .collect();
    let agree = same.iter().filter(|(person, one)| person.is_named(one));
    let (agree, same) = (agree.count(), same.len());
    let cause = if same < all {
        Cause::Disclosure
    } else {
        Cause::Identity
    };
    let finding = rule.finding_as(
        cause,
        agree == all,
        "every Patient agrees in name, birth date and UMB",
        format!("{agree} of {all} Patients agree, {same} in birth date and UMB"),
    );
    finding.with_unknown(unknown)
}

/// The ids of Patients who are other persons, and the names of those whose name alone is another one.
fn not_right(records: &ExportedRecords, key: &HashKey) -> Vec<UnknownValue> {
    let names: Vec<(String, &Person)> = records
        .patients
        .iter()
        .filter(|person| {
            !records
                .identities()
                .any(|one| person.is(one) && person.is_named(one))
        })
        .map(|person| {
            (
                [&person.family[..], &person.given].concat().join(" "),
                person,
            )
        })
        .collect();
    let values = names.iter().map(|(name, person)| -> Unknown<'_> {
        if records.identities().any(|one| person.is(one)) {
            (UnknownKind::Name, name, person.at)
        } else {
            (UnknownKind::Patient, &person.id, person.at)
        }
    });
    records.files.unknown_values(values, key)
}

fn no_duplicates(records: &ExportedRecords) -> Finding {
    let seen = format!(
        "{} twice in {} records",
        records.duplicates, records.records
    );
    catalogue::NO_DUPLICATES.finding(records.duplicates == 0, "each record and claim once", seen)
}

fn expected_bucket(matches: &MatchResult, member: &Member) -> Finding {
    let expected = member.expected.bucket;
    let seen = matches.bucket();
    let consent = Bucket::ConsentConstraint;
    let cause = if expected == consent || seen == Some(consent) {
        Cause::Consent
    } else {
        Cause::Identity
    };
    catalogue::EXPECTED_BUCKET.finding_as(
        cause,
        seen == Some(expected),
        format!("{expected} for {} ({})", member.id, member.edge_case),
        seen.map_or("in no group, or in several".to_owned(), |bucket| {
            bucket.to_string()
        }),
    )
}

/// B-17: a whole export and what changed since, together, are all that is due.
fn nothing_lost(input: &CheckInput<'_>) -> Finding {
    let rule = &catalogue::NOTHING_LOST;
    let exports = input.exports.len();
    if exports < 2 {
        return rule.finding(false, "two exports in a row", format!("{exports}"));
    }
    on_records(rule, input, |records| {
        let score = records.score();
        rule.finding(
            score.found == score.due,
            format!("{} records due from {exports} exports", score.due),
            format!("{} of them", score.found),
        )
    })
}

/// B-26: who said no between match and export is not in the export, and nothing of theirs.
fn opt_out(records: &ExportedRecords, member: &Member) -> Finding {
    let rule = &catalogue::OPT_OUT;
    let is_out = member.expected.identity.is_none() && member.expected.resources.is_empty();
    if !is_out {
        return rule.finding(true, "records: they did not opt out", "no opt-out");
    }
    let seen = format!("{} records", records.records);
    rule.finding(records.records == 0, "no record of who opted out", seen)
}

/// B-27: one UMB, the one that the person always had, whatever became of their cards.
fn umb(records: &ExportedRecords, key: &HashKey) -> Finding {
    let is_due = |umb: &String| records.identities().any(|one| one.umb == *umb);
    let is_other = |person: &&Person| !person.umbs.iter().all(is_due);
    let others = records.patients.iter().filter(is_other).count();
    let seen = format!("{others} Patients with another");
    let of = |person: &Person, umb| (UnknownKind::Identifier, umb, person.at);
    let values = records.patients.iter().flat_map(|person| {
        let umbs = person.umbs.iter().filter(|umb| !is_due(umb));
        umbs.map(move |umb| of(person, umb.as_str()))
    });
    let finding = catalogue::UMB.finding(others == 0, "the member's own UMB and no other", seen);
    finding.with_unknown(records.files.unknown_values(values, key))
}

/// B-29.
fn one_job(input: &CheckInput<'_>) -> Finding {
    let rule = &catalogue::ONE_JOB;
    let distinct: BTreeSet<_> = input.same_key.iter().collect();
    let sent = input.same_key.len();
    rule.finding(
        sent >= 2 && distinct.len() == 1,
        "one job for two kick-offs with one key",
        format!("{} jobs for {sent}", distinct.len()),
    )
}

fn drift(input: &CheckInput<'_>) -> Vec<Finding> {
    let whole = input.records.and_then(|records| records.whole.as_deref());
    match whole {
        Some(whole) => whole.drift.findings(input.baseline),
        None => vec![catalogue::DRIFT.finding(false, "exported records", "none")],
    }
}

fn transaction_time(input: &CheckInput<'_>) -> Vec<Finding> {
    let rule = &catalogue::TRANSACTION_TIME;
    let whole = input.records.and_then(|records| records.whole.as_deref());
    let (Some(whole), Some(export)) = (whole, input.exports.last()) else {
        return vec![rule.finding(false, "an export", "none")];
    };
    match export.transaction_time {
        Some(time) => whole
            .provenance
            .times(time, export.kicked_off, export.read)
            .to_vec(),
        None => vec![rule.finding(false, "a time", "none that can be read")],
    }
}

fn nobody_else(input: &CheckInput<'_>) -> Vec<Finding> {
    let nothing =
        |what: &str| catalogue::NOBODY_ELSE.finding_as(Cause::Integrity, false, what, "none");
    let Some(records) = input.records else {
        return vec![nothing("exported records")];
    };
    let unknown_values = |values: &[Unknown<'_>]| {
        let values = values.iter().copied();
        records.files.unknown_values(values, input.key)
    };
    let first = records.foreign_first.iter();
    let first: Vec<_> = first
        .map(|(text, at)| (UnknownKind::Canary, text.as_str(), *at))
        .collect();
    let canaries = catalogue::CANARIES.finding(
        records.foreign_lines == 0,
        "no canary of another member",
        format!("{} lines with one", records.foreign_lines),
    );
    let canaries = canaries.with_unknown(unknown_values(&first));
    let Some((allowed, expected)) = persons_who_may_come(input, records) else {
        return vec![
            nothing("a match result, or a Patient whom the oracle knows"),
            canaries,
        ];
    };
    let is_allowed = |person: &&Person| {
        let mut all = allowed.iter().filter_map(Reference::name);
        all.any(|name| name.id == person.id)
    };
    let others = records.patients.iter().filter(|one| !is_allowed(one));
    let others: Vec<Unknown<'_>> = others
        .map(|one| (UnknownKind::Patient, one.id.as_str(), one.at))
        .collect();
    let own = records.patients.iter().filter(is_allowed);
    let identifiers: Vec<&str> = own
        .flat_map(|person| &person.identifiers)
        .chain(records.identities().map(|one| &one.umb))
        .map(String::as_str)
        .collect();
    let named = records
        .owners
        .counts(&allowed, &identifiers, &records.other_umbs);
    let persons = catalogue::NOBODY_ELSE.finding(
        others.is_empty() && named.unmatched.is_empty(),
        expected,
        format!(
            "{} other Patients, {} references to others",
            others.len(),
            named.unmatched.len()
        ),
    );
    let persons = persons.with_unknown(unknown_values(&[others, named.unmatched].concat()));
    let unreadable = (named.unreadable > 0).then(|| {
        let finding = catalogue::REFERENCES.finding(
            false,
            "patient, subject and beneficiary that name a Patient of this server",
            format!(
                "{} records or persons named in a way that leads to nobody; \
                 look at the references of the first such record",
                named.unreadable
            ),
        );
        finding.with_unknown(unknown_values(&named.unreadable_first))
    });
    [persons, canaries].into_iter().chain(unreadable).collect()
}

/// The Patients whose records may come: those of the match result, else those in the files whom the oracle expects.
/// None where neither says anything.
fn persons_who_may_come(
    input: &CheckInput<'_>,
    records: &ExportedRecords,
) -> Option<(BTreeSet<Reference>, &'static str)> {
    let matched = match (input.matches, input.named) {
        (Some(matches), _) => {
            let read = |text| Reference::of_text(text, input.base);
            Some(matches.matched().map(read).collect())
        }
        (None, Some(named)) => {
            let own = named.iter().map(|id| ResourceName::patient(id));
            Some(own.map(Reference::Own).collect())
        }
        (None, None) => None,
    };
    if let Some(matched) = matched {
        return Some((matched, "only persons of MatchedMembers"));
    }
    let is_known = records.identities().next().is_none()
        || !records.patients.is_empty()
        || !records.owners.names_patients();
    is_known.then(|| {
        let expected = "only persons whom the oracle expects";
        (records.expected_patients(), expected)
    })
}

fn completeness(input: &CheckInput<'_>) -> Vec<Finding> {
    let Some(records) = input.records else {
        return vec![catalogue::COMPLETENESS.finding(false, "exported records", "none")];
    };
    let score = records.score();
    let missing: Vec<_> = score
        .missing
        .iter()
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    let seen = if missing.is_empty() {
        format!("{} of {}", score.found, score.due)
    } else {
        format!(
            "{} of {}; missing {}",
            score.found,
            score.due,
            missing.join(", ")
        )
    };
    vec![
        catalogue::COMPLETENESS.finding(
            score.found == score.due,
            format!("{} records due", score.due),
            seen,
        ),
        catalogue::UNCHANGED_RECORDS.finding(
            score.changed == 0,
            "records as in the oracle",
            format!("{} with another hash", score.changed),
        ),
    ]
}
