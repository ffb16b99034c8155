//! What a run has gathered, for the checks that compare one answer with another.

use chrono::{DateTime, Utc};
use outrider_domain::judge::business::{self, ExportTimes};
use outrider_domain::judge::manifest::Manifest;
use outrider_domain::judge::quirks;
use outrider_domain::judge::records::Depth;
use outrider_domain::model::{Answer, Finding, Member, Quirk};

use super::manifest_record::ManifestRecord;
use super::run::Runner;

impl Runner<'_> {
    /// A manifest that was read at a status URL.
    pub(super) fn manifest_record(
        &self,
        url: &str,
        manifest: Manifest,
        until: Option<DateTime<Utc>>,
    ) -> ManifestRecord {
        let read = self.run.clock.system();
        let mut submissions = self.submissions.iter().rev();
        let submission = submissions.find(|one| one.location == url);
        let times = ExportTimes {
            asked: submission.map_or(read, |one| one.at),
            read,
            told: manifest.transaction_time,
        };
        let since = submission.and_then(|one| one.since);
        ManifestRecord {
            url: url.to_owned(),
            manifest,
            times,
            since,
            until,
        }
    }

    /// Whether a job's manifest was read.
    pub(super) fn has_manifest(&self, url: &str) -> bool {
        self.manifests.values().any(|record| record.url == url)
    }

    /// The gathered evidence, for the checks.
    pub(super) fn seen<'s>(
        &'s self,
        member: &'s Member,
        same_key: &'s [String],
    ) -> business::Seen<'s> {
        business::Seen {
            member,
            matches: self.matches.as_ref(),
            named: self.named.as_deref(),
            records: self.records.as_ref(),
            exports: &self.exports,
            same_key,
            baseline: self.run.partner.baseline.as_ref(),
            declared: &self.run.partner.quirks,
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

    /// Removes the findings that a declared quirk explains.
    pub(super) fn excused(&self, findings: Vec<Finding>, answer: &Answer) -> Vec<Finding> {
        let declared = &self.run.partner.quirks;
        let stays = |one: &Finding| one.held || !quirks::excuses(declared, one, answer);
        findings.into_iter().filter(stays).collect()
    }

    /// Records the quirks that an answer shows.
    pub(super) fn note(&mut self, seen: impl IntoIterator<Item = (Quirk, bool)>) {
        self.quirks.note(seen);
    }

    /// How much of each record the journey's checks need.
    pub(super) fn depth(&self) -> Depth {
        Depth::of(self.run.journey.checks())
    }
}
