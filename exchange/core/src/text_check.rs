//! Checks texts of people against what the store knows of members.

use super::exchange::Exchange;
use super::free_text::{FreeText, MemberData, TextFault, runs};
use super::store::{Result, Store};

/// What comes of a text.
pub type Checked = std::result::Result<FreeText, TextFault>;

/// Reads a text about an exchange: it names neither a member of that exchange nor the id of any member.
///
/// # Errors
/// When the store cannot be read.
pub fn about_exchange(store: &Store, exchange: &Exchange, text: &str) -> Result<Checked> {
    let read = match FreeText::read(text) {
        Ok(read) => read,
        Err(fault) => return Ok(Err(fault)),
    };
    let bundles = store.request(&exchange.id)?;
    let members = store.members(&exchange.id)?;
    let ids = members.iter().map(|member| member.id.as_str());
    let data = MemberData::of(bundles.as_array().map_or(&[], Vec::as_slice), ids);
    if data.is_in(text) {
        return Ok(Err(TextFault::Member));
    }
    without_ids(store, read)
}

/// Reads a text about no exchange: it holds no id of any member.
///
/// # Errors
/// When the store cannot be read.
pub fn about_store(store: &Store, text: &str) -> Result<Checked> {
    match FreeText::read(text) {
        Ok(read) => without_ids(store, read),
        Err(fault) => Ok(Err(fault)),
    }
}

fn without_ids(store: &Store, read: FreeText) -> Result<Checked> {
    Ok(if store.has_member(&runs(read.text()))? {
        Err(TextFault::Member)
    } else {
        Ok(read)
    })
}
