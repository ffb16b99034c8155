//! SHA-256 in hex.

use std::fmt::Write as _;

use aws_lc_rs::digest;

/// SHA-256 of `bytes` in lower-case hex.
pub fn hex_of_sha256(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(64);
    for byte in digest::digest(&digest::SHA256, bytes).as_ref() {
        // Writing to a String cannot fail.
        write!(hex, "{byte:02x}").unwrap_or_default();
    }
    hex
}
