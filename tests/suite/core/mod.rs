//! The exchange core, through its front door: what comes of a request, whatever partners do and whenever it dies.

mod crash;
mod door;
mod front;
mod life;
mod load;
mod manifest;
mod metrics;
mod monitoring;
mod partner_faults;
mod pypi;
mod trail;
