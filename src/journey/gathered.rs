//! What a run has gathered, for the checks that compare one answer with another.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use outrider_domain::judge::business::{self, ExportTimes};
use outrider_domain::judge::manifest::Manifest;
use outrider_domain::judge::matches::MatchResult;
use outrider_domain::judge::quirks::ObservedQuirks;
use outrider_domain::judge::records::ExportedRecords;
use outrider_domain::model::{Job, Member, PartnerRequestId, StepId};

use super::manifest_record::ManifestRecord;
use super::run_request::RunRequest;
use super::submission::Submission;

/// A match result that came as the answer to its kick-off.
#[derive(Debug)]
pub(super) struct DirectMatch {
    /// The step that kicked the match off.
    pub(super) step: StepId,
    pub(super) document: serde_json::Value,
    /// The partner's own id of that request.
    pub(super) request_id: Option<PartnerRequestId>,
}

/// What a run has gathered.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) submissions: Vec<Submission>,
    /// The jobs that submit steps opened and that are not released.
    pub(super) jobs: BTreeMap<StepId, Job>,
    pub(super) manifests: BTreeMap<StepId, ManifestRecord>,
    /// The match result that came as the answer to its kick-off, without a job.
    pub(super) direct_match: Option<DirectMatch>,
    pub(super) matches: Option<MatchResult>,
    /// The Patients that an exchange core's result names as found.
    pub(super) found_patients: Option<Vec<String>>,
    /// The exports that were read.
    pub(super) exports: Vec<ExportTimes>,
    pub(super) records: Option<ExportedRecords>,
    /// The step that read the records.
    pub(super) read_by: Option<StepId>,
    pub(super) quirks: ObservedQuirks,
    /// Whether another job of ours was open at the partner when a job was submitted.
    pub(super) own_job_open: bool,
}

impl Gathered {
    /// The record of a manifest that was read at a status URL.
    pub(super) fn manifest_record(
        &self,
        url: String,
        manifest: Manifest,
        read: DateTime<Utc>,
        until: Option<DateTime<Utc>>,
    ) -> ManifestRecord {
        let mut submissions = self.submissions.iter().rev();
        let submission = submissions.find(|one| one.location == url);
        let times = ExportTimes {
            kicked_off: submission.map_or(read, |one| one.at),
            read,
            transaction_time: manifest.transaction_time,
        };
        ManifestRecord {
            url,
            manifest,
            times,
            since: submission.and_then(|one| one.since),
            until,
        }
    }

    /// Whether a job's manifest was read.
    pub(super) fn has_manifest(&self, url: &str) -> bool {
        self.manifests.values().any(|record| record.url == url)
    }

    /// What the checks look at.
    pub(super) fn seen<'s>(
        &'s self,
        run: &'s RunRequest<'_>,
        member: &'s Member,
        same_key: &'s [String],
    ) -> business::CheckInput<'s> {
        business::CheckInput {
            member,
            matches: self.matches.as_ref(),
            named: self.found_patients.as_deref(),
            records: self.records.as_ref(),
            exports: &self.exports,
            same_key,
            baseline: run.partner.baseline.as_ref(),
            declared: &run.partner.quirks,
            base: &run.partner.base_url,
            key: run.hash_key,
        }
    }

    /// The status URLs of the idempotency key that opened most jobs.
    pub(super) fn same_key(&self) -> Vec<String> {
        let of = |key: &str| {
            let same = self
                .submissions
                .iter()
                .filter(|one| one.key == key && !key.is_empty());
            same.map(|one| one.location.clone()).collect::<Vec<_>>()
        };
        let all = self.submissions.iter().rev().map(|one| of(&one.key));
        all.max_by_key(Vec::len).unwrap_or_default()
    }
}
