//! The audit trail: append-only, each entry bound to the one before by its hash, the last one sealed by a key.
//!
//! An entry's hash is SHA-256 over the previous hash, a line end and the entry's canonical JSON. The seal names the
//! last entry, the last event, and a number that grows with each change; its key lies next to the database. The same
//! head is signed and kept in a file outside of the database. A trail whose end is not the sealed one is not continued.
//! Member ids, names and birth dates appear in it only as keyed hashes. Where retention has removed entries a signed
//! gap keeps the chain whole. [`trail`](crate::trail) reads and verifies it.

mod broken;
mod chain;
mod gap;
mod head;
mod heads;
mod keys;
mod seal;

pub use broken::{AUDIT_TABLE, BrokenLink, ChainError};
pub use chain::{AuditEntry, BEGIN, Chain, bytes_of, fold_events, hash};
pub use gap::{Links, SignedGap, Strand, add_gaps, gap_at, gaps};
pub use head::{Head, SignedHead};
pub use heads::{HEADS_FILE, Heads};
pub use keys::{KEY_FILE, Keys};
pub use seal::Seal;
