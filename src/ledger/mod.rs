//! The durable record: ticks, runs, sketches, counters, jobs. Decides nothing.
//!
//! One writer, many readers (SQLite in WAL mode). What [`Ledger::commit`] returned for is durable.

mod account;
#[cfg(test)]
mod account_tests;
mod actions;
mod backup;
#[cfg(test)]
mod backup_tests;
mod bound;
#[cfg(test)]
mod bound_tests;
mod certificates;
mod checkpoint;
mod copy_identity;
mod copy_target;
mod difference;
mod disclosures;
mod error;
mod evidence;
mod file;
mod fold;
mod follow_up_runs;
mod fullness;
mod history;
mod ids;
mod incident_events;
mod marks;
mod meta;
mod migrate;
mod migration;
#[cfg(test)]
mod migration_tests;
mod objective_account;
mod pack;
mod paths;
mod place_account;
mod private;
mod read;
mod rename;
mod report_counts;
mod retention;
mod row_account;
mod rows;
mod run_search;
#[cfg(test)]
mod run_search_tests;
mod runs;
#[cfg(test)]
mod size_tests;
mod sql;
#[cfg(test)]
mod sql_tests;
mod stats;
#[cfg(test)]
mod test_support;
mod tick_row;
mod tighten;
mod times;
mod totals;
mod trace;
mod verify;
mod window_runs;
mod write;

pub use backup::{Restored, back_up, put_back};
pub use bound::LedgerSize;
pub use certificates::SeenChain;
pub use checkpoint::LedgerRollback;
pub use copy_target::Existing;
pub use difference::Difference;
pub use error::LedgerError;
pub use file::Ledger;
pub use fullness::Fullness;
pub use history::{EpochBegun, SloHistory};
pub use marks::Marks;
pub use objective_account::Promises;
pub use outrider_domain::model::RunFilter;
pub use report_counts::{ProbeCounts, QuarterCounts};
pub use run_search::FoundRuns;
pub use runs::{EvidenceState, StoredRun};
pub use stats::LedgerStats;
pub use verify::{DamagedEvidence, EvidencePlace};
pub use window_runs::WindowRun;
pub use write::{EarlierEnd, LedgerEntry};
