//! The page at `/` of the control listener: the partners' addresses, and how to point a client at them.

use std::path::PathBuf;

use askama::Template;
use exchange_kit::clock::Clock;

use super::partners::ServedPartner;
use crate::fault::Fault;
use crate::partner::BULK_MEMBER_MATCH;
use crate::persona::{self, PersonaEntry};
use crate::store::StoreError;

/// What the page shows next to the partners.
#[derive(Clone, Debug)]
pub struct PageContext {
    /// The control listener's own address, `http://...`.
    pub control: String,
    /// The CA's certificate.
    pub trust: PathBuf,
    /// The partners' clock.
    pub clock: Clock,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The jobs could not be counted.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The page could not be written.
    #[error("the page could not be written: {0}")]
    Template(#[from] askama::Error),
}

#[derive(Template)]
#[template(path = "landing.html")]
struct Page {
    version: &'static str,
    now: String,
    control: String,
    trust: String,
    match_scope: &'static str,
    faults: Vec<&'static str>,
    partners: Vec<PartnerRow>,
}

/// One partner.
struct PartnerRow {
    id: &'static str,
    name: &'static str,
    persona: &'static str,
    entry: PersonaEntry,
    base_url: String,
    token_url: String,
    file_origin: Option<String>,
    key: String,
    kid: String,
    fault: Option<&'static str>,
    requests: u64,
    tokens: u64,
    files: u64,
    refused: u64,
    open_jobs: usize,
}

/// The page, with the partners in the order of their personas.
pub(crate) fn page<'a>(
    context: &PageContext,
    served: impl Iterator<Item = &'a ServedPartner>,
) -> Result<String, PageError> {
    let mut partners = served
        .map(row)
        .collect::<Result<Vec<PartnerRow>, StoreError>>()?;
    partners.sort_by_key(|one| one.entry.persona);
    let page = Page {
        version: env!("CARGO_PKG_VERSION"),
        now: context
            .clock
            .now()
            .format("%Y-%m-%d %H:%M:%S UTC")
            .to_string(),
        control: context.control.clone(),
        trust: context.trust.display().to_string(),
        match_scope: BULK_MEMBER_MATCH,
        faults: Fault::ALL.map(Fault::name).to_vec(),
        partners,
    };
    Ok(page.render()?)
}

fn row(served: &ServedPartner) -> Result<PartnerRow, StoreError> {
    let partner = &served.partner;
    let stats = partner.stats();
    let jobs = partner.jobs()?;
    let key = partner.registry.issued_keys.first();
    Ok(PartnerRow {
        id: partner.payer.id,
        name: partner.payer.name,
        persona: partner.payer.persona.name(),
        entry: persona::entry(partner.payer.persona),
        base_url: partner.base_url.clone(),
        token_url: partner.token_url(),
        file_origin: partner.file_origin.clone(),
        key: key
            .map(|key| key.file.display().to_string())
            .unwrap_or_default(),
        kid: key.map(|key| key.kid.clone()).unwrap_or_default(),
        fault: partner.with_faults(|faults| faults.newest().map(Fault::name)),
        requests: stats.requests.values().sum(),
        tokens: stats.tokens_issued,
        files: stats.files,
        refused: stats.refused.values().sum(),
        open_jobs: jobs.iter().filter(|job| job.released_ms.is_none()).count(),
    })
}
