//! A match result: Groups as NDJSON (PDex 2.2), or one Parameters resource with the same Groups (2.1), in a
//! file or in the answer itself (§2.7, §4.3 of the protocol notes).

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde_json::Value;

use super::files_read::{FilesRead, Place};
use super::line_summary::LineSummary;
use super::manifest::Manifest;
use super::stream::{LineSink, short};
use crate::model::{
    Bucket, Finding, Member, MemberSet, PartnerRequestId, Quirk, StepId, UnknownKind, UnknownValue,
    catalogue,
};
use crate::secret::HashKey;

/// Group entries remembered; a run submits one member, so far fewer are right.
pub const ENTRIES_MAX: usize = 1_000;
const MATCH_PARAMETERS: &str =
    "http://hl7.org/fhir/us/davinci-pdex/StructureDefinition/base-ext-match-parameters";
const MATCH_COVERAGE: &str =
    "http://hl7.org/fhir/us/davinci-pdex/StructureDefinition/base-ext-match-coverage";

/// in which shape a match result came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchResultShape {
    /// Files of Groups.
    Groups,
    /// A file with one Parameters resource.
    Parameters,
    /// Both.
    Both,
    /// The answer to the kick-off.
    Direct,
}

impl MatchResultShape {
    /// The shape that a manifest's files have.
    pub fn of(manifest: &Manifest) -> Self {
        let has = |kind: &str| manifest.output.iter().any(|file| file.kind == kind);
        match (has("Group"), has("Parameters")) {
            (true, true) => Self::Both,
            (false, true) => Self::Parameters,
            (true | false, false) => Self::Groups,
        }
    }

    /// The quirk that this shape is, if it is one.
    pub fn quirk(self) -> Option<Quirk> {
        match self {
            Self::Groups => None,
            Self::Parameters => Some(Quirk::ParametersResult),
            Self::Both => Some(Quirk::BothResults),
            Self::Direct => Some(Quirk::DirectResult),
        }
    }

    /// The finding that records the shape.
    pub fn finding(self) -> Finding {
        let seen = match self {
            Self::Groups => "group-ndjson",
            Self::Parameters => "parameters-ndjson",
            Self::Both => "group-ndjson and parameters-ndjson",
            Self::Direct => "direct-parameters",
        };
        catalogue::RESULT_SHAPE.finding(true, "one of the three shapes", seen)
    }
}

/// The member as submitted, and the NPI that submitted it.
#[derive(Clone, Debug, Default)]
pub struct SubmittedMember {
    patient: Value,
    /// Ids of the coverages, one a MemberBundle.
    coverages: Vec<String>,
    requester_npi: String,
    today: NaiveDate,
}

impl SubmittedMember {
    /// What a run submits for a member today.
    pub fn new(member: &Member, set: &MemberSet, today: NaiveDate) -> Self {
        let coverages = std::iter::once(&member.coverage).chain(&member.more_coverages);
        let id = |coverage: &Value| coverage["id"].as_str().unwrap_or_default().to_owned();
        Self {
            patient: member.patient.clone(),
            coverages: coverages.map(id).collect(),
            requester_npi: set.requester_npi.clone(),
            today,
        }
    }

    /// MemberBundles sent.
    pub fn bundles(&self) -> usize {
        self.coverages.len()
    }
}

/// A match result, as far as it concerns the one member that was submitted.
#[derive(Clone, Debug, Default)]
pub struct MatchResult {
    /// The submitted member.
    pub submitted: SubmittedMember,
    /// Groups by bucket.
    pub groups: BTreeMap<Bucket, u32>,
    /// Groups without members; MatchedMembers does not count, since the guide lets it be empty.
    pub empty_groups: u32,
    /// Groups whose code is none of the three.
    pub unknown_groups: u32,
    /// Lines that are no Group.
    pub other_lines: u32,
    /// Groups of constrained members that say why.
    pub reasons: u32,
    /// Groups whose characteristic is not that of this request.
    pub odd_characteristics: u32,
    /// Every member entry of every group.
    pub entries: Vec<GroupEntry>,
    /// The id of the MatchedMembers group.
    pub matched_group: Option<String>,
    /// What it was read from.
    pub files: FilesRead,
}

/// How the Patient that an entry leads to differs from the one that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatientDifference {
    /// Not at all.
    Same,
    /// It has another id; all else is the same.
    Renumbered,
    /// It is named and not contained.
    LeftOut,
    /// It is ours by its id, and not as it was.
    Changed,
    /// It is none of ours.
    Foreign,
}

/// One member entry of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupEntry {
    /// The group's bucket.
    pub bucket: Bucket,
    /// `member.entity.reference`.
    pub reference: String,
    /// Where it leads to.
    pub difference: PatientDifference,
    /// The contained Coverage that it names, when it is one that was sent.
    pub coverage: Option<String>,
    /// Where it stood.
    pub at: Place,
}

impl GroupEntry {
    /// Whether it is about the member that was submitted.
    pub fn is_ours(&self) -> bool {
        self.difference != PatientDifference::Foreign
    }
}

impl MatchResult {
    /// An empty result.
    pub fn new(submitted: SubmittedMember) -> Self {
        Self {
            submitted,
            ..Self::default()
        }
    }

    /// The bucket our member is in, when it is in just one.
    pub fn bucket(&self) -> Option<Bucket> {
        let ours = self.entries.iter().filter(|entry| entry.is_ours());
        let buckets: Vec<Bucket> = ours.map(|entry| entry.bucket).collect();
        let first = buckets.first().copied()?;
        let is_one = buckets.len() <= self.submitted.bundles().max(1);
        (is_one && buckets.iter().all(|bucket| *bucket == first)).then_some(first)
    }

    /// References of the persons in MatchedMembers.
    pub fn matched(&self) -> impl Iterator<Item = &str> {
        self.entries
            .iter()
            .filter(|entry| entry.bucket == Bucket::Match)
            .map(|entry| entry.reference.as_str())
    }

    /// The persons in its groups, or in one of them, that were not submitted.
    fn foreign(&self, only: Option<Bucket>, key: &HashKey) -> Vec<UnknownValue> {
        let foreign = self.entries.iter().filter(|one| !one.is_ours());
        let foreign = foreign.filter(|one| only.is_none_or(|only| one.bucket == only));
        let values = foreign.map(|one| {
            let id = one.reference.rsplit(['/', '#']).next().unwrap_or_default();
            (UnknownKind::Matched, id, one.at)
        });
        self.files.unknown_values(values, key)
    }

    /// Takes a Group, or a Parameters resource with Groups.
    pub fn document(&mut self, document: &Value) {
        if document["resourceType"] != "Parameters" {
            self.group(document);
            return;
        }
        for parameter in document["parameter"].as_array().into_iter().flatten() {
            self.group(&parameter["resource"]);
        }
    }

    fn group(&mut self, group: &Value) {
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
        let members = group["member"].as_array().map_or(&[][..], Vec::as_slice);
        self.empty_groups += u32::from(members.is_empty() && bucket != Bucket::Match);
        self.reasons += u32::from(bucket == Bucket::ConsentConstraint && says_why(group));
        self.odd_characteristics += u32::from(!self.is_characteristic(group));
        for member in members {
            if self.entries.len() == ENTRIES_MAX {
                return;
            }
            let entry = self.entry(bucket, group, member);
            self.entries.push(entry);
        }
    }

    fn entry(&self, bucket: Bucket, group: &Value, member: &Value) -> GroupEntry {
        let entity = &member["entity"];
        let reference = entity["reference"].as_str().unwrap_or_default();
        // In MatchedMembers the extension leads to what was sent; elsewhere the entity itself does.
        let fragment = match bucket {
            Bucket::Match => extension(entity, MATCH_PARAMETERS).unwrap_or_default(),
            Bucket::NoMatch | Bucket::ConsentConstraint => reference,
        };
        let coverage = extension(entity, MATCH_COVERAGE)
            .and_then(|reference| reference.strip_prefix('#'))
            .filter(|id| contained(group, "Coverage", id).is_some())
            .filter(|id| self.submitted.coverages.iter().any(|one| one == id));
        GroupEntry {
            bucket,
            reference: short(reference),
            difference: self.difference(bucket, group, fragment),
            coverage: coverage.map(str::to_owned),
            at: self.files.here(),
        }
    }

    fn difference(&self, bucket: Bucket, group: &Value, fragment: &str) -> PatientDifference {
        let Some(id) = fragment.strip_prefix('#') else {
            return PatientDifference::Foreign;
        };
        let ours = &self.submitted.patient;
        match contained(group, "Patient", id) {
            Some(one) if one["id"] == ours["id"] && is_as_sent(one, ours) => {
                PatientDifference::Same
            }
            Some(one) if one["id"] == ours["id"] => PatientDifference::Changed,
            Some(one) if is_as_sent(one, ours) => PatientDifference::Renumbered,
            None if bucket == Bucket::Match && ours["id"] == id => PatientDifference::LeftOut,
            Some(_) | None => PatientDifference::Foreign,
        }
    }

    /// B-08 of one group: our NPI, not excluded, today. A day is given either way for other time zones.
    fn is_characteristic(&self, group: &Value) -> bool {
        let all = group["characteristic"].as_array().into_iter().flatten();
        all.into_iter().any(|one| {
            let start = one["period"]["start"].as_str().unwrap_or_default();
            let day = start
                .get(..10)
                .and_then(|day| day.parse::<NaiveDate>().ok());
            one["valueReference"]["identifier"]["value"] == self.submitted.requester_npi.as_str()
                && one["exclude"] == false
                && day.is_some_and(|day| (day - self.submitted.today).num_days().abs() <= 1)
        })
    }

    /// The quirks that a match result can show, each with whether it does.
    pub fn quirks(&self) -> Vec<(Quirk, bool)> {
        let ours = |sent| self.entries.iter().any(|entry| entry.difference == sent);
        let mut seen = vec![(Quirk::EmptyGroups, self.empty_groups > 0)];
        if !self.entries.is_empty() {
            seen.push((
                Quirk::ContainedRenumbered,
                ours(PatientDifference::Renumbered),
            ));
        }
        if self.matched().next().is_some() {
            seen.push((Quirk::ContainedLeftOut, ours(PatientDifference::LeftOut)));
        }
        seen
    }
}

impl LineSink for MatchResult {
    fn begin_file(&mut self, step: &StepId, number: u32) {
        self.files.begin(step, Some(number));
    }

    fn set_request_id(&mut self, id: Option<PartnerRequestId>) {
        self.files.set_request_id(id);
    }

    fn bytes(&mut self, _: &[u8]) {
        self.files.begin_line();
    }

    fn line(&mut self, text: &str, _: &LineSummary<'_>) -> bool {
        let document = serde_json::from_str(text);
        if let Ok(document) = &document {
            self.document(document);
        }
        document.is_ok()
    }
}

/// B-01.
pub(super) fn match_groups(matches: &MatchResult) -> Finding {
    let count = |bucket| matches.groups.get(&bucket).copied().unwrap_or(0);
    let counts = Bucket::ALL
        .iter()
        .map(|b| format!("{} {b}", count(*b)))
        .collect::<Vec<_>>();
    let passed = count(Bucket::Match) == 1
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
    catalogue::MATCH_GROUPS.finding(passed, "one match group, at most one of each other", seen)
}

/// B-02.
pub(super) fn accounting_identity(matches: &MatchResult, key: &HashKey) -> Finding {
    let ours = matches.entries.iter().filter(|entry| entry.is_ours());
    let (ours, bundles) = (ours.count(), matches.submitted.bundles());
    let finding = catalogue::ACCOUNTING_IDENTITY.finding(
        matches.entries.len() == bundles && ours == bundles,
        format!("{bundles} submitted = {bundles} in all groups together"),
        format!(
            "{} in all groups, {ours} of them submitted",
            matches.entries.len()
        ),
    );
    finding.with_unknown(matches.foreign(None, key))
}

/// B-03. A declared quirk is expected.
pub(super) fn patient_unchanged(matches: &MatchResult, declared: &BTreeSet<Quirk>) -> Finding {
    let is_changed = |entry: &&GroupEntry| match entry.difference {
        PatientDifference::Same | PatientDifference::Foreign => false,
        PatientDifference::Renumbered => !declared.contains(&Quirk::ContainedRenumbered),
        PatientDifference::LeftOut => !declared.contains(&Quirk::ContainedLeftOut),
        PatientDifference::Changed => true,
    };
    let changed = matches.entries.iter().filter(is_changed).count();
    let seen = if changed == 0 {
        "unchanged".to_owned()
    } else {
        format!("{changed} changed")
    };
    catalogue::PATIENT_UNCHANGED.finding(changed == 0, "contained Patients as submitted", seen)
}

/// B-04.
pub(super) fn match_parameters(matches: &MatchResult, key: &HashKey) -> Finding {
    let matched = matches.entries.iter();
    let loose = matched
        .filter(|entry| entry.bucket == Bucket::Match && !entry.is_ours())
        .count();
    let seen = if loose == 0 {
        "each does".to_owned()
    } else {
        format!("{loose} do not")
    };
    let expected = "each match refers to a Patient we sent";
    let finding = catalogue::MATCH_PARAMETERS.finding(loose == 0, expected, seen);
    finding.with_unknown(matches.foreign(Some(Bucket::Match), key))
}

/// B-05: with several coverages, each entry names its own.
pub(super) fn match_coverage(matches: &MatchResult) -> Finding {
    let rule = &catalogue::MATCH_COVERAGE;
    if matches.submitted.bundles() < 2 {
        return rule.finding(true, "one coverage needs no name", "one");
    }
    let ours = matches.entries.iter().filter(|entry| entry.is_ours());
    let named: Vec<&String> = ours.filter_map(|entry| entry.coverage.as_ref()).collect();
    let distinct: BTreeSet<_> = named.iter().collect();
    let bundles = matches.submitted.bundles();
    rule.finding(
        named.len() == bundles && distinct.len() == bundles,
        format!("each of {bundles} coverages named once"),
        format!("{} entries name {} coverages", named.len(), distinct.len()),
    )
}

/// B-07.
pub(super) fn no_reason(matches: &MatchResult) -> Finding {
    let seen = format!("{} with words", matches.reasons);
    catalogue::NO_REASON.finding(matches.reasons == 0, "constrained without a reason", seen)
}

/// B-08.
pub(super) fn characteristic(matches: &MatchResult) -> Finding {
    let seen = format!("{} groups with another", matches.odd_characteristics);
    let expected = "our NPI, exclude false, from today";
    catalogue::CHARACTERISTIC.finding(matches.odd_characteristics == 0, expected, seen)
}

/// Free text about constrained members discloses why their data is restricted.
fn says_why(group: &Value) -> bool {
    let members = group["member"].as_array().into_iter().flatten();
    let has_words = |value: &Value| value.is_string();
    has_words(&group["text"]["div"])
        || has_words(&group["name"])
        || members.into_iter().any(|member| {
            let extensions = member["entity"]["extension"]
                .as_array()
                .into_iter()
                .flatten();
            has_words(&member["entity"]["display"])
                || extensions
                    .into_iter()
                    .any(|one| has_words(&one["valueString"]))
        })
}

fn extension<'g>(entity: &'g Value, url: &str) -> Option<&'g str> {
    let mut extensions = entity["extension"].as_array()?.iter();
    extensions.find(|one| one["url"] == url)?["valueReference"]["reference"].as_str()
}

fn contained<'g>(group: &'g Value, kind: &str, id: &str) -> Option<&'g Value> {
    let mut all = group["contained"].as_array()?.iter();
    all.find(|one| one["resourceType"] == kind && one["id"] == id)
}

/// A contained Patient loses `meta.versionId`, `meta.lastUpdated`, `meta.security` and nested
/// contained resources, nothing else (§150–152). Its id is looked at apart.
/// Nothing is copied: a thousand entries may lead to one large Patient.
fn is_as_sent(contained: &Value, sent: &Value) -> bool {
    const META: &[&str] = &["versionId", "lastUpdated", "security"];
    const REST: &[&str] = &["contained", "meta", "id"];
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
