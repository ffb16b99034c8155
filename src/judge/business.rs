//! The named checks of the business layer: what was seen against the member's oracle.

use super::catalogue;
use super::matches::MatchSeen;
use super::records::{Person, RecordsSeen};
use crate::model::{Bucket, Cause, Check, Finding, Identity, Member};

/// What the journey has gathered when a check step comes.
#[derive(Debug)]
pub struct Seen<'a> {
    /// The member that was submitted.
    pub member: &'a Member,
    /// The match result, when one was read.
    pub matches: Option<&'a MatchSeen>,
    /// The exported records, when some were read.
    pub records: Option<&'a RecordsSeen>,
}

/// One named check. Empty when it looks at single answers, not at what was gathered; a check
/// without anything to look at does not hold.
pub fn check(check: Check, seen: &Seen<'_>) -> Vec<Finding> {
    match check {
        Check::SmartConfiguration | Check::CapabilityStatement => Vec::new(),
        Check::MatchGroups => vec![on_matches(&catalogue::MATCH_GROUPS, seen, match_groups)],
        Check::AccountingIdentity => {
            vec![on_matches(
                &catalogue::ACCOUNTING_IDENTITY,
                seen,
                accounting_identity,
            )]
        }
        Check::PatientUnchanged => {
            vec![on_matches(
                &catalogue::PATIENT_UNCHANGED,
                seen,
                patient_unchanged,
            )]
        }
        Check::MatchParameters => {
            vec![on_matches(
                &catalogue::MATCH_PARAMETERS,
                seen,
                match_parameters,
            )]
        }
        Check::ExpectedBucket => {
            let member = seen.member;
            vec![on_matches(&catalogue::EXPECTED_BUCKET, seen, |m| {
                expected_bucket(m, member)
            })]
        }
        Check::RightMember => {
            let identity = seen.member.expected.identity.as_ref();
            vec![on_records(&catalogue::RIGHT_MEMBER, seen, |r| {
                right_member(r, identity)
            })]
        }
        Check::NobodyElse => nobody_else(seen),
        Check::Completeness => completeness(seen),
        Check::NoDuplicates => vec![on_records(&catalogue::NO_DUPLICATES, seen, |records| {
            let seen = format!(
                "{} twice in {} records",
                records.duplicates, records.records
            );
            catalogue::NO_DUPLICATES.find(
                records.duplicates == 0,
                "each record and claim once",
                seen,
            )
        })],
        Check::NoMoney => vec![on_records(&catalogue::NO_MONEY, seen, |records| {
            let seen = format!("{} claims with amounts", records.money);
            catalogue::NO_MONEY.find(records.money == 0, "no amounts in claims", seen)
        })],
    }
}

fn on_matches(
    rule: &catalogue::Rule,
    seen: &Seen<'_>,
    judge: impl FnOnce(&MatchSeen) -> Finding,
) -> Finding {
    seen.matches
        .map_or_else(|| rule.find(false, "a match result", "none"), judge)
}

fn on_records(
    rule: &catalogue::Rule,
    seen: &Seen<'_>,
    judge: impl FnOnce(&RecordsSeen) -> Finding,
) -> Finding {
    seen.records
        .map_or_else(|| rule.find(false, "exported records", "none"), judge)
}

fn match_groups(matches: &MatchSeen) -> Finding {
    let count = |bucket| matches.groups.get(&bucket).copied().unwrap_or(0);
    let counts = Bucket::ALL
        .iter()
        .map(|b| format!("{} {b}", count(*b)))
        .collect::<Vec<_>>();
    let held = count(Bucket::Match) == 1
        && count(Bucket::NoMatch) <= 1
        && count(Bucket::ConsentConstraint) <= 1
        && matches.unknown_groups == 0
        && matches.other_lines == 0;
    let seen = format!(
        "{}, {} unknown, {} no Group",
        counts.join(", "),
        matches.unknown_groups,
        matches.other_lines
    );
    catalogue::MATCH_GROUPS.find(held, "one match group, at most one of each other", seen)
}

fn accounting_identity(matches: &MatchSeen) -> Finding {
    let ours = matches.entries.iter().filter(|entry| entry.is_ours).count();
    let held = matches.entries.len() == 1 && ours == 1;
    catalogue::ACCOUNTING_IDENTITY.find(
        held,
        "1 submitted = 1 in all groups together",
        format!(
            "{} in all groups, {ours} of them submitted",
            matches.entries.len()
        ),
    )
}

fn patient_unchanged(matches: &MatchSeen) -> Finding {
    let changed = matches
        .entries
        .iter()
        .filter(|entry| entry.is_ours && !entry.is_unchanged)
        .count();
    let seen = if changed == 0 {
        "unchanged".to_owned()
    } else {
        format!("{changed} changed")
    };
    catalogue::PATIENT_UNCHANGED.find(changed == 0, "contained Patients as submitted", seen)
}

fn match_parameters(matches: &MatchSeen) -> Finding {
    let mut matched = matches
        .entries
        .iter()
        .filter(|entry| entry.bucket == Bucket::Match);
    let loose = matched.by_ref().filter(|entry| !entry.is_ours).count();
    let seen = if loose == 0 {
        "each does".to_owned()
    } else {
        format!("{loose} do not")
    };
    catalogue::MATCH_PARAMETERS.find(loose == 0, "each match refers to a Patient we sent", seen)
}

fn expected_bucket(matches: &MatchSeen, member: &Member) -> Finding {
    let expected = member.expected.bucket;
    let seen = matches.bucket();
    let consent = Bucket::ConsentConstraint;
    let cause = if expected == consent || seen == Some(consent) {
        Cause::Consent
    } else {
        Cause::Identity
    };
    catalogue::EXPECTED_BUCKET.find_as(
        cause,
        seen == Some(expected),
        format!("{expected} for {} ({})", member.id, member.edge_case),
        seen.map_or("in no group, or in several".to_owned(), |bucket| {
            bucket.to_string()
        }),
    )
}

/// Another birth date or UMB is another person, and so a disclosure; a name alone may be misspelt.
fn right_member(records: &RecordsSeen, identity: Option<&Identity>) -> Finding {
    let rule = &catalogue::RIGHT_MEMBER;
    let Some(identity) = identity else {
        let (none, cause) = (records.patients.is_empty(), Cause::Disclosure);
        let seen = if none { "none" } else { "some" };
        return rule.find_as(cause, none, "no Patient: none is due", seen);
    };
    let is_same = |person: &&Person| {
        person.birth_date == identity.birth_date && person.identifiers.contains(&identity.umb)
    };
    let is_named = |person: &&Person| {
        person.family.contains(&identity.family) && person.given.contains(&identity.given)
    };
    let all = records.patients.len();
    let same = records.patients.iter().filter(is_same).count();
    let agree = records
        .patients
        .iter()
        .filter(is_same)
        .filter(is_named)
        .count();
    let cause = if same < all {
        Cause::Disclosure
    } else {
        Cause::Identity
    };
    rule.find_as(
        cause,
        agree == all,
        "every Patient agrees in name, birth date and UMB",
        format!("{agree} of {all} Patients agree, {same} in birth date and UMB"),
    )
}

fn nobody_else(seen: &Seen<'_>) -> Vec<Finding> {
    let nothing =
        |what: &str| catalogue::NOBODY_ELSE.find_as(Cause::Integrity, false, what, "none");
    let Some(records) = seen.records else {
        return vec![nothing("exported records")];
    };
    let canaries = catalogue::CANARIES.find(
        records.foreign_lines == 0,
        "no canary of another member",
        format!("{} lines with one", records.foreign_lines),
    );
    let Some(matches) = seen.matches else {
        return vec![nothing("a match result"), canaries];
    };
    let matched: Vec<(&str, &str)> = matches.matched().filter_map(literal).collect();
    let is_matched = |reference: &str| literal(reference).is_some_and(|one| matched.contains(&one));
    let patients = records
        .patients
        .iter()
        .filter(|person| !is_matched(&person.reference))
        .count();
    let subjects = records
        .subjects
        .iter()
        .filter(|reference| !is_matched(reference))
        .count();
    let persons = catalogue::NOBODY_ELSE.find(
        patients == 0 && subjects == 0,
        "only persons of MatchedMembers",
        format!("{patients} other Patients, {subjects} references to others"),
    );
    vec![persons, canaries]
}

/// The type and id that a reference ends with, be it relative, absolute or of one version.
fn literal(reference: &str) -> Option<(&str, &str)> {
    let unversioned = reference.split("/_history/").next()?;
    let (rest, id) = unversioned.rsplit_once('/')?;
    Some((rest.rsplit('/').next()?, id))
}

fn completeness(seen: &Seen<'_>) -> Vec<Finding> {
    let Some(records) = seen.records else {
        return vec![catalogue::COMPLETENESS.find(false, "exported records", "none")];
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
        catalogue::COMPLETENESS.find(
            score.found == score.due,
            format!("{} records due", score.due),
            seen,
        ),
        catalogue::UNCHANGED_RECORDS.find(
            score.changed == 0,
            "records as in the oracle",
            format!("{} with another hash", score.changed),
        ),
    ]
}
