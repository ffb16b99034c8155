//! What a report carries of the docket: reason words, roles and times, and no free text and no name.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::docket::Docket;
use super::period::ReportPeriod;
use super::row::instant;
use crate::model::{DocketDeed, DocketEntry, PublishedFigure, Zone};

/// The role in which entries are recorded: whoever may act on the agent.
const ROLE: &str = "operator";

/// What the docket says of a period.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocketSection {
    /// The number of the last entry that it follows from; 0 where there is none.
    pub docket_through: u64,
    /// What it corrects; none of a first revision.
    pub corrects: Option<Correction>,
    /// Incidents that began in the period.
    pub incidents: Vec<ReportedIncident>,
    /// Exclusions that leave out something of the period, or would.
    pub exclusions: Vec<ReportedExclusion>,
    /// Disputes about the period.
    pub disputes: Vec<ReportedDispute>,
}

/// What a revision corrects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// The revision that was published before.
    pub revision: u32,
    /// SHA-256 of its JSON.
    pub sha256: String,
    /// What changed, and why.
    pub changes: Vec<Change>,
    /// What it said of each promise.
    pub stood: Vec<PublishedFigure>,
}

/// An entry that changed a published report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// When it was recorded.
    pub at: String,
    /// What was recorded.
    pub what: String,
    /// The incident, exclusion or dispute that it is about; none of a correction of the report itself.
    pub number: Option<u64>,
    /// Why.
    pub reason: String,
}

/// An incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedIncident {
    /// Its number.
    pub number: u64,
    /// When it began.
    pub from: String,
    /// 1 is the worst, 4 the least.
    pub severity: u8,
    /// The kind of exchange that it struck; none for all.
    pub journey: Option<String>,
    /// What it was.
    pub reason: String,
    /// When the partner's support answered.
    pub acknowledged: Option<String>,
    /// When the service was there again.
    pub restored: Option<String>,
    /// When nothing was left to do.
    pub closed: Option<String>,
}

/// An exclusion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedExclusion {
    /// Its number.
    pub number: u64,
    /// Its begin.
    pub from: String,
    /// Its end, left out.
    pub until: String,
    /// Why.
    pub reason: String,
    /// `proposed`, `approved` or `revoked`. An approved one alone leaves runs out.
    pub state: String,
    /// When it was asked for.
    pub added: String,
    /// In which role.
    pub added_by: String,
    /// When somebody else agreed.
    pub approved: Option<String>,
    /// What lies in it, by promise: left out of both counts once it is approved.
    pub removes: Vec<Removed>,
}

/// Runs of a promise that lie in an exclusion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// Which.
    pub promise: String,
    /// Runs that were due.
    pub due: u64,
    /// Runs that were judged.
    pub judged: u64,
    /// Runs that were bad.
    pub bad: u64,
}

/// A dispute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedDispute {
    /// Its number.
    pub number: u64,
    /// `partner` or `us`: in which direction.
    pub owes: String,
    /// About which promise; none for all.
    pub promise: Option<String>,
    /// `partner` or `us`.
    pub raised_by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub opened: String,
    /// When the other side answered.
    pub answered: Option<String>,
    /// The reason word of the answer.
    pub answer: Option<String>,
    /// When it ended.
    pub settled: Option<String>,
    /// `agreed`, `rejected` or `withdrawn`.
    pub settlement: Option<String>,
}

impl ReportedDispute {
    /// Whether it is not settled.
    pub fn is_open(&self) -> bool {
        self.settled.is_none()
    }
}

impl DocketSection {
    /// Of a docket and a period; `removes` counts what lies between two times, by promise.
    ///
    /// # Errors
    /// What `removes` says.
    pub fn of<E>(
        docket: &Docket,
        period: &ReportPeriod,
        zone: Zone,
        removes: impl Fn(DateTime<Utc>, DateTime<Utc>) -> Result<Vec<Removed>, E>,
    ) -> Result<Self, E> {
        let (from, until) = period.instants(zone);
        let incidents = docket.incidents().into_iter();
        let incidents = incidents.filter(|one| (from..until).contains(&one.from));
        let mut exclusions = Vec::new();
        for one in docket.exclusions() {
            let (begin, end) = (one.window.start.max(from), one.window.end.min(until));
            if begin >= end {
                continue;
            }
            exclusions.push(ReportedExclusion {
                number: one.number(),
                from: instant(one.window.start),
                until: instant(one.window.end),
                reason: one.added.wish.reason.name().to_owned(),
                state: one.state().to_owned(),
                added: instant(one.added.at),
                added_by: ROLE.to_owned(),
                approved: one.approved.map(|entry| instant(entry.at)),
                removes: removes(begin, end)?,
            });
        }
        let about = docket.about(period, zone).map(|entry| entry.number);
        Ok(Self {
            docket_through: about.max().unwrap_or_default(),
            corrects: correction(docket, period, zone),
            incidents: incidents
                .map(|one| ReportedIncident {
                    number: one.opened.number,
                    from: instant(one.from),
                    severity: one.severity,
                    journey: one.journey.map(str::to_owned),
                    reason: one.opened.wish.reason.name().to_owned(),
                    acknowledged: one.acknowledged.map(instant),
                    restored: one.restored.map(instant),
                    closed: one.closed.map(|entry| instant(entry.at)),
                })
                .collect(),
            exclusions,
            disputes: disputes(docket, period),
        })
    }

    /// Which revision the report is.
    pub fn revision(&self) -> u32 {
        self.corrects
            .as_ref()
            .map_or(1, |before| before.revision + 1)
    }
}

fn disputes(docket: &Docket, of: &ReportPeriod) -> Vec<ReportedDispute> {
    let all = docket.disputes().into_iter().filter_map(|one| {
        let DocketDeed::DisputeOpen {
            period,
            owes,
            promise,
            raised_by,
        } = &one.opened.wish.act
        else {
            return None;
        };
        let time = |entry: Option<&DocketEntry>| entry.map(|entry| instant(entry.at));
        let word =
            |entry: Option<&DocketEntry>| entry.map(|entry| entry.wish.reason.name().to_owned());
        (*period == of.name).then(|| ReportedDispute {
            number: one.opened.number,
            owes: owes.name().to_owned(),
            promise: promise.clone(),
            raised_by: raised_by.name().to_owned(),
            reason: one.opened.wish.reason.name().to_owned(),
            opened: instant(one.opened.at),
            answered: time(one.answered),
            answer: word(one.answered),
            settled: time(one.settled),
            settlement: word(one.settled),
        })
    });
    all.collect()
}

/// What the present report corrects: the last one that was published before an entry changed it.
fn correction(docket: &Docket, period: &ReportPeriod, zone: Zone) -> Option<Correction> {
    let published = docket.published(&period.name);
    let last = docket.about(period, zone).map(|entry| entry.number).max()?;
    let place = published.iter().rposition(|one| one.entry < last)?;
    let before = &published[place];
    let changes = docket
        .about(period, zone)
        .filter(|entry| entry.number > before.entry);
    Some(Correction {
        revision: before.revision,
        sha256: before.sha256.to_owned(),
        changes: changes.map(change).collect(),
        stood: before.stood.to_vec(),
    })
}

fn change(entry: &DocketEntry) -> Change {
    let act = &entry.wish.act;
    let is_of_period = matches!(
        act,
        DocketDeed::ReportRevise { .. } | DocketDeed::ReportPublish { .. }
    );
    let number = (!is_of_period).then(|| act.continues().unwrap_or(entry.number));
    Change {
        at: instant(entry.at),
        what: entry.wish.act.name().to_owned(),
        number,
        reason: entry.wish.reason.name().to_owned(),
    }
}
