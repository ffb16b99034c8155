//! `members/<set>.json`: invented members and their oracles (schema `outrider.members/1`,
//! described in `members/README.md`).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::diagnostic::{Diagnostics, SourceFile};
use crate::model::{
    Bucket, Expected, ExpectedResource, Identity, Member, MemberId, MemberSet, PartnerId,
};

/// The schema this version reads.
const SCHEMA: &str = "outrider.members/1";
/// A shorter canary could stand in anybody's data by chance.
const CANARY_CHARS_MIN: usize = 8;
/// Members of one set: more are a generator's mistake.
const MEMBERS_MAX: usize = 100_000;

/// What is read before anything else, so that a file of another version is called just that.
#[derive(Deserialize)]
struct Head {
    schema: String,
}

#[derive(Deserialize)]
struct SetFile {
    set: String,
    partner: String,
    requester: Payer,
    responder: Payer,
    members: Vec<MemberEntry>,
}

#[derive(Deserialize)]
struct Payer {
    npi: String,
}

#[derive(Deserialize)]
struct MemberEntry {
    id: String,
    cohort: String,
    region: String,
    edge_case: String,
    request: RequestEntry,
    expect: ExpectEntry,
}

#[derive(Deserialize)]
struct RequestEntry {
    patient: serde_json::Value,
    coverage_to_match: serde_json::Value,
    #[serde(default)]
    more_coverages: Vec<serde_json::Value>,
    consent: serde_json::Value,
}

#[derive(Deserialize)]
struct ExpectEntry {
    bucket: String,
    #[serde(default)]
    identity: Option<IdentityEntry>,
    #[serde(default)]
    resources: BTreeMap<String, Vec<ResourceEntry>>,
    #[serde(default)]
    canaries: Vec<String>,
    #[serde(default)]
    others: Vec<String>,
}

#[derive(Deserialize)]
struct IdentityEntry {
    family: String,
    given: String,
    birth_date: String,
    umb: String,
}

#[derive(Deserialize)]
struct ResourceEntry {
    key: String,
    sha256: String,
}

pub(super) fn read(source: &Arc<SourceFile>, diagnostics: &mut Diagnostics) -> Option<MemberSet> {
    if let Ok(head) = serde_json::from_str::<Head>(&source.text)
        && head.schema != SCHEMA
    {
        let what = format!("schema \"{}\" is not one this version reads", head.schema);
        diagnostics.add(
            source,
            None,
            what,
            format!("export it again for {SCHEMA}, or update Outrider"),
        );
        return None;
    }
    let file: SetFile = match serde_json::from_str(&source.text) {
        Ok(file) => file,
        Err(why) => {
            let start = offset_of_line(&source.text, why.line());
            let help = "write it with `exchange members export`, or after members/README.md";
            diagnostics.add(
                source,
                Some(start..start),
                format!("not a member set: {why}"),
                help,
            );
            return None;
        }
    };
    if file.members.is_empty() || file.members.len() > MEMBERS_MAX {
        let what = format!("{} members", file.members.len());
        diagnostics.add(
            source,
            None,
            what,
            format!("a set has 1 to {MEMBERS_MAX} members"),
        );
        return None;
    }
    let mut seen = std::collections::BTreeSet::new();
    let mut members = Vec::new();
    for entry in file.members {
        no_hashes(source, &entry, diagnostics);
        if !seen.insert(entry.id.clone()) {
            diagnostics.add(
                source,
                None,
                format!("two members are called \"{}\"", entry.id),
                "give each its own id",
            );
        }
        members.extend(member(entry, source, diagnostics));
    }
    Some(MemberSet {
        set: file.set,
        partner: PartnerId::new(file.partner),
        requester_npi: file.requester.npi,
        responder_npi: file.responder.npi,
        members,
    })
}

fn member(
    entry: MemberEntry,
    source: &Arc<SourceFile>,
    diagnostics: &mut Diagnostics,
) -> Option<Member> {
    let Some(bucket) = Bucket::named(&entry.expect.bucket) else {
        let what = format!(
            "member \"{}\" expects bucket \"{}\"",
            entry.id, entry.expect.bucket
        );
        diagnostics.add(
            source,
            None,
            what,
            "write match, nomatch or consentconstraint",
        );
        return None;
    };
    if entry.request.patient["id"] != entry.id.as_str() {
        let what = format!("member \"{}\" submits a Patient with another id", entry.id);
        diagnostics.add(
            source,
            None,
            what,
            "let request.patient.id be the member's id",
        );
    }
    let mut canaries = entry.expect.canaries.iter().chain(&entry.expect.others);
    if !canaries.all(|canary| is_canary(canary)) {
        let what = format!(
            "member \"{}\" has a canary that cannot be looked for",
            entry.id
        );
        let help = format!("write {CANARY_CHARS_MIN} or more of A-Z, a-z, 0-9 and -");
        diagnostics.add(source, None, what, help);
    }
    let resources = entry.expect.resources.into_iter().map(|(kind, list)| {
        let due = list.into_iter().map(|one| ExpectedResource {
            key: one.key,
            sha256: one.sha256,
        });
        (kind, due.collect())
    });
    Some(Member {
        id: MemberId::new(entry.id),
        cohort: entry.cohort,
        region: entry.region,
        edge_case: entry.edge_case,
        patient: entry.request.patient,
        coverage: entry.request.coverage_to_match,
        more_coverages: entry.request.more_coverages,
        consent: entry.request.consent,
        expected: Expected {
            bucket,
            identity: entry.expect.identity.map(|one| Identity {
                family: one.family,
                given: one.given,
                birth_date: one.birth_date,
                umb: one.umb,
            }),
            resources: resources.collect(),
            canaries: entry.expect.canaries,
            others: entry.expect.others,
        },
    })
}

/// A canary is looked for in raw bytes: it must be rare, and the same however JSON is written.
fn is_canary(text: &str) -> bool {
    text.len() >= CANARY_CHARS_MIN
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn offset_of_line(text: &str, line: usize) -> usize {
    text.split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum()
}

/// Names the first expected record whose hash can be none: it would be called changed in every run.
fn no_hashes(source: &Arc<SourceFile>, entry: &MemberEntry, diagnostics: &mut Diagnostics) {
    let is_hash = |text: &str| {
        text.len() == 64
            && text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let mut resources = entry.expect.resources.iter();
    let bad = resources.find_map(|(kind, list)| {
        let one = list.iter().find(|one| !is_hash(&one.sha256))?;
        Some((kind, one))
    });
    if let Some((kind, one)) = bad {
        let what = format!(
            "member \"{}\": `sha256` of {kind} {} is no SHA-256",
            entry.id, one.key
        );
        let help = "write 64 lower-case hex digits: tests/third_party/normal.py computes them";
        diagnostics.add(source, None, what, help);
    }
}
