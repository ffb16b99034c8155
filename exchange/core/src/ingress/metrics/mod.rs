//! `/metrics`: the KPIs, counted from the store each time, so that they outlive a crash and are exact.
//!
//! Labels are closed: partners that are known, registered payers, words of the request. Numbers that need an
//! oracle are not here: the core does not know what must come.

mod exchanges;
mod page;
mod queues;
mod trouble;

use prometheus::{Encoder as _, Registry, TextEncoder};

use crate::engine::Core;
use crate::store::StoreError;
use page::Page;

/// The page, as text.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn page(core: &Core) -> Result<String, StoreError> {
    let page = Page {
        core,
        registry: Registry::new(),
    };
    page.exchanges()?;
    page.members()?;
    page.durations()?;
    page.trouble()?;
    page.queues()?;
    let mut text = Vec::new();
    TextEncoder::new()
        .encode(&page.registry.gather(), &mut text)
        .map_err(|error| StoreError::File(std::io::Error::other(error)))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
