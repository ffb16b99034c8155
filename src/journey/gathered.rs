//! What a walk has gathered, for the checks that compare one answer with another.

use chrono::{DateTime, Utc};
use outrider_domain::judge::business::{self, ExportTimes};
use outrider_domain::judge::manifest::Manifest;
use outrider_domain::judge::quirks;
use outrider_domain::judge::records::Depth;
use outrider_domain::model::{Answer, Finding, Member, Quirk};

use super::told::Told;
use super::walk::Walker;

impl Walker<'_> {
    /// A manifest that was read at a status URL.
    pub(super) fn told(&self, url: &str, manifest: Manifest, until: Option<DateTime<Utc>>) -> Told {
        let read = self.order.clock.system();
        let mut kick_offs = self.kick_offs.iter().rev();
        let kick_off = kick_offs.find(|one| one.location == url);
        let times = ExportTimes {
            kicked_off: kick_off.map_or(read, |one| one.at),
            read,
            transaction_time: manifest.transaction_time,
        };
        let since = kick_off.and_then(|one| one.since);
        Told {
            url: url.to_owned(),
            manifest,
            times,
            since,
            until,
        }
    }

    /// Whether a job's manifest was read.
    pub(super) fn is_told(&self, url: &str) -> bool {
        self.manifests.values().any(|told| told.url == url)
    }

    /// What was gathered, for the checks.
    pub(super) fn seen<'s>(
        &'s self,
        member: &'s Member,
        same_key: &'s [String],
    ) -> business::CheckInput<'s> {
        business::CheckInput {
            member,
            matches: self.matches.as_ref(),
            named: self.named.as_deref(),
            records: self.records.as_ref(),
            exports: &self.exports,
            same_key,
            baseline: self.order.partner.baseline.as_ref(),
            declared: &self.order.partner.quirks,
        }
    }

    /// Status URLs that came of the key which was used last more than once.
    pub(super) fn same_key(&self) -> Vec<String> {
        let of = |key: &str| {
            let same = self
                .kick_offs
                .iter()
                .filter(|one| one.key == key && !key.is_empty());
            same.map(|one| one.location.clone()).collect::<Vec<_>>()
        };
        let all = self.kick_offs.iter().rev().map(|one| of(&one.key));
        all.max_by_key(Vec::len).unwrap_or_default()
    }

    /// Takes out what a declared quirk makes the expected answer.
    pub(super) fn excused(&self, findings: Vec<Finding>, answer: &Answer) -> Vec<Finding> {
        let declared = &self.order.partner.quirks;
        let stays = |one: &Finding| one.passed || !quirks::excuses(declared, one, answer);
        findings.into_iter().filter(stays).collect()
    }

    /// Notes what an answer shows of quirks.
    pub(super) fn note(&mut self, seen: impl IntoIterator<Item = (Quirk, bool)>) {
        self.quirks.note(seen);
    }

    /// How much of each record the journey's checks need.
    pub(super) fn depth(&self) -> Depth {
        Depth::of(self.order.journey.checks())
    }
}
