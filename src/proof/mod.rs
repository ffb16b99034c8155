//! Proof that a document is ours and unchanged: one key, Ed25519, over the bytes as they were written. The raw
//! signature is what `openssl pkeyutl` reads; the envelope is DSSE, for tools that carry document and signature in
//! one file.

mod dsse;
mod key;

pub use dsse::{EnvelopeFault, REPORT_TYPE, envelope, open_envelope};
pub use key::{KeyFault, ProofKey, PublicProofKey};

use aws_lc_rs::digest;

/// SHA-256 in lower-case hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, bytes);
    digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
