//! Files as written → the plan as meant, or every mistake with its place and its help.
//!
//! The spanned TOML tree (`tree`) is the file as written; the readers next to it turn it into the
//! nouns of [`crate::model`]. Nothing here opens a socket, a key or a database.

mod access;
mod action_query;
mod alerting;
mod answer;
mod auth;
mod baseline;
mod calendar;
mod currency;
mod declared;
mod diagnostic;
mod duration;
mod formerly;
mod id;
mod journey;
mod known;
mod limits;
mod load;
mod members;
mod moment;
mod objective;
mod overlay;
mod partner;
mod probe;
mod proxy;
mod reading;
mod renames;
mod retention;
mod run_query;
mod secret_ref;
mod secrets;
mod send;
mod settings;
mod sla;
mod sla_objectives;
mod slo;
mod sources;
mod template;
mod threshold;
mod timing;
mod tree;
mod unwatched;
mod verb;

pub use action_query::action_filter;
pub use baseline::{baseline_path, baseline_text};
pub use diagnostic::{Diagnostic, Diagnostics, Severity, SourceFile, nearest};
pub use duration::duration;
pub use load::{load, load_what_can_be_read, load_with_warnings};
pub use moment::moment;
pub use retention::ledger_fits;
pub use run_query::{QueryMistake, RUN_PARAMETERS, no_parameters, range, run_filter};
pub use secrets::{SecretState, secret_states, secrets};
pub use unwatched::without_objectives;
