//! Adds entries to dockets: by the recorder of a running agent, or by a command while none runs.

use chrono::{DateTime, Utc};
use outrider_domain::model::{DocketEntry, DocketRequest, PartnerId, Plan};
use outrider_domain::sla::{DocketRefusal, admit};

use crate::ledger::{Ledger, LedgerEntry, LedgerError};

/// Why nothing was recorded.
#[derive(Debug, thiserror::Error)]
pub enum NotRecorded {
    /// It may not be.
    #[error(transparent)]
    Refused(#[from] DocketRefusal),
    /// It cannot be.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// By what the user of this process is known: the operating system knows who they are.
pub fn os_author() -> String {
    format!("os-user {}", rustix::process::geteuid().as_raw())
}

/// The entry that a wish becomes by what the ledger holds now.
///
/// # Errors
/// It may not be recorded, or the ledger is unavailable.
pub(super) fn admitted(
    ledger: &Ledger,
    plan: &Plan,
    wish: DocketRequest,
    (author, at): (&str, DateTime<Utc>),
) -> Result<DocketEntry, NotRecorded> {
    let docket = ledger.docket(&PartnerId::new(wish.partner.as_str()))?;
    let number = ledger.next_docket_number()?;
    Ok(admit(plan, &docket, wish, (number, author, at))?)
}

/// Adds an entry to a ledger that no agent has open; its number.
///
/// # Errors
/// It may not be recorded, or the ledger is unavailable.
pub fn record(
    ledger: &mut Ledger,
    plan: &Plan,
    wish: DocketRequest,
    at: DateTime<Utc>,
) -> Result<u64, NotRecorded> {
    let entry = admitted(ledger, plan, wish, (&os_author(), at))?;
    ledger.commit(&[LedgerEntry::Docket(&entry)])?;
    Ok(entry.number)
}
