//! `/metrics`: the KPIs. Counters are counted in the transaction of what they count, so that they outlive a crash and
//! what retention removes; gauges are what is open now.
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

/// The page, as text; with the requests that each limit of a rate refused.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn page(core: &Core, over_rate: [(&'static str, u64); 2]) -> Result<String, StoreError> {
    let page = Page {
        core,
        registry: Registry::new(),
    };
    page.exchanges()?;
    page.members()?;
    page.trouble()?;
    page.over_rate(over_rate)?;
    page.queues()?;
    let mut families = page.registry.gather();
    families.extend([page.completions()?, page.recoveries()?]);
    families.retain(|family| !family.get_metric().is_empty());
    let mut text = Vec::new();
    TextEncoder::new()
        .encode(&families, &mut text)
        .map_err(|error| StoreError::File(std::io::Error::other(error)))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
