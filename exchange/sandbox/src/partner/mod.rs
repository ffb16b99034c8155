//! One responding payer: discovery, token, bulk match, export, files and release.
//!
//! Speaks PDex 2.2 with Group NDJSON results. Every request passes the faults first, then the token
//! check, then the handler: a partner with an outage does not check who is asking.

mod body;
mod bulk;
mod bundle;
mod consent;
mod discovery;
mod download;
mod export;
mod export_query;
mod file_origin;
mod files;
mod filter;
mod group;
mod headers;
mod inject;
mod job;
mod kickoff;
pub mod limits;
mod matching;
mod metadata;
mod middleware;
mod outcome;
#[cfg(test)]
mod parser_fuzz;
mod reads;
mod reset;
mod routes;
mod scans;
mod scope;
mod search;
mod signatures;
mod single;
mod state;
mod stats;
#[cfg(test)]
mod test_support;
mod throttle;
mod token;
mod types;
mod wire;

pub(crate) use scope::BULK_MEMBER_MATCH;
pub use state::{Partner, PartnerSite, Settings};
pub use stats::Stats;
pub use wire::{BoundPort, Listener, ListenerError};
