//! Runs a journey: fills in templates, sends HTTP requests, times each phase, gathers evidence, and
//! has [`outrider_domain::judge`] judge each step. Keeps no state between runs.
//!
//! A broken partner is a finding, never an error. Where the agent itself could not do its work, the
//! run ends with an [`outrider_domain::judge::EarlyStop`].

mod address_log;
mod addresses;
mod attempt;
mod auth;
mod bodies;
mod body;
mod call;
mod certificates;
mod client;
mod connect;
mod egress;
mod extended_wait;
mod fault;
mod gathered;
mod head;
mod jobs;
mod manifest_record;
mod origins;
mod orphan;
mod pool;
mod progress;
mod proxy;
mod rate_limiter;
mod request;
mod request_ids;
mod resolver;
mod run;
mod run_request;
mod runner;
mod send;
mod sign_in;
mod stall_detector;
mod stamp;
mod step_log;
mod steps;
mod stream;
mod submission;
mod template;
mod timestamps;
mod tls;
mod tokens;
mod wire;

pub use certificates::chain_end;
pub use client::Client;
pub use orphan::{FailedRelease, OrphanRelease, TokenAllowance, release_orphan};
pub use proxy::is_in_environment;
pub use rate_limiter::{Admission, RateLimiter};
pub use resolver::Resolver;
pub use run::{run, run_with_baseline};
pub use run_request::{JobNote, RunRequest, TickContext};
pub use tokens::Tokens;
