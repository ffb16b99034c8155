//! What the entries of a partner's docket come to: the state of each incident, exclusion and dispute, and which
//! revision of a report is due.

use std::ops::Range;

use chrono::{DateTime, Utc};

use super::period::ReportPeriod;
use crate::model::{DocketDeed, DocketEntry, DocketReason, PublishedFigure, Zone};

/// The entries of one partner, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Docket {
    entries: Vec<DocketEntry>,
}

/// An incident as it stands.
#[derive(Clone, Debug)]
pub struct Incident<'a> {
    /// The entry that opened it.
    pub opened: &'a DocketEntry,
    /// When it began.
    pub from: DateTime<Utc>,
    /// 1 is the worst, 4 the least.
    pub severity: u8,
    /// The kind of exchange that it struck; none for all.
    pub journey: Option<&'a str>,
    /// When the partner's support answered.
    pub acknowledged: Option<DateTime<Utc>>,
    /// When the service was there again.
    pub restored: Option<DateTime<Utc>>,
    /// The entry that closed it.
    pub closed: Option<&'a DocketEntry>,
}

/// An exclusion as it stands.
#[derive(Clone, Debug)]
pub struct Exclusion<'a> {
    /// The entry that asked for it.
    pub added: &'a DocketEntry,
    /// The entry that agreed.
    pub approved: Option<&'a DocketEntry>,
    /// The entry that took it back.
    pub revoked: Option<&'a DocketEntry>,
    /// What was due in it is left out, its end not.
    pub window: Range<DateTime<Utc>>,
}

/// A dispute as it stands.
#[derive(Clone, Debug)]
pub struct Dispute<'a> {
    /// The entry that opened it.
    pub opened: &'a DocketEntry,
    /// The entry that answered.
    pub answered: Option<&'a DocketEntry>,
    /// The entry that ended it.
    pub settled: Option<&'a DocketEntry>,
}

/// A report that was published.
#[derive(Clone, Debug)]
pub struct Published<'a> {
    /// The number of the entry that says so.
    pub entry: u64,
    /// Which revision.
    pub revision: u32,
    /// SHA-256 of its JSON.
    pub sha256: &'a str,
    /// What it said of each promise.
    pub stood: &'a [PublishedFigure],
}

impl Exclusion<'_> {
    /// Its number.
    pub fn number(&self) -> u64 {
        self.added.number
    }

    /// Whether it takes runs out of both counts.
    pub fn holds(&self) -> bool {
        self.approved.is_some() && self.revoked.is_none()
    }

    /// Its state in a word.
    pub fn state(&self) -> &'static str {
        match (self.approved, self.revoked) {
            (_, Some(_)) => "revoked",
            (Some(_), None) => "approved",
            (None, None) => "proposed",
        }
    }
}

impl Docket {
    /// Of a partner's entries in the order of their numbers.
    pub fn new(entries: Vec<DocketEntry>) -> Self {
        Self { entries }
    }

    /// As it stood with an entry, without those that came later.
    pub fn through(mut self, number: u64) -> Self {
        self.entries.retain(|entry| entry.number <= number);
        self
    }

    /// Its entries, oldest first.
    pub fn entries(&self) -> &[DocketEntry] {
        &self.entries
    }

    fn last_of(&self, is: impl Fn(&DocketDeed) -> bool) -> Option<&DocketEntry> {
        self.entries.iter().rev().find(|entry| is(&entry.wish.act))
    }

    /// Every incident.
    pub fn incidents(&self) -> Vec<Incident<'_>> {
        let all = self.entries.iter().filter_map(|opened| {
            let DocketDeed::IncidentOpen {
                from,
                severity,
                journey,
            } = &opened.wish.act
            else {
                return None;
            };
            let number = opened.number;
            let mut one = Incident {
                opened,
                from: *from,
                severity: *severity,
                journey: journey.as_deref(),
                acknowledged: None,
                restored: None,
                closed: None,
            };
            for entry in &self.entries {
                let act = &entry.wish.act;
                if let DocketDeed::IncidentAck { incident, at } = act
                    && *incident == number
                {
                    one.acknowledged = Some(*at);
                } else if let DocketDeed::IncidentRestore { incident, at } = act
                    && *incident == number
                {
                    one.restored = Some(*at);
                } else if *act == (DocketDeed::IncidentClose { incident: number }) {
                    one.closed = Some(entry);
                }
            }
            Some(one)
        });
        all.collect()
    }

    /// Every exclusion, whatever its state.
    pub fn exclusions(&self) -> Vec<Exclusion<'_>> {
        let all = self.entries.iter().filter_map(|added| {
            let DocketDeed::ExclusionAdd { from, until } = added.wish.act else {
                return None;
            };
            let number = added.number;
            Some(Exclusion {
                added,
                approved: self.last_of(
                    |act| matches!(act, DocketDeed::ExclusionApprove { exclusion } if *exclusion == number),
                ),
                revoked: self.last_of(
                    |act| matches!(act, DocketDeed::ExclusionRevoke { exclusion } if *exclusion == number),
                ),
                window: from..until,
            })
        });
        all.collect()
    }

    /// The stretches of time that approved exclusions leave out. What lies in two is left out once.
    pub fn left_out(&self) -> Vec<Range<DateTime<Utc>>> {
        let exclusions = self.exclusions().into_iter();
        exclusions
            .filter(Exclusion::holds)
            .map(|one| one.window)
            .collect()
    }

    /// Every dispute.
    pub fn disputes(&self) -> Vec<Dispute<'_>> {
        let opened = self.entries.iter();
        let opened = opened.filter(|one| matches!(one.wish.act, DocketDeed::DisputeOpen { .. }));
        let all = opened.map(|opened| Dispute {
            opened,
            answered: self.last_of(
                |act| matches!(act, DocketDeed::DisputeAnswer { dispute } if *dispute == opened.number),
            ),
            settled: self.last_of(
                |act| matches!(act, DocketDeed::DisputeSettle { dispute } if *dispute == opened.number),
            ),
        });
        all.collect()
    }

    /// The publications of a period's reports, oldest first.
    pub(super) fn published(&self, of: &str) -> Vec<Published<'_>> {
        let all = self.publications().filter(|(period, _)| *period == of);
        all.map(|(_, published)| published).collect()
    }

    /// Every period of which a report was published.
    pub(super) fn published_periods(&self) -> Vec<&str> {
        let mut all: Vec<&str> = self.publications().map(|(period, _)| period).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Every publication with its period, oldest first.
    pub fn publications(&self) -> impl Iterator<Item = (&str, Published<'_>)> {
        self.entries.iter().filter_map(|entry| {
            let DocketDeed::ReportPublish {
                period,
                revision,
                sha256,
                stood,
            } = &entry.wish.act
            else {
                return None;
            };
            let published = Published {
                entry: entry.number,
                revision: *revision,
                sha256,
                stood,
            };
            Some((period.as_str(), published))
        })
    }

    /// Whether a report of a period was published with this digest.
    pub fn has_published(&self, of: &str, sha256: &str) -> bool {
        self.published(of).iter().any(|one| one.sha256 == sha256)
    }

    /// Whether the report of a period was published and nothing has begun a further revision of it.
    pub(super) fn is_closed(&self, of: &str) -> bool {
        let Some(last) = self.published(of).last().map(|one| one.entry) else {
            return false;
        };
        let begun = self.last_of(|act| {
            matches!(act, DocketDeed::ReportRevise { period } if period == of)
                || matches!(act, DocketDeed::DisputeSettle { dispute } if self.is_upheld(*dispute, of))
        });
        begun.is_none_or(|begun| begun.number < last)
    }

    /// Whether a dispute about a period was settled in favour of who raised it.
    fn is_upheld(&self, dispute: u64, of: &str) -> bool {
        self.disputes().iter().any(|one| {
            one.opened.number == dispute
                && matches!(&one.opened.wish.act, DocketDeed::DisputeOpen { period, .. } if period == of)
                && one.settled.is_some_and(|settled| settled.wish.reason == DocketReason::Agreed)
        })
    }

    /// The entries that the report of a period shows or follows from; publications are none of them.
    pub(super) fn about<'a>(
        &'a self,
        of: &'a ReportPeriod,
        zone: Zone,
    ) -> impl Iterator<Item = &'a DocketEntry> {
        let (from, until) = of.instants(zone);
        self.entries
            .iter()
            .filter(move |entry| self.is_about(&entry.wish.act, &of.name, &(from..until)))
    }

    fn is_about(&self, act: &DocketDeed, name: &str, between: &Range<DateTime<Utc>>) -> bool {
        if let Some(number) = act.continues() {
            let entry = self.entries.iter().find(|entry| entry.number == number);
            return entry.is_some_and(|entry| self.is_about(&entry.wish.act, name, between));
        }
        matches!(act, DocketDeed::IncidentOpen { from, .. } if between.contains(from))
            // What is left out of an earlier period changes the trend.
            || matches!(act, DocketDeed::ExclusionAdd { from, .. } if *from < between.end)
            || matches!(act, DocketDeed::DisputeOpen { period, .. } | DocketDeed::ReportRevise { period } if period == name)
    }
}
