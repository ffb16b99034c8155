//! The audit trail: append-only, each entry bound to the one before by its hash, the last one sealed by a key.
//!
//! An entry's hash is SHA-256 over the previous hash, a line end and the entry's canonical JSON. A trail that was
//! cut at its end or written anew as a whole is noticed by the seal, whose key lies beside the database. Names and
//! birth dates are never in it but as keyed hashes.

mod chain;
mod keys;
mod verify;

pub use chain::{BEGIN, Chain, Entry, hash};
pub use keys::Keys;
pub use verify::{Broken, Trail, Verified, verify_file, verify_store};
