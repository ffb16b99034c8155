//! A match result as Group NDJSON (PDex 2.2, §2.7 of the protocol notes).

use std::collections::BTreeMap;

use serde_json::Value;

use super::stream::{Lines, short};
use crate::model::Bucket;

/// Group entries remembered; a run submits one member, so far fewer are right.
pub const ENTRIES_MAX: usize = 1_000;
const MATCH_PARAMETERS: &str =
    "http://hl7.org/fhir/us/davinci-pdex/StructureDefinition/base-ext-match-parameters";

/// What a match result says about the one member that was submitted.
#[derive(Clone, Debug, Default)]
pub struct MatchSeen {
    submitted: Value,
    /// Groups by bucket.
    pub groups: BTreeMap<Bucket, u32>,
    /// Groups whose code is none of the three.
    pub unknown_groups: u32,
    /// Lines that are no Group.
    pub other_lines: u32,
    /// Every member entry of every group.
    pub entries: Vec<Entry>,
    /// The id of the MatchedMembers group.
    pub matched_group: Option<String>,
}

/// One member entry of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The group's bucket.
    pub bucket: Bucket,
    /// `member.entity.reference`.
    pub reference: String,
    /// Whether it leads to a contained Patient with the id that we sent.
    pub is_ours: bool,
    /// Whether that contained Patient is as submitted, but for what a server may strip.
    pub is_unchanged: bool,
}

impl MatchSeen {
    /// Begins a result for the Patient as submitted.
    pub fn new(submitted: &Value) -> Self {
        Self {
            submitted: submitted.clone(),
            ..Self::default()
        }
    }

    /// The bucket our member is in, when it is in just one.
    pub fn bucket(&self) -> Option<Bucket> {
        let mut ours = self.entries.iter().filter(|entry| entry.is_ours);
        match (ours.next(), ours.next()) {
            (Some(entry), None) => Some(entry.bucket),
            _ => None,
        }
    }

    /// References of the persons in MatchedMembers.
    pub fn matched(&self) -> impl Iterator<Item = &str> {
        self.entries
            .iter()
            .filter(|entry| entry.bucket == Bucket::Match)
            .map(|entry| entry.reference.as_str())
    }

    fn entry(&self, bucket: Bucket, group: &Value, member: &Value) -> Entry {
        let entity = &member["entity"];
        let reference = entity["reference"].as_str().unwrap_or_default();
        // In MatchedMembers the extension leads to what was sent; elsewhere the entity itself does.
        let sent = match bucket {
            Bucket::Match => entity["extension"]
                .as_array()
                .into_iter()
                .flatten()
                .find(|extension| extension["url"] == MATCH_PARAMETERS)
                .and_then(|extension| extension["valueReference"]["reference"].as_str())
                .unwrap_or_default(),
            Bucket::NoMatch | Bucket::ConsentConstraint => reference,
        };
        let contained = sent.strip_prefix('#').and_then(|id| {
            let contained = group["contained"].as_array()?;
            contained
                .iter()
                .find(|one| one["resourceType"] == "Patient" && one["id"] == id)
        });
        let is_ours = contained.is_some_and(|one| one["id"] == self.submitted["id"]);
        let is_unchanged = contained.is_some_and(|one| is_as_sent(one, &self.submitted));
        Entry {
            bucket,
            reference: short(reference),
            is_ours,
            is_unchanged,
        }
    }
}

impl Lines for MatchSeen {
    fn line(&mut self, _: &[u8], group: &Value) {
        if group["resourceType"] != "Group" {
            self.other_lines += 1;
            return;
        }
        let codings = group["code"]["coding"].as_array().into_iter().flatten();
        let bucket = codings
            .filter_map(|c| Bucket::named(c["code"].as_str()?))
            .next();
        let Some(bucket) = bucket else {
            self.unknown_groups += 1;
            return;
        };
        *self.groups.entry(bucket).or_default() += 1;
        if bucket == Bucket::Match && self.matched_group.is_none() {
            self.matched_group = group["id"].as_str().map(str::to_owned);
        }
        for member in group["member"].as_array().into_iter().flatten() {
            if self.entries.len() == ENTRIES_MAX {
                return;
            }
            let entry = self.entry(bucket, group, member);
            self.entries.push(entry);
        }
    }
}

/// A contained Patient loses `meta.versionId`, `meta.lastUpdated`, `meta.security` and nested
/// contained resources, nothing else (§150–152).
/// Nothing is copied: a thousand entries may lead to one large Patient.
fn is_as_sent(contained: &Value, sent: &Value) -> bool {
    const META: &[&str] = &["versionId", "lastUpdated", "security"];
    const REST: &[&str] = &["contained", "meta"];
    fields(contained, REST).eq(fields(sent, REST))
        && fields(&contained["meta"], META).eq(fields(&sent["meta"], META))
}

fn fields<'a>(
    value: &'a Value,
    without: &'static [&'static str],
) -> impl Iterator<Item = (&'a String, &'a Value)> {
    let all = value.as_object().into_iter().flatten();
    all.filter(move |(name, _)| !without.contains(&name.as_str()))
}
