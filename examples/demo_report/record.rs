//! What people recorded in the year: incidents, an exclusion that the other side agreed to, and an open dispute.

use std::error::Error;
use std::ops::Range;

use chrono::{DateTime, TimeDelta, Utc};
use outrider::ledger::{Ledger, LedgerEntry};
use outrider_domain::model::{Debtor, DocketDeed, DocketReason, DocketRequest, PartnerId, Plan};
use outrider_domain::sla::{ReportPeriod, admit};

/// Adds the entries, each as the rules of the record admit it.
///
/// # Errors
/// One is not admitted, or the ledger is unavailable.
pub(crate) fn write_record(
    ledger: &mut Ledger,
    plan: &Plan,
    last: &ReportPeriod,
    between: &Range<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<(), Box<dyn Error>> {
    let mut desk = DocketWriter { ledger, plan };
    let before = |days| between.end - TimeDelta::days(days);
    let hours = TimeDelta::hours;
    // Stonebridge could not be reached for nine hours.
    let (from, journey) = (before(12), Some("bulk-exchange".to_owned()));
    let incident = desk.add(
        ("stonebridge", "token dana", from + hours(1)),
        DocketDeed::IncidentOpen {
            from,
            severity: 1,
            journey,
        },
        DocketReason::Outage,
    )?;
    let at = from + hours(2);
    let acked = DocketDeed::IncidentAck { incident, at };
    desk.add(
        ("stonebridge", "token dana", at),
        acked,
        DocketReason::Outage,
    )?;
    let at = from + hours(9);
    let restored = DocketDeed::IncidentRestore { incident, at };
    desk.add(
        ("stonebridge", "token dana", at),
        restored,
        DocketReason::Outage,
    )?;
    // Brightwater announced work late, and the other side agreed to leave it out.
    let (from, until) = (before(8), before(8) + hours(8));
    let exclusion = desk.add(
        ("brightwater", "token dana", until),
        DocketDeed::ExclusionAdd { from, until },
        DocketReason::Maintenance,
    )?;
    let approved = DocketDeed::ExclusionApprove { exclusion };
    desk.add(
        ("brightwater", "token lee", until + hours(20)),
        approved,
        DocketReason::Agreed,
    )?;
    // Northfield objects to last month's figure.
    let disputed = DocketDeed::DisputeOpen {
        period: last.name.clone(),
        owes: Debtor::Partner,
        promise: Some("business".to_owned()),
        raised_by: Debtor::Partner,
    };
    desk.add(
        ("northfield", "token dana", now),
        disputed,
        DocketReason::Measurement,
    )?;
    Ok(())
}

struct DocketWriter<'a> {
    ledger: &'a mut Ledger,
    plan: &'a Plan,
}

impl DocketWriter<'_> {
    /// The number of what was recorded.
    fn add(
        &mut self,
        (partner, author, at): (&str, &str, DateTime<Utc>),
        act: DocketDeed,
        reason: DocketReason,
    ) -> Result<u64, Box<dyn Error>> {
        let wish = DocketRequest {
            partner: partner.to_owned(),
            act,
            reason,
            note: "an entry of the demo".to_owned(),
            stated: None,
        };
        let docket = self.ledger.docket(&PartnerId::new(partner))?;
        let number = self.ledger.next_docket_number()?;
        let entry = admit(self.plan, &docket, wish, (number, author, at))?;
        self.ledger.commit(&[LedgerEntry::Docket(&entry)])?;
        Ok(number)
    }
}
