//! What may be added to a docket: the one place that says who may do what, when, and with which words.

use chrono::{DateTime, Utc};

use super::docket::{Dispute, Docket, Exclusion, Incident};
use super::period::ReportPeriod;
use super::report::last_day_to_object;
use super::row::instant;
use super::verdict::Verdict;
use crate::model::{
    Debtor, DocketDeed, DocketEntry, DocketReason, DocketRequest, Partner, PartnerId, Plan,
    PublishedFigure, Scale, Sla, TextFault, quarter_of,
};

/// Why something is not recorded, with the fix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocketRefusal {
    /// The files have no such partner.
    #[error("the files have no partner \"{0}\"; write the id of a file in partners/")]
    Partner(String),
    /// A text that is not kept.
    #[error("`{0}` {1}; say in one line who and why, without data of members")]
    Text(&'static str, TextFault),
    /// There is no such incident, exclusion or dispute of this partner.
    #[error(
        "{partner} has no {what} {number}; `outrider {what} list --partner {partner}` shows all"
    )]
    NoSuch {
        /// `incident`, `exclusion` or `dispute`.
        what: &'static str,
        /// As it was written.
        number: u64,
        /// Whose.
        partner: String,
    },
    /// It is not in a state that allows it.
    #[error("{what} {number} is {state} already")]
    State {
        /// `incident`, `exclusion` or `dispute`.
        what: &'static str,
        /// Which.
        number: u64,
        /// In which state.
        state: &'static str,
    },
    /// The same person asked.
    #[error(
        "exclusion {number} was added by {author}, who cannot approve it too; another OS user or another token \
         does. A name that is typed approves nothing"
    )]
    SameAuthor {
        /// Which exclusion.
        number: u64,
        /// By what they are known.
        author: String,
    },
    /// A report that it would change was published.
    #[error(
        "the report of {period} was published, and this would change it: begin a revision first with \
         `outrider report revise --partner {partner} --period {period} --reason … --note …`"
    )]
    Published {
        /// Of which period.
        period: String,
        /// Whose.
        partner: String,
    },
    /// The time to object is over.
    #[error(
        "figures of {period} could be disputed until {until}; later by agreement alone: begin a revision"
    )]
    TooLate {
        /// Of which period.
        period: String,
        /// The last day.
        until: String,
    },
    /// Something else that cannot be, with the fix.
    #[error("{0}")]
    Other(String),
}

fn other(why: impl Into<String>) -> DocketRefusal {
    DocketRefusal::Other(why.into())
}

/// The entry that a wish becomes. `author` is by what who records it is known.
///
/// # Errors
/// Why it is not recorded.
pub fn admit(
    plan: &Plan,
    docket: &Docket,
    wish: DocketRequest,
    (number, author, at): (u64, &str, DateTime<Utc>),
) -> Result<DocketEntry, DocketRefusal> {
    let text = |field| move |fault| DocketRefusal::Text(field, fault);
    let partner = plan.partners.get(&PartnerId::new(wish.partner.as_str()));
    let partner = partner.ok_or_else(|| DocketRefusal::Partner(wish.partner.clone()))?;
    let note = plan.note(&wish.note).map_err(text("note"))?;
    let stated = wish.stated.as_deref().map(|name| plan.person(name));
    let stated = stated.transpose().map_err(text("by"))?;
    let check = Check {
        plan,
        partner,
        docket,
        author,
        now: at,
    };
    check.act(&wish.act, wish.reason)?;
    Ok(DocketEntry {
        number,
        at,
        author: author.to_owned(),
        wish: DocketRequest {
            note,
            stated,
            ..wish
        },
    })
}

struct Check<'a> {
    plan: &'a Plan,
    partner: &'a Partner,
    docket: &'a Docket,
    author: &'a str,
    now: DateTime<Utc>,
}

impl Check<'_> {
    fn act(&self, act: &DocketDeed, reason: DocketReason) -> Result<(), DocketRefusal> {
        match act {
            DocketDeed::IncidentOpen {
                from,
                severity,
                journey,
            } => {
                self.past(*from)?;
                self.journey(journey.as_deref())?;
                let is_known = (1..=4).contains(severity);
                is_known
                    .then_some(())
                    .ok_or_else(|| other("a severity is 1 (the worst) to 4"))
            }
            DocketDeed::IncidentAck { incident, at } => {
                let found = self.open_incident(*incident)?;
                not_yet(
                    "incident",
                    *incident,
                    found.acknowledged.map(|_| "acknowledged"),
                )?;
                self.within(&found, *at)
            }
            DocketDeed::IncidentRestore { incident, at } => {
                let found = self.open_incident(*incident)?;
                not_yet("incident", *incident, found.restored.map(|_| "restored"))?;
                self.within(&found, *at)
            }
            DocketDeed::IncidentClose { incident } => self.open_incident(*incident).map(|_| ()),
            DocketDeed::ExclusionAdd { from, until } => {
                self.quarters(*from, *until)?;
                self.not_published(*from, *until)
            }
            DocketDeed::ExclusionApprove { exclusion } => self.approve(*exclusion),
            DocketDeed::ExclusionRevoke { exclusion } => {
                let found = self.exclusion(*exclusion)?;
                not_yet("exclusion", *exclusion, found.revoked.map(|_| "revoked"))?;
                self.not_published(found.window.start, found.window.end)
            }
            DocketDeed::DisputeOpen {
                period,
                owes,
                promise,
                ..
            } => self.dispute_open(period, *owes, promise.as_deref()),
            DocketDeed::DisputeAnswer { dispute } => {
                let found = self.open_dispute(*dispute)?;
                not_yet("dispute", *dispute, found.answered.map(|_| "answered"))
            }
            DocketDeed::DisputeSettle { dispute } => self.settle(*dispute, reason),
            DocketDeed::ReportRevise { period } => {
                let is_published = !self.docket.published(period).is_empty();
                is_published.then_some(()).ok_or_else(|| {
                    other(format!(
                        "no report of {period} was published; there is nothing to revise"
                    ))
                })
            }
            DocketDeed::ReportPublish {
                period,
                revision,
                sha256,
                stood,
            } => {
                self.published(period, sha256, stood)?;
                self.publish(period, *revision)
            }
        }
    }

    fn settle(&self, dispute: u64, reason: DocketReason) -> Result<(), DocketRefusal> {
        self.open_dispute(dispute)?;
        let ends = [
            DocketReason::Agreed,
            DocketReason::Rejected,
            DocketReason::Withdrawn,
        ];
        let is_end = ends.contains(&reason);
        is_end
            .then_some(())
            .ok_or_else(|| other("a dispute ends with --reason agreed, rejected or withdrawn"))
    }

    fn approve(&self, exclusion: u64) -> Result<(), DocketRefusal> {
        let found = self.exclusion(exclusion)?;
        let is_decided = found.approved.is_some() || found.revoked.is_some();
        not_yet("exclusion", exclusion, is_decided.then(|| found.state()))?;
        if found.added.author == self.author {
            return Err(DocketRefusal::SameAuthor {
                number: exclusion,
                author: self.author.to_owned(),
            });
        }
        self.not_published(found.window.start, found.window.end)
    }

    /// Whether a time can be one of an incident.
    fn within(&self, incident: &Incident<'_>, at: DateTime<Utc>) -> Result<(), DocketRefusal> {
        if at < incident.from {
            let (number, from) = (incident.opened.number, instant(incident.from));
            return Err(other(format!("incident {number} began later, {from}")));
        }
        self.past(at)
    }

    /// What a later revision will show of this one is what only a report of these contracts can say.
    fn published(
        &self,
        period: &str,
        sha256: &str,
        stood: &[PublishedFigure],
    ) -> Result<(), DocketRefusal> {
        let of = ReportPeriod::parse(period).map_err(|why| other(why.to_string()))?;
        let mut slas = self.partner.slas.iter();
        if slas.any(|sla| of.instants(sla.zone).1 > self.now) {
            let why = format!("{period} is not over; there is no report to publish");
            return Err(other(why));
        }
        if sha256.len() != 64 || !sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(other("`sha256` is no SHA-256 in 64 hexadecimal digits"));
        }
        for one in stood {
            let owes = Debtor::named(&one.owes);
            let sla = self.sla(owes.ok_or_else(|| other("`owes` is `partner` or `us`"))?)?;
            let is_promised = sla.promises.iter().any(|own| own.of.name() == one.promise);
            let is_verdict = Verdict::ALL.iter().any(|own| own.words() == one.verdict);
            if !is_promised || !is_verdict {
                let why = "`stood` has a promise or a verdict that no report of this partner has";
                return Err(other(why));
            }
        }
        Ok(())
    }

    fn publish(&self, period: &str, revision: u32) -> Result<(), DocketRefusal> {
        let last = self
            .docket
            .published(period)
            .last()
            .map_or(0, |one| one.revision);
        if revision == last + 1 {
            return Ok(());
        }
        Err(other(format!(
            "revision {last} of {period} is published; what changes it is recorded first: a settled dispute, an \
             exclusion, or `outrider report revise --partner {} --period {period} --reason … --note …`",
            self.partner.id
        )))
    }

    fn dispute_open(
        &self,
        period: &str,
        owes: Debtor,
        promise: Option<&str>,
    ) -> Result<(), DocketRefusal> {
        let of = ReportPeriod::parse(period).map_err(|why| other(why.to_string()))?;
        let sla = self.sla(owes)?;
        if of.instants(sla.zone).1 > self.now {
            return Err(other(format!(
                "{period} is not over; there is no report to dispute"
            )));
        }
        let names: Vec<_> = sla.promises.iter().map(|one| one.of.name()).collect();
        if let Some(promise) = promise.filter(|promise| !names.contains(promise)) {
            let known = names.join(", ");
            return Err(other(format!(
                "\"{promise}\" is not promised. Promises: {known}"
            )));
        }
        let until = last_day_to_object(of.end, sla);
        if sla.zone.local(self.now).date() > until {
            return Err(DocketRefusal::TooLate {
                period: period.to_owned(),
                until: until.to_string(),
            });
        }
        Ok(())
    }

    fn sla(&self, owes: Debtor) -> Result<&Sla, DocketRefusal> {
        let mut slas = self.partner.slas.iter();
        slas.find(|sla| sla.owes == owes).ok_or_else(|| {
            other(format!(
                "{} has no [[sla]] with owes = \"{owes}\"",
                self.partner.id
            ))
        })
    }

    fn past(&self, at: DateTime<Utc>) -> Result<(), DocketRefusal> {
        if at > self.now {
            return Err(other(format!("{} lies in the future", instant(at))));
        }
        Ok(())
    }

    fn journey(&self, journey: Option<&str>) -> Result<(), DocketRefusal> {
        let own = self
            .plan
            .probes
            .keys()
            .filter(|one| one.partner == self.partner.id);
        let own: Vec<_> = own.map(|one| one.journey.to_string()).collect();
        match journey.filter(|journey| !own.iter().any(|one| one == journey)) {
            None => Ok(()),
            Some(journey) => Err(other(format!(
                "{} has no journey \"{journey}\". Journeys: {}",
                self.partner.id,
                own.join(", ")
            ))),
        }
    }

    fn quarters(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> Result<(), DocketRefusal> {
        if from >= until {
            return Err(other("an exclusion ends after it begins"));
        }
        for at in [from, until] {
            let whole = quarter_of(Scale::REAL, at);
            if whole != at {
                return Err(other(format!(
                    "runs are counted by whole quarter hours, and {} is none; write {} or the next one",
                    instant(at),
                    instant(whole)
                )));
            }
        }
        if self.partner.slas.is_empty() {
            return Err(other(format!(
                "{} has no [[sla]] to leave runs out of",
                self.partner.id
            )));
        }
        Ok(())
    }

    /// No published report may change unnoticed.
    fn not_published(
        &self,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<(), DocketRefusal> {
        for name in self.docket.published_periods() {
            let Ok(period) = ReportPeriod::parse(name) else {
                continue;
            };
            let overlaps = self.partner.slas.iter().any(|sla| {
                let (begin, end) = period.instants(sla.zone);
                from < end && begin < until
            });
            if overlaps && self.docket.is_closed(name) {
                return Err(DocketRefusal::Published {
                    period: name.to_owned(),
                    partner: self.partner.id.to_string(),
                });
            }
        }
        Ok(())
    }

    fn no_such(&self, what: &'static str, number: u64) -> DocketRefusal {
        DocketRefusal::NoSuch {
            what,
            number,
            partner: self.partner.id.to_string(),
        }
    }

    /// One that is not closed.
    fn open_incident(&self, number: u64) -> Result<Incident<'_>, DocketRefusal> {
        let mut all = self.docket.incidents().into_iter();
        let found = all.find(|one| one.opened.number == number);
        let found = found.ok_or_else(|| self.no_such("incident", number))?;
        not_yet("incident", number, found.closed.map(|_| "closed"))?;
        Ok(found)
    }

    fn exclusion(&self, number: u64) -> Result<Exclusion<'_>, DocketRefusal> {
        let mut all = self.docket.exclusions().into_iter();
        all.find(|one| one.number() == number)
            .ok_or_else(|| self.no_such("exclusion", number))
    }

    /// One that is not settled.
    fn open_dispute(&self, number: u64) -> Result<Dispute<'_>, DocketRefusal> {
        let mut all = self.docket.disputes().into_iter();
        let found = all.find(|one| one.opened.number == number);
        let found = found.ok_or_else(|| self.no_such("dispute", number))?;
        not_yet("dispute", number, found.settled.map(|_| "settled"))?;
        Ok(found)
    }
}

/// Refuses what is in a state already.
fn not_yet(
    what: &'static str,
    number: u64,
    state: Option<&'static str>,
) -> Result<(), DocketRefusal> {
    state.map_or(Ok(()), |state| {
        Err(DocketRefusal::State {
            what,
            number,
            state,
        })
    })
}
