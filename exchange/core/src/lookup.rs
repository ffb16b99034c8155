//! From the key of a member back to the id: for whoever may, with a reason, and never without an audit entry.

use super::exchange::Exchange;
use super::free_text::TextFault;
use super::review::ReviewAuthor;
use super::store::{FoundMember, Result, Store};
use super::text_check;

/// What comes of a lookup.
#[derive(Debug)]
pub enum LookupResult {
    /// The member.
    Found(FoundMember),
    /// No such key, or another tenant's.
    Unknown,
    /// The reason is not one that may be written down.
    Text(TextFault),
}

/// Looks a member up by its key, among the exchanges of a tenant or of all.
///
/// # Errors
/// When the store fails; nothing is told then.
pub fn lookup(
    store: &Store,
    tenant: Option<&str>,
    key: &str,
    by: &ReviewAuthor<'_>,
) -> Result<LookupResult> {
    let Some(found) = store.member_of_key(tenant, key)? else {
        return Ok(LookupResult::Unknown);
    };
    let newest = found
        .exchanges
        .last()
        .map(String::as_str)
        .unwrap_or_default();
    let Some(exchange): Option<Exchange> = store.exchange(newest)? else {
        return Ok(LookupResult::Unknown);
    };
    match text_check::about_exchange(store, &exchange, by.note)? {
        Ok(note) => {
            store.note_lookup(&exchange, key, (by.actor, note.text()))?;
            Ok(LookupResult::Found(found))
        }
        Err(fault) => Ok(LookupResult::Text(fault)),
    }
}
