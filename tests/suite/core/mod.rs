//! The exchange core, through its API: what comes of a request, whatever partners do and whenever it dies.

mod abuse;
mod answers;
mod api;
mod client;
mod crash;
mod field;
mod grants;
mod identifiers;
mod life;
mod load;
mod manifest;
mod metrics;
mod monitoring;
mod partner_faults;
mod pypi;
mod restore;
mod retention;
mod seal;
mod trail;
