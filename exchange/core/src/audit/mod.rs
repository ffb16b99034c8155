//! The audit trail: append-only, each entry bound to the one before by its hash, the last one sealed by a key.
//!
//! An entry's hash is SHA-256 over the previous hash, a line end and the entry's canonical JSON. A trail that was
//! cut at its end, or rewritten as a whole, fails the check of the seal, whose key lies next to the database. Names and
//! birth dates appear in it only as keyed hashes. [`trail`](crate::trail) reads and verifies it.

mod chain;
mod keys;

pub use chain::{AuditEntry, BEGIN, Chain, hash};
pub use keys::Keys;
