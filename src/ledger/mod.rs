//! The durable record: ticks, runs, sketches, counters, jobs. Decides nothing.
//!
//! One writer, many readers (SQLite in WAL mode). What [`Ledger::commit`] returned for is durable.

mod checkpoint;
mod file;
mod follow_up_runs;
mod probe;
mod read;
mod rows;
mod slo;
mod write;

pub use checkpoint::LedgerRollback;
pub use file::{Ledger, LedgerError};
pub use read::RunFilter;
pub use slo::BadRun;
pub use write::LedgerEntry;
